"""Latency: how long an order is under way, in bars."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.latency import UniformLatency, uniform_delay


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
