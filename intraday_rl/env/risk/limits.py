"""Position limits that make the base size: units, notional, and risk per trade (SPEC C3, B3)."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.risk.base import position_limit
from intraday_rl.market.rows import AccountRow, BarRow, OwnMemory


class MaxUnits(NamedTuple):
    """At most so many shares or contracts (R101)."""

    units: int

    def check(self) -> None:
        """Refuse fewer than one unit."""
        checks.at_least("MaxUnits", "units", self.units, 1, "units")


@position_limit.model.implement(MaxUnits)
def max_units(params: MaxUnits, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory) -> float:
    """Return the struct's units."""
    return float(params.units)


class MaxNotional(NamedTuple):
    """At most so much value, as a multiple of the account's NAV."""

    nav_multiple: float

    def check(self) -> None:
        """Refuse a multiple that is not positive."""
        checks.positive("MaxNotional", "nav_multiple", self.nav_multiple, "multiple of NAV")


@position_limit.model.implement(MaxNotional)
def max_notional(params: MaxNotional, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory) -> float:
    """Return nav_multiple * NAV / (price * multiplier)."""
    return params.nav_multiple * account.nav / (bar.close * multiplier)


class RiskPerTrade(NamedTuple):
    """At most so much of NAV lost if the price moves one ATR against the position, costs included."""

    nav_fraction: float
    round_trip_cost: float  # price units, added to the ATR

    def check(self) -> None:
        """Refuse fractions outside (0, 1] and costs that are not positive."""
        checks.fraction("RiskPerTrade", "nav_fraction", self.nav_fraction, "of NAV")
        checks.positive("RiskPerTrade", "round_trip_cost", self.round_trip_cost, "price units")


@position_limit.model.implement(RiskPerTrade)
def risk_per_trade(
    params: RiskPerTrade, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return nav_fraction * NAV / ((ATR + round-trip cost) * multiplier)."""
    return params.nav_fraction * account.nav / ((bar.atr + params.round_trip_cost) * multiplier)
