"""Exit rules: the session's close and the daily loss."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.risk.base import HALT, NO_EXIT, SESSION_CLOSE, exit_reason
from intraday_rl.market.rows import AccountRow, BarRow


class FlatBeforeClose(NamedTuple):
    """Flat so many minutes before the session closes, by the exchange's calendar (R102, B39).

    The exit is decided one bar earlier, so that the bar in which it fills ends `minutes` before the close: 15:55 on a
    full day, 12:55 on a half-day, for 5 minutes.
    """

    minutes: int

    def check(self) -> None:
        """Refuse fewer than one minute: the last bar of the session is not traded in."""
        checks.at_least("FlatBeforeClose", "minutes", self.minutes, 1, "minutes")


@exit_reason.model.implement(FlatBeforeClose)
def flat_before_close(params: FlatBeforeClose, account: AccountRow, bar: BarRow) -> int:
    """Fire once the next bar would end `minutes` before the close or later."""
    return SESSION_CLOSE if bar.minutes_to_close <= params.minutes + 1 else NO_EXIT


class DailyLoss(NamedTuple):
    """Stop for the day once the session's loss reaches a fraction of its starting NAV (R100, B17)."""

    fraction: float  # of the session-start NAV

    def check(self) -> None:
        """Refuse fractions outside (0, 1]."""
        checks.fraction("DailyLoss", "fraction", self.fraction, "of session-start NAV")


@exit_reason.model.implement(DailyLoss)
def daily_loss(params: DailyLoss, account: AccountRow, bar: BarRow) -> int:
    """Fire when start NAV - NAV >= fraction * start NAV."""
    return HALT if account.start_nav - account.nav >= params.fraction * account.start_nav else NO_EXIT
