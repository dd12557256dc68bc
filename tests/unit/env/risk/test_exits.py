"""Exit rules by hand."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.risk import EXIT_REASONS, FlatBeforeClose
from intraday_rl.env.risk.exits import flat_before_close
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
    ("rule", "name"),
    [(FlatBeforeClose(0), "minutes")],
)
def test_exits_refuse_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
