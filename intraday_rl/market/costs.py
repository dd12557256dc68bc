"""Commission: what the broker takes for a fill."""

from __future__ import annotations

from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import Stress


@model
def commission_usd(params: Any, quantity: float, notional_usd: float) -> float:
    """Return the commission of one order in USD, >= 0.

    Args:
        params: the commission model's struct.
        quantity: absolute filled quantity, units.
        notional_usd: its absolute value.
    """
    raise NotImplementedError


class PerUnitCommission(NamedTuple):
    """So much per share or contract, with an order minimum and a cap as a fraction of the notional.

    Formula: min(max(order_minimum_usd, per_unit_usd * quantity), cap_fraction * notional). The part of an order that
    is carried into the next bar counts as a new order and pays the minimum again. Does not model tiers or rebates.
    """

    per_unit_usd: float
    order_minimum_usd: float
    cap_fraction: float  # of the notional

    def check(self) -> None:
        """Refuse negative fees and caps outside (0, 1]."""
        checks.non_negative("PerUnitCommission", "per_unit_usd", self.per_unit_usd, "USD per unit")
        checks.non_negative("PerUnitCommission", "order_minimum_usd", self.order_minimum_usd, "USD")
        checks.fraction("PerUnitCommission", "cap_fraction", self.cap_fraction, "of the notional")

    def stressed(self, stress: Stress) -> PerUnitCommission:
        """Return the same model with its fees multiplied; nobody asks for more than the notional."""
        return PerUnitCommission(
            self.per_unit_usd * stress.costs,
            self.order_minimum_usd * stress.costs,
            min(self.cap_fraction * stress.costs, 1.0),
        )


@commission_usd.model.implement(PerUnitCommission)
def per_unit_commission(params: PerUnitCommission, quantity: float, notional_usd: float) -> float:
    """Return the struct's formula."""
    fee = max(params.order_minimum_usd, params.per_unit_usd * quantity)
    return min(fee, params.cap_fraction * notional_usd)
