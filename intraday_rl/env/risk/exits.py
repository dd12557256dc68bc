"""Exit rules: of a trade that went wrong or lasts too long, and of the day, by the exchange's calendar."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.risk.base import HALT, NO_EXIT, SESSION_CLOSE, TRADE_EXIT, exit_reason
from intraday_rl.market.rows import AccountRow, BarRow


class FlatBeforeClose(NamedTuple):
    """Flat so many minutes before the session closes, by the exchange's calendar (R102, B39).

    The exit is decided one bar earlier, so that the bar in which it fills ends `minutes` before the close: 15:55 on a
    full day, 12:55 on a half-day, for 5 minutes. Orders that take a minute or longer arrive that much later.
    """

    minutes: int

    def check(self) -> None:
        """Refuse fewer than one minute: the last bar of the session is not traded in."""
        checks.at_least("FlatBeforeClose", "minutes", self.minutes, 1, "minutes")


@exit_reason.model.implement(FlatBeforeClose)
def flat_before_close(params: FlatBeforeClose, account: AccountRow, bar: BarRow) -> int:
    """Fire once the next bar would end `minutes` before the close or later."""
    return SESSION_CLOSE if bar.minutes_to_close <= params.minutes + 1 else NO_EXIT


class TradeStop(NamedTuple):
    """Out of a trade once the price has gone so many ATR against its entry (R103).

    Adverse excursion: entry price - low for a long position, high - entry price for a short one, from the bar of the
    entry on; the ATR is that of the entry's decision, frozen. The exit is a market order in the next bar: a gap beyond
    the stop is paid in full.
    """

    atr_multiple: float

    def check(self) -> None:
        """Refuse a multiple that is not positive."""
        checks.positive("TradeStop", "atr_multiple", self.atr_multiple, "ATR of the entry")


@exit_reason.model.implement(TradeStop)
def trade_stop(params: TradeStop, account: AccountRow, bar: BarRow) -> int:
    """Fire when the adverse excursion reaches the multiple."""
    if account.position == 0.0:
        return NO_EXIT
    adverse = account.entry_price - bar.low if account.position > 0.0 else bar.high - account.entry_price
    return TRADE_EXIT if adverse >= params.atr_multiple * account.entry_atr else NO_EXIT


class HoldingLimit(NamedTuple):
    """Out of a trade after so many minutes (R104): the exit fills in the bar that follows the last of them."""

    minutes: int

    def check(self) -> None:
        """Refuse fewer than one minute."""
        checks.at_least("HoldingLimit", "minutes", self.minutes, 1, "minutes")


@exit_reason.model.implement(HoldingLimit)
def holding_limit(params: HoldingLimit, account: AccountRow, bar: BarRow) -> int:
    """Fire when the position has been held at so many closes."""
    return TRADE_EXIT if account.position != 0.0 and account.bars_held >= params.minutes else NO_EXIT


class MarketTimeLimit(NamedTuple):
    """Done for the day after so many minutes in the market, all trades together (R169, B43)."""

    minutes: int

    def check(self) -> None:
        """Refuse fewer than one minute."""
        checks.at_least("MarketTimeLimit", "minutes", self.minutes, 1, "minutes")


@exit_reason.model.implement(MarketTimeLimit)
def market_time_limit(params: MarketTimeLimit, account: AccountRow, bar: BarRow) -> int:
    """Fire when the session's minutes in the market reach the limit."""
    return HALT if account.in_market_bars >= params.minutes else NO_EXIT
