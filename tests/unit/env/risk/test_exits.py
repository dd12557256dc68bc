"""Exit rules by hand: the session's close and the daily loss."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.risk import EXIT_REASONS, DailyLoss, FlatBeforeClose
from intraday_rl.env.risk.exits import daily_loss, flat_before_close
from tests.support.rows import account_row, bar_row


@pytest.mark.parametrize(
    ("minutes_to_close", "expected"),
    [(7, "agent"), (6, "session_close"), (5, "session_close"), (0, "session_close")],
)
def test_close_is_decided_one_bar_before_it_fills(minutes_to_close, expected):
    # Decided 6 minutes before the close, filled in the bar that ends 5 minutes before it.
    code = flat_before_close(FlatBeforeClose(5), account_row(), bar_row(minutes_to_close=minutes_to_close))
    assert EXIT_REASONS[code] == expected


@pytest.mark.parametrize(
    ("nav", "expected"),
    [(50_100.0, "agent"), (49_760.01, "agent"), (49_760.0, "halt"), (49_000.0, "halt")],
)
def test_daily_loss_fires_at_its_fraction_of_the_start(nav, expected):
    # 0.48 % of 50,000 = 240 USD.
    code = daily_loss(DailyLoss(0.0048), account_row(nav=nav, start_nav=50_000.0), bar_row())
    assert EXIT_REASONS[code] == expected


def test_daily_loss_is_measured_from_the_session_start_not_the_high():
    account = account_row(nav=49_800.0, start_nav=50_000.0, high_water_mark=51_000.0, drawdown=0.024)
    assert EXIT_REASONS[daily_loss(DailyLoss(0.0048), account, bar_row())] == "agent"


@pytest.mark.parametrize(
    ("rule", "name"),
    [(FlatBeforeClose(0), "minutes"), (DailyLoss(0.0), "fraction"), (DailyLoss(1.5), "fraction")],
)
def test_exits_refuse_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
