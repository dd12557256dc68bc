"""Impact: how far an order moves the price against itself."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow


@model
def temporary_impact(params: Any, quantity: float, decision: BarRow) -> float:
    """Return by how much the fill price moves against the order, in price units, >= 0.

    Args:
        params: the impact model's struct.
        quantity: absolute filled quantity, units.
        decision: the bar at whose close the order was decided (only what was known then enters).
    """
    raise NotImplementedError


class SquareRootImpact(NamedTuple):
    """Square-root temporary impact; it leaves no trace in later prices.

    Formula: coefficient * sigma * sqrt(quantity / V), sigma = the last 60 minutes' volatility per minute in price
    units, V = mean volume of the last 30 minutes. Zero where V is zero (nothing fills in such a market anyway).
    Source: Almgren, Thum, Hauptmann, Li (2005), with the exponent 0.5 of later surveys (SPEC C3).
    """

    coefficient: float  # dimensionless, about 1; 0 switches impact off

    def check(self) -> None:
        """Refuse a negative coefficient."""
        checks.non_negative("SquareRootImpact", "coefficient", self.coefficient)


@temporary_impact.model.implement(SquareRootImpact)
def square_root_impact(params: SquareRootImpact, quantity: float, decision: BarRow) -> float:
    """Return coefficient * volatility * sqrt(quantity / typical volume)."""
    if decision.typical_volume <= 0.0:
        return 0.0
    return params.coefficient * decision.volatility * math.sqrt(quantity / decision.typical_volume)
