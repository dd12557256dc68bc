"""Fills: a share of the fill bar's volume, whole when urgent, nothing in a minute without a trade."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.fills import volume_share_carry, volume_share_fill
from tests.support.rows import bar_row
from tests.support.tapes import make_fill

FILL = make_fill(max_volume_fraction=0.1)
DECISION = bar_row()


@pytest.mark.parametrize(
    ("order", "volume", "expected"),
    [
        (100.0, 10_000.0, 100.0),
        (-100.0, 10_000.0, -100.0),
        (500.0, 1_239.0, 123.0),  # floor(123.9)
        (-500.0, 1_239.0, -123.0),
        (500.0, 25.7, 2.0),  # data may hold fractional volume
        (500.0, 9.0, 0.0),
        (-500.0, 9.0, 0.0),
        (0.0, 10_000.0, 0.0),
    ],
)
def test_fill_takes_at_most_the_share_of_the_volume(order, volume, expected):
    assert volume_share_fill(FILL, order, False, DECISION, bar_row(volume=volume)) == expected


@pytest.mark.parametrize("order", [500.0, -500.0])
def test_fill_of_an_urgent_order_ignores_the_share(order):
    assert volume_share_fill(FILL, order, True, DECISION, bar_row(volume=9.0)) == order


@pytest.mark.parametrize("urgent", [False, True])
def test_fill_needs_a_trade_in_the_minute(urgent):
    assert volume_share_fill(FILL, 100.0, urgent, DECISION, bar_row(traded=0)) == 0.0


def test_fill_carry_limit_is_the_parameter():
    assert volume_share_carry(FILL) == 2


@pytest.mark.parametrize(
    ("share", "carried", "name"),
    [(0.0, 2, "max_volume_fraction"), (1.1, 2, "max_volume_fraction"), (0.1, -1, "max_carried_bars")],
)
def test_fill_refuses_impossible_parameters(share, carried, name):
    with pytest.raises(ParameterError, match=rf"VolumeShareFill\.{name} must be"):
        make_fill(max_volume_fraction=share, max_carried_bars=carried).check()
