"""Intervals against published tables and hand arithmetic."""

import math

import numpy as np
import pytest

from intraday_rl.evaluation.phases.intervals import (
    bootstrap_estimate,
    correlation_estimate,
    exact,
    mean_estimate,
    percentiles,
    resampled_sessions,
    share_estimate,
    sharpe_estimate,
)


def test_mean_interval_is_students():
    found = mean_estimate(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    half = 2.776445 * math.sqrt(2.5 / 5)  # t table, 4 degrees of freedom, two-sided 95 %
    assert found == pytest.approx((3.0, 3.0 - half, 3.0 + half, 5), abs=1e-5)


@pytest.mark.parametrize("values", [[], [2.0]])
def test_mean_of_fewer_than_two_has_no_interval(values):
    found = mean_estimate(np.array(values))
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.observations == len(values)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),  # Newcombe (1998), Statistics in Medicine 17, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_share_interval_is_wilsons(hits, count, low, high):
    assert share_estimate(hits, count) == pytest.approx((hits / count, low, high, count), abs=5e-5)


def test_share_of_nothing_is_undefined():
    assert math.isnan(share_estimate(0, 0).value)


def test_sharpe_interval_of_two_values_in_turn():
    """Two equally frequent values have skewness 0 and kurtosis 1: the standard error per session is 1 / sqrt(n - 1)."""
    found = sharpe_estimate(np.array([0.02, -0.01] * 25))
    value = 0.005 / (0.015 * math.sqrt(50 / 49)) * math.sqrt(252)
    half = 1.959964 * math.sqrt(252) / 7
    assert found == pytest.approx((value, value - half, value + half, 50), abs=1e-5)


def test_sharpe_of_equal_returns_is_undefined():
    assert math.isnan(sharpe_estimate(np.zeros(30)).value)


def test_correlation_interval_is_fishers():
    """r = 1/2 of 28 pairs: atanh r = 0.549306, standard error 1/5."""
    angle = np.arange(28) * 2 * np.pi / 28
    first, other = np.sin(angle), np.cos(angle)  # orthogonal, of equal size
    found = correlation_estimate(first, 0.5 * first + math.sqrt(0.75) * other)
    assert found == pytest.approx((0.5, math.tanh(0.549306 - 0.391993), math.tanh(0.549306 + 0.391993), 28), abs=1e-5)


@pytest.mark.parametrize(("first", "second"), [([1, 2, 3], [3, 2, 1]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_correlation_needs_four_pairs_that_vary(first, second):
    assert math.isnan(correlation_estimate(np.array(first, dtype=float), np.array(second, dtype=float)).value)


def test_what_is_counted_is_its_own_interval():
    assert exact(3.0, 8) == (3.0, 3.0, 3.0, 8)


def test_resamples_are_runs_of_sessions():
    drawn = resampled_sessions(27, 12, np.random.default_rng(0))
    assert drawn.shape == (2000, 12)
    assert drawn.min() == 0
    assert drawn.max() == 26
    follows = (drawn[:, 1:] == (drawn[:, :-1] + 1) % 27).mean()
    # a block of mean length 3 goes on in 2 of 3 cases, and a new one starts there by chance in 1 of 27
    assert follows == pytest.approx(2 / 3 + 1 / 3 / 27, abs=0.02)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error():
    halves = []
    for trial in range(20):  # the variance of one series' blocks is itself uncertain by an eighth
        values = np.random.default_rng(trial).normal(size=400)
        found = bootstrap_estimate(
            values.mean(), 400, lambda drawn, x=values: x[drawn].mean(axis=1), 400, np.random.default_rng(trial)
        )
        halves.append((found.high - found.low) / 2 / values.std())
    assert np.mean(halves) == pytest.approx(1.96 / 20, rel=0.06)


def test_percentiles_are_widened_for_few_observations():
    """Of 20 observations the tail is Phi(-sqrt(20/19) x 2.093) = Phi(-2.1474) = 1.588 % instead of 2.5 %."""
    drawn = np.arange(100_001) / 100_000
    assert percentiles(drawn, 20) == pytest.approx((0.01588, 1 - 0.01588), abs=2e-5)
    assert percentiles(drawn, 10**6) == pytest.approx((0.025, 0.975), abs=1e-4)


@pytest.mark.parametrize(("count", "rng"), [(19, np.random.default_rng(0)), (40, None)])
def test_bootstrap_needs_twenty_sessions_and_randomness(count, rng):
    found = bootstrap_estimate(1.0, count, lambda drawn: np.ones(len(drawn)), count, rng)
    assert found.value == 1.0
    assert math.isnan(found.low)


def test_bootstrap_counts_an_undefined_resample_as_worthless():
    found = bootstrap_estimate(1.0, 20, lambda drawn: np.full(len(drawn), np.nan), 20, np.random.default_rng(0))
    assert (found.low, found.high) == (0.0, 0.0)
