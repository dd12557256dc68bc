"""Fills: a share of the fill bar's volume, whole when urgent, nothing when rejected or in a minute without a trade."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.fills import volume_share_carry, volume_share_fill, volume_share_urgent
from intraday_rl.market.rows import Stress
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


@pytest.mark.parametrize("urgent", [False, True])
def test_fill_needs_volume_where_the_data_hold_a_bar_without_any(urgent):
    assert volume_share_fill(FILL, 100.0, urgent, DECISION, bar_row(traded=1, volume=0.0)) == 0.0


def test_fill_parameters_are_what_they_are():
    assert volume_share_carry(FILL) == 2
    assert volume_share_urgent(make_fill(urgent_spreads=3.0)) == 3.0


@pytest.mark.parametrize(
    ("order", "typical", "expected"),
    [
        (7_500.0, 2_500.0, 1_000.0),  # 3 typical minutes exactly: a tenth of 10,000
        (7_501.0, 2_500.0, 0.0),
        (-7_501.0, 2_500.0, 0.0),
        (-7_500.0, 2_500.0, -1_000.0),
        (1.0, 0.0, 0.0),  # nothing is typical
    ],
)
def test_order_of_more_than_three_typical_minutes_is_rejected(order, typical, expected):
    fill = make_fill(max_volume_fraction=0.1, reject_multiple=3.0)
    decision, bar = bar_row(typical_volume=typical), bar_row(typical_volume=1e9)  # the decision's counts
    assert volume_share_fill(fill, order, False, decision, bar) == expected


def test_urgent_order_is_never_rejected():
    fill = make_fill(max_volume_fraction=0.1, reject_multiple=3.0)
    assert volume_share_fill(fill, -9_000.0, True, bar_row(typical_volume=1.0), bar_row()) == -9_000.0


def test_fill_under_stress():
    fill = make_fill(max_volume_fraction=0.1, reject_multiple=3.0, urgent_spreads=3.0)
    half = make_fill(max_volume_fraction=0.05, reject_multiple=1.5, urgent_spreads=3.0)
    assert fill.stressed(Stress(2.0, 5.0, 0.5)) == half  # costs and latency are others' business
    assert fill.stressed(Stress(1.0, 1.0, 20.0)).max_volume_fraction == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_volume_fraction", 0.0),
        ("max_volume_fraction", 1.1),
        ("max_carried_bars", -1),
        ("reject_multiple", 0.0),
        ("urgent_spreads", 0.9),
    ],
)
def test_fill_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"VolumeShareFill\.{name} must be"):
        make_fill(**{name: value}).check()
