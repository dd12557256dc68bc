"""Penalties on trading itself, above what the market already charges."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, TermMemory, reward_term


class TurnoverPenalty(NamedTuple):
    """Huber cost of the value traded in a bar above a free allowance (SPEC B1, `huber_c1`), USD, never positive.

    With e = traded / NAV - limit, pivot p = limit, slope m = linear_slope_mul and weight w, the cost is
    (m w / 2 p) e^2 for 0 < e < p and m w (e - p / 2) above, times NAV: continuous in value and slope.
    """

    weight: float
    limit: float  # free traded value per bar, fraction of NAV; also the pivot
    linear_slope_mul: float  # slope of the linear part, in units of weight

    def check(self) -> None:
        """Refuse a negative weight, and limits and slopes that are not positive."""
        checks.non_negative("TurnoverPenalty", "weight", self.weight)
        checks.positive("TurnoverPenalty", "limit", self.limit, "fraction of NAV per bar")
        checks.positive("TurnoverPenalty", "linear_slope_mul", self.linear_slope_mul)


@reward_term.model.implement(TurnoverPenalty)
def turnover_penalty(params: TurnoverPenalty, step: StepRow, memory: TermMemory) -> float:
    """Return minus the Huber cost of the excess turnover times NAV."""
    excess = step.traded_usd / step.nav_before - params.limit
    if excess <= 0.0:
        return 0.0
    slope = params.linear_slope_mul * params.weight
    if excess < params.limit:
        cost = slope * excess * excess / (2.0 * params.limit)
    else:
        cost = slope * (excess - 0.5 * params.limit)
    return -cost * step.nav_before
