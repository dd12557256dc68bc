"""Latency: how long an order is under way, in bars, and when it arrives."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.advance import send
from intraday_rl.market.latency import UniformLatency, uniform_delay
from intraday_rl.market.rows import Stress
from tests.support.rows import account_row


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (0.0, 50 / 60_000),
        (0.5, 100 / 60_000),
        (0.75, 125 / 60_000),
    ],
)
def test_arrival_lies_evenly_between_the_bounds(noise, expected):
    assert uniform_delay(UniformLatency(50.0, 150.0), noise) == pytest.approx(expected, rel=1e-15)


def test_arrival_without_spread_of_bounds_ignores_the_noise():
    latency = UniformLatency(15_000.0, 15_000.0)
    assert [uniform_delay(latency, noise) for noise in (0.0, 0.999)] == [0.25, 0.25]


def test_delay_of_the_largest_latency_is_below_five_bars():
    assert uniform_delay(UniformLatency(0.0, 299_999.0), 1.0 - 2.0**-53) < 5.0


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (-1.0, 10.0, "low_ms"),
        (20.0, 10.0, "low_ms"),
        (0.0, 300_000.0, "high_ms"),
        (0.0, float("inf"), "high_ms"),
        (float("nan"), 10.0, "low_ms"),
    ],
)
def test_latency_refuses_bounds_out_of_order_or_of_five_bars(low, high, name):
    with pytest.raises(ParameterError, match=rf"UniformLatency\.{name} must be"):
        UniformLatency(low, high).check()


def test_latency_accepts_zero():
    UniformLatency(0.0, 0.0).check()


def test_latency_of_a_minute_is_a_whole_bar():
    assert uniform_delay(UniformLatency(60_000.0, 60_000.0), 0.3) == 1.0
    assert uniform_delay(UniformLatency(60_000.0, 180_000.0), 0.5) == 2.0
    assert uniform_delay(UniformLatency(75_000.0, 75_000.0), 0.9) == 1.25


def test_latency_under_stress():
    assert UniformLatency(50.0, 150.0).stressed(Stress(2.0, 5.0, 0.5)) == UniformLatency(250.0, 750.0)


def sent(orders, delays, account=None):
    """Send orders one a bar; return what arrives in each bar, and what is under way after it."""
    account = account_row() if account is None else account
    arrived, under_way = [], []
    for order, delay in zip(orders, delays, strict=True):
        arrived.append(send(account, order, delay, 100.0)[0])
        under_way.append(float(account["in_transit"]))
    return arrived, under_way


@pytest.mark.parametrize("delay", [0.0, 0.9999, 1.0, 1.25, 2.0, 2.5, 3.0, 3.999, 4.0, 4.99])
def test_order_arrives_after_its_whole_bars(delay):
    arrived, under_way = sent([100.0] + [0.0] * 6, [delay] * 7)
    bars = int(delay)
    assert arrived == [0.0] * bars + [100.0] + [0.0] * (6 - bars)
    assert under_way == [100.0] * bars + [0.0] * (7 - bars)


def test_orders_sent_bar_by_bar_arrive_in_turn():
    arrived, under_way = sent([10.0, -20.0, 5.0, 0.0, 0.0, 0.0], [2.0] * 6)
    assert arrived == [0.0, 0.0, 10.0, -20.0, 5.0, 0.0]
    assert under_way == [10.0, -10.0, -15.0, 5.0, 0.0, 0.0]


def test_faster_order_arrives_with_or_before_a_slower_one():
    arrived, under_way = sent([100.0, 30.0, -50.0, 0.0, 0.0], [3.0, 2.0, 0.5, 0.0, 0.0])
    assert arrived == [0.0, 0.0, -50.0, 130.0, 0.0]
    assert under_way == [100.0, 130.0, 130.0, 0.0, 0.0]


def test_orders_that_cancel_out_are_under_way_all_the_same():
    arrived, under_way = sent([100.0, -100.0, 0.0, 0.0, 7.0], [2.0, 2.0, 0.0, 0.0, 0.0])
    assert arrived == [0.0, 0.0, 100.0, -100.0, 7.0]
    assert under_way == [100.0, 0.0, -100.0, 0.0, 0.0]


def test_nothing_is_lost_on_the_way():
    rng = np.random.default_rng(1)
    orders = np.append(rng.integers(-300, 301, 500), np.zeros(5))
    delays = np.append(rng.uniform(0.0, 5.0, 500), np.zeros(5))
    arrived, under_way = sent(orders.tolist(), delays.tolist())
    expected = np.zeros(510)
    np.add.at(expected, np.arange(505) + delays.astype(int), orders)
    np.testing.assert_array_equal(arrived, expected[:505])
    np.testing.assert_array_equal(under_way, np.cumsum(orders) - np.cumsum(arrived))
    assert under_way[-1] == 0.0
