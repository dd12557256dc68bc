"""A penalty on an account that moves more than it was meant to."""

from __future__ import annotations

import math
from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.env.rewards.base import StepRow, reward_term
from intraday_rl.market.rows import OwnMemory

WINDOW_BARS = 30
BARS_PER_YEAR = 390 * 252


class VolatilityPenalty(NamedTuple):
    """A charge for every bar in which the account's own volatility is above a target (R090, SPEC C3).

    Formula: penalty_lambda * max(0, sigma - target_sigma) * NAV, USD; sigma = standard deviation (ddof 1) of the last
    30 bars' returns on NAV * sqrt(390 * 252). Nothing before there are 30, nor for an account that has nothing left.
    """

    penalty_lambda: float
    target_sigma: float  # fraction per year

    def check(self) -> None:
        """Refuse a negative weight and a target that is not positive."""
        checks.non_negative("VolatilityPenalty", "penalty_lambda", self.penalty_lambda)
        checks.positive("VolatilityPenalty", "target_sigma", self.target_sigma, "per year")


@reward_term.model.implement(VolatilityPenalty)
def volatility_penalty(params: VolatilityPenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge; memory: bars so far, sums of the window's returns and of their squares."""
    count = int(memory.first)
    place = count % WINDOW_BARS
    former = memory.window[place] if count >= WINDOW_BARS else 0.0
    latest = step.nav_after / step.nav_before - 1.0 if step.nav_before > 0.0 else 0.0
    memory.window[place] = latest
    memory.first = count + 1.0
    memory.second += latest - former
    memory.third += latest * latest - former * former
    if place == WINDOW_BARS - 1:
        _sum_anew(memory)
    if count + 1 < WINDOW_BARS:
        return 0.0
    variance = max(0.0, memory.third - memory.second * memory.second / WINDOW_BARS) / (WINDOW_BARS - 1)
    if variance * BARS_PER_YEAR <= params.target_sigma * params.target_sigma:
        return 0.0
    sigma = math.sqrt(variance * BARS_PER_YEAR)
    return -params.penalty_lambda * (sigma - params.target_sigma) * max(0.0, step.nav_after)


@njit
def _sum_anew(memory: OwnMemory) -> None:
    """Add up the window, so that rounding does not gather."""
    memory.second = memory.third = 0.0
    for i in range(WINDOW_BARS):
        memory.second += memory.window[i]
        memory.third += memory.window[i] * memory.window[i]
