"""Entry rules: when nothing more may be bought or sold short, whatever the base size. Exits are never blocked (B48)."""

from __future__ import annotations

import math
from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.risk.base import position_limit
from intraday_rl.market.rows import AccountRow, BarRow, OwnMemory

MINUTES_PER_HOUR = 60


class Cooldown(NamedTuple):
    """No entry at so many decisions after an order was filled to its end (R073)."""

    bars: int

    def check(self) -> None:
        """Refuse negative pauses."""
        checks.at_least("Cooldown", "bars", self.bars, 0, "bars")


@position_limit.model.implement(Cooldown)
def cooldown(params: Cooldown, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory) -> float:
    """Return 0 during the pause."""
    return 0.0 if account.bars_since_trade < params.bars else math.inf


class MaxRoundTrips(NamedTuple):
    """No entry after so many round trips of a session (R169, B43)."""

    round_trips: int

    def check(self) -> None:
        """Refuse fewer than one."""
        checks.at_least("MaxRoundTrips", "round_trips", self.round_trips, 1, "a session")


@position_limit.model.implement(MaxRoundTrips)
def max_round_trips(
    params: MaxRoundTrips, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return 0 once the count is reached; the trip under way counts as one."""
    begun = account.round_trips + (1 if account.position != 0.0 or account.in_transit != 0.0 else 0)
    return 0.0 if begun >= params.round_trips else math.inf


class HourlyTurnover(NamedTuple):
    """In each hour of the session, at most so much value is traded, as a multiple of session-start NAV (B19).

    Hours are counted from the close backwards. What has to be sold again later is not set aside: exits are free. So is
    the closing part of a reversal; its other part is held to the allowance only once that is used up.
    """

    nav_multiple: float

    def check(self) -> None:
        """Refuse a multiple that is not positive."""
        checks.positive("HourlyTurnover", "nav_multiple", self.nav_multiple, "multiple of session-start NAV")


@position_limit.model.implement(HourlyTurnover)
def hourly_turnover(
    params: HourlyTurnover, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return what is held, plus what the rest of the hour's allowance buys at the close; 0 when it is used up."""
    if account.steps == 0 or bar.minutes_to_close <= memory.first:  # memory: minutes to close at the hour's end
        memory.first = MINUTES_PER_HOUR * ((bar.minutes_to_close - 1) // MINUTES_PER_HOUR)
        memory.second = account.traded_notional
    left = params.nav_multiple * account.start_nav - (account.traded_notional - memory.second)
    return abs(account.position) + left / (bar.close * multiplier) if left > 0.0 else 0.0


class EventBlackout(NamedTuple):
    """No entry while the tape shows a blackout: an unusual range, or a scheduled event (R063, B47)."""


@position_limit.model.implement(EventBlackout)
def event_blackout(
    params: EventBlackout, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return 0 during a blackout."""
    return 0.0 if bar.blackout != 0 else math.inf
