"""Penalties on trading itself, above what the market already charges."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.env.rewards.base import StepRow, reward_term
from intraday_rl.market.rows import OwnMemory


class TurnoverPenalty(NamedTuple):
    """Huber cost of the value traded in a bar above a free allowance (SPEC B1, `huber_c1`), USD, never positive.

    With e = traded / NAV - limit, pivot p = limit, slope m = linear_slope_mul and weight w, the cost is
    (m w / 2 p) e^2 for 0 < e < p and m w (e - p / 2) above, times NAV: continuous in value and slope. A slope of `auto`
    is 1 / p, the normalised Huber function: then the cost at the pivot does not depend on the limit.
    """

    weight: float
    limit: float  # free traded value per bar, fraction of NAV; also the pivot
    linear_slope_mul: float | None  # slope of the linear part, in units of weight; None = 1 / limit

    def check(self) -> None:
        """Refuse a negative weight, and limits and slopes that are not positive."""
        checks.non_negative("TurnoverPenalty", "weight", self.weight)
        checks.positive("TurnoverPenalty", "limit", self.limit, "fraction of NAV per bar")
        if self.linear_slope_mul is not None:
            checks.positive("TurnoverPenalty", "linear_slope_mul", self.linear_slope_mul)


@reward_term.model.implement(TurnoverPenalty)
def turnover_penalty(params: Any, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the Huber cost of the excess turnover times NAV."""
    excess = excess_turnover(step, params.limit)
    if excess <= 0.0:
        return 0.0
    multiple = 1.0 / params.limit if math.isnan(params.linear_slope_mul) else params.linear_slope_mul
    slope = multiple * params.weight
    if excess < params.limit:
        cost = slope * excess * excess / (2.0 * params.limit)
    else:
        cost = slope * (excess - 0.5 * params.limit)
    return float(-cost * step.nav_before)


class LiteralTurnoverPenalty(NamedTuple):
    """The documents' own smart Huber (R082): kept to compare with; its slope jumps 1250-fold at the pivot (SPEC B1).

    With e and p as in `TurnoverPenalty`: w e^2 for 0 < e < p and w p^2 + w m (e - p) above, times NAV, USD.
    """

    weight: float
    limit: float  # free traded value per bar, fraction of NAV; also the pivot
    linear_slope_mul: float  # slope of the linear part, in units of weight

    def check(self) -> None:
        """Refuse a negative weight, and limits and slopes that are not positive."""
        checks.non_negative("LiteralTurnoverPenalty", "weight", self.weight)
        checks.positive("LiteralTurnoverPenalty", "limit", self.limit, "fraction of NAV per bar")
        checks.positive("LiteralTurnoverPenalty", "linear_slope_mul", self.linear_slope_mul)


@reward_term.model.implement(LiteralTurnoverPenalty)
def literal_turnover_penalty(params: LiteralTurnoverPenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the literal cost of the excess turnover times NAV."""
    excess = excess_turnover(step, params.limit)
    if excess <= 0.0:
        return 0.0
    if excess < params.limit:
        cost = params.weight * excess * excess
    else:
        cost = params.weight * (params.limit * params.limit + params.linear_slope_mul * (excess - params.limit))
    return -cost * step.nav_before


@njit
def excess_turnover(step: StepRow, limit: float) -> float:
    """Return |traded value| / NAV - limit (R085); 0 for an account that has nothing left."""
    return step.traded_usd / step.nav_before - limit if step.nav_before > 0.0 else 0.0
