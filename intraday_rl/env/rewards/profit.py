"""Profit: the change of equity, net of every cost, and bonuses on round trips that won."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, reward_term
from intraday_rl.market.rows import OwnMemory


class Profit(NamedTuple):
    """Net profit of the bar: weight * (NAV after - NAV before), USD."""

    weight: float

    def check(self) -> None:
        """Refuse a weight that is not a finite number >= 0."""
        checks.non_negative("Profit", "weight", self.weight)


@reward_term.model.implement(Profit)
def profit(params: Profit, step: StepRow, memory: OwnMemory) -> float:
    """Return the weighted change of NAV."""
    return params.weight * (step.nav_after - step.nav_before)


class RoundTripBonus(NamedTuple):
    """A round trip that ends counts several times: gains win_multiple, losses loss_multiple times (R042, R069).

    Beside the profit itself, which counts once, the term adds (multiple - 1) times the net result, fading linearly to
    nothing over the first `anneal_fraction` of the training (SPEC B9): with 10 and 1.5 an agent without an edge breaks
    even at 1.5 / 11.5 = 13 % of gains as large as its losses, so it is paid to trade. Never part of a judgement.
    """

    win_multiple: float
    loss_multiple: float
    anneal_fraction: float  # of the training

    def check(self) -> None:
        """Refuse multiples below 1 and fractions outside (0, 1]."""
        checks.at_least("RoundTripBonus", "win_multiple", self.win_multiple, 1.0)
        checks.at_least("RoundTripBonus", "loss_multiple", self.loss_multiple, 1.0)
        checks.fraction("RoundTripBonus", "anneal_fraction", self.anneal_fraction, "of the training")


@reward_term.model.implement(RoundTripBonus)
def round_trip_bonus(params: RoundTripBonus, step: StepRow, memory: OwnMemory) -> float:
    """Return the annealed surplus of a round trip that ended in the bar."""
    multiple = params.win_multiple if step.closed_usd > 0.0 else params.loss_multiple
    left = max(0.0, 1.0 - step.progress / params.anneal_fraction)
    return left * (multiple - 1.0) * step.closed_usd
