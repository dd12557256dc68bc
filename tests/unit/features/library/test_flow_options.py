"""Bulk classification with Student's t against scipy and the paper, Corwin and Schultz's spread against its formula."""

import numpy as np
import pytest
from scipy import stats

from intraday_rl.core.errors import ParameterError
from intraday_rl.features import FeaturePipeline, Microstructure
from intraday_rl.features.library.estimators.student import student_surplus
from tests.unit.features.feature_bars import gap_removed, make_sessions, on_grid, random_bars

BARS = random_bars([390, 390], seed=41)


def compute(bars, *names, degrees_of_freedom=0.0, corwin_schultz=False):
    family = Microstructure(degrees_of_freedom=degrees_of_freedom, corwin_schultz=corwin_schultz)
    return FeaturePipeline(families=(family,), names=names, base_spread=0.01).compute(bars).values.astype(float)


@pytest.mark.parametrize("degrees_of_freedom", [0.25, 1.0, 3.0, 30.0])
def test_student_surplus_is_scipys(degrees_of_freedom):
    for z in [-40.0, -3.0, -1.0, -1e-3, 0.0, 0.2, 1.0, 2.5, 1e4]:
        expected = 2 * stats.t.cdf(z, degrees_of_freedom) - 1
        assert student_surplus(z, degrees_of_freedom) == pytest.approx(expected, abs=1e-10)


def test_student_surplus_of_one_degree_is_cauchys():
    for z in (1e-6, 0.3, 7.0):
        assert student_surplus(z, 1.0) == pytest.approx(2 / np.pi * np.arctan(z), rel=1e-13)


def test_student_surplus_at_one_is_the_published_one():
    """F(1) with 0.25 degrees of freedom is 0.6443."""
    assert (1 + student_surplus(1.0, 0.25)) / 2 == pytest.approx(0.6443, abs=5e-5)


def test_signed_volume_by_students_t():
    frame = gap_removed(BARS)
    normal = compute(BARS, "signed_vol")[:, 0]
    student = compute(BARS, "signed_vol", degrees_of_freedom=0.25)[:, 0]
    z = stats.norm.ppf((1 + normal) / 2)
    known = ~np.isnan(normal) & (abs(normal) < 0.999) & (frame["change"].to_numpy() != 0)
    assert known.sum() > 500
    np.testing.assert_allclose(student[known], 2 * stats.t.cdf(z[known], 0.25) - 1, atol=1e-4)


def test_negative_degrees_of_freedom_are_refused():
    with pytest.raises(ParameterError, match=r"Microstructure\.degrees_of_freedom must be >= 0 .0 = normal"):
        compute(BARS, "signed_vol", degrees_of_freedom=-1.0)


def spread_of_pair(first, second):
    """Return Corwin and Schultz's spread of two bars (high, low), by their formulas (14) and (18)."""
    beta = np.log(first[0] / first[1]) ** 2 + np.log(second[0] / second[1]) ** 2
    gamma = np.log(max(first[0], second[0]) / min(first[1], second[1])) ** 2
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    return max(0.0, 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha)))


def test_corwin_schultz_is_the_mean_over_pairs_without_gaps():
    """Bars alternate between [9.99, 10.01] and [9.992, 10.012], closes in the middle: gaps never occur."""
    rows = np.arange(60)
    low = np.where(rows % 2 == 0, 9.99, 9.992)
    columns = {"open": low + 0.01, "close": low + 0.01, "high": low + 0.02, "low": low, "volume": np.ones(60)}
    bars = on_grid(make_sessions([60]), columns, np.ones(60, dtype=bool))
    expected = spread_of_pair((10.01, 9.99), (10.012, 9.992))
    result = compute(bars, "ohlc_spread_bps", corwin_schultz=True)[:, 0]
    assert np.isnan(result[:59]).all()
    assert expected > 0
    assert result[59] == pytest.approx(1e4 * expected, rel=1e-5)


def test_corwin_schultz_takes_a_gap_out_of_the_bar():
    """The second bar opens 1 % above the last close: both its ends come down until its low is that close."""
    close = 10.0
    high, low = np.array([10.01, 10.12]), np.array([9.99, 10.10])
    columns = {"open": low, "close": np.array([close, 10.11]), "high": high, "low": low, "volume": np.ones(2)}
    rows = {name: np.tile(values, 30) for name, values in columns.items()}  # up and down again, 59 pairs
    bars = on_grid(make_sessions([60]), rows, np.ones(60, dtype=bool))
    up = spread_of_pair((10.01, 9.99), (10.12 * close / 10.10, close))
    down = spread_of_pair((10.12, 10.10), (10.11, 9.99 * 10.11 / 10.01))
    result = compute(bars, "ohlc_spread_bps", corwin_schultz=True)[59, 0]
    assert result == pytest.approx(1e4 * (30 * up + 29 * down) / 59, rel=1e-5)
