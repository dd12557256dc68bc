"""Terms that show the way without changing what counts: a potential, and the change of a running Sharpe ratio."""

from __future__ import annotations

import math
from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, reward_term, usd_of_bps
from intraday_rl.market.rows import OwnMemory

LEAST_VARIANCE = 1e-10  # (a tenth of a basis point)^2


class DrawdownPotential(NamedTuple):
    """Potential-based shaping by drawdown: it changes what is learnt first, not which policy is best.

    Potential: -weight * drawdown * session-start NAV, USD, and 0 once the episode has ended flat. The term is
    discount * potential after - potential before: discounted, it adds up to nothing over an episode. Source: Ng,
    Harada, Russell (1999), theorem 1; `discount` has to be the algorithm's.
    """

    weight: float
    discount: float

    def check(self) -> None:
        """Refuse a negative weight and discounts outside (0, 1]."""
        checks.non_negative("DrawdownPotential", "weight", self.weight)
        checks.fraction("DrawdownPotential", "discount", self.discount, "gamma")


@reward_term.model.implement(DrawdownPotential)
def drawdown_potential(params: DrawdownPotential, step: StepRow, memory: OwnMemory) -> float:
    """Return the shaped difference; memory: the potential before the bar, USD, 0 at a session's start."""
    potential = 0.0 if step.ends else -params.weight * step.drawdown * step.start_nav
    shaped = params.discount * potential - memory.first
    memory.first = potential
    return shaped


class DifferentialSharpe(NamedTuple):
    """By how much the bar's return changes an exponentially weighted Sharpe ratio.

    A, B: running means of the return on NAV and of its square, with weight `rate`, 0 at a session's start. Formula:
    weight_bps * (B dA - A dB / 2) / (B - A^2)^(3/2), dA = return - A, dB = return^2 - B, in basis points of
    session-start NAV; 0 while B - A^2 is at most (0.1 bp)^2: at an account's first moves it could be anything.
    Source: Moody, Wu, Liao, Saffell (1998), equation 15.
    """

    weight_bps: float
    rate: float  # of the running means, per bar

    def check(self) -> None:
        """Refuse a negative weight and rates outside (0, 1]."""
        checks.non_negative("DifferentialSharpe", "weight_bps", self.weight_bps, "bps")
        checks.fraction("DifferentialSharpe", "rate", self.rate, "per bar")


@reward_term.model.implement(DifferentialSharpe)
def differential_sharpe(params: DifferentialSharpe, step: StepRow, memory: OwnMemory) -> float:
    """Return the term; memory: A, B."""
    result = step.nav_after / step.nav_before - 1.0 if step.nav_before > 0.0 else 0.0
    mean, square = memory.first, memory.second
    mean_change, square_change = result - mean, result * result - square
    variance = square - mean * mean
    memory.first += params.rate * mean_change
    memory.second += params.rate * square_change
    if variance <= LEAST_VARIANCE:
        return 0.0
    ratio = (square * mean_change - 0.5 * mean * square_change) / (variance * math.sqrt(variance))
    return usd_of_bps(params.weight_bps * ratio, step)
