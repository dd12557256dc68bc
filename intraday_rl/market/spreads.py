"""Spread: what an order pays for crossing from the mid to the other side."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow, Stress


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
    multiple: float  # of either; 1 = as it is

    def check(self) -> None:
        """Refuse a negative base spread or multiple."""
        checks.non_negative("QuotedSpread", "base_spread", self.base_spread, "price units")
        checks.non_negative("QuotedSpread", "multiple", self.multiple)

    def stressed(self, stress: Stress) -> QuotedSpread:
        """Return the same model with its costs multiplied."""
        return self._replace(multiple=self.multiple * stress.costs)


@half_spread.model.implement(QuotedSpread)
def quoted_half_spread(params: QuotedSpread, decision: BarRow, bar: BarRow) -> float:
    """Return half of the last quoted spread, or half of the base spread where none is standing."""
    spread = params.base_spread if math.isnan(decision.quoted_spread) else decision.quoted_spread
    return 0.5 * params.multiple * spread


class WideningSpread(NamedTuple):
    """The spread quoted at the decision where the data have quotes, else a base spread that widens (SPEC B44).

    Formula: base * min(max(1, V / usual V, 2 |change| / ATR), widest), by the fill bar's volume V and change of close,
    the volume that is usual at its minute and the ATR of the bar before. A quote already is as wide as its market. Does
    not model the book behind the best quotes.
    """

    base_spread: float  # price units, of a quiet minute; used where the data have no quotes
    widest: float  # times the base spread
    multiple: float  # of either; 1 = as it is

    def check(self) -> None:
        """Refuse a negative base spread or multiple and a widest below 1."""
        checks.non_negative("WideningSpread", "base_spread", self.base_spread, "price units")
        checks.at_least("WideningSpread", "widest", self.widest, 1.0, "times the base spread")
        checks.non_negative("WideningSpread", "multiple", self.multiple)

    def stressed(self, stress: Stress) -> WideningSpread:
        """Return the same model with its costs multiplied."""
        return self._replace(multiple=self.multiple * stress.costs)


@half_spread.model.implement(WideningSpread)
def widening_half_spread(params: WideningSpread, decision: BarRow, bar: BarRow) -> float:
    """Return half of the last quoted spread, or half of the widened base spread where none is standing."""
    spread = decision.quoted_spread
    if math.isnan(spread):
        spread = params.base_spread * min(bar.widening, params.widest)
    return 0.5 * params.multiple * spread
