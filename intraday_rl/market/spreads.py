"""Spread: what an order pays for crossing from the mid to the other side."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow


@model
def half_spread(params: Any, decision: BarRow, bar: BarRow) -> float:
    """Return the half-spread that a fill pays, in price units, >= 0.

    Args:
        params: the spread model's struct.
        decision: the bar at whose close the order was decided.
        bar: the bar in which it fills.
    """
    raise NotImplementedError


class QuotedSpread(NamedTuple):
    """The spread quoted at the decision where the data have quotes, else a base spread.

    Does not model widening with volume or volatility.
    """

    base_spread: float  # price units; used where the data have no quotes

    def check(self) -> None:
        """Refuse a negative base spread."""
        checks.non_negative("QuotedSpread", "base_spread", self.base_spread, "price units")


@half_spread.model.implement(QuotedSpread)
def quoted_half_spread(params: QuotedSpread, decision: BarRow, bar: BarRow) -> float:
    """Return half of the last quoted spread, or half of the base spread where none is standing."""
    if math.isnan(decision.quoted_spread):
        return 0.5 * params.base_spread
    return 0.5 * decision.quoted_spread
