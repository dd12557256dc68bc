"""The four market features of the state expansion, by their definitions."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.feature_bars import compute, pipeline, random_bars

BARS = random_bars([390, 390, 210, 390], seed=31, untraded=0.05, optional=("bid", "ask", "bid_size", "ask_size"))
PLAIN = random_bars([390, 390], seed=32)


def test_depth_ratio_is_the_logarithm_of_the_sizes():
    traded = BARS.traded
    expected = np.log(BARS.bid_size[traded] / BARS.ask_size[traded])
    np.testing.assert_allclose(compute(BARS, "depth_ratio")["depth_ratio"], expected, atol=1e-5)


def test_depth_ratio_of_the_proxy_is_bounded():
    """A close on the high is an imbalance of 1, held at 0.99: ln(1.99/0.01)."""
    frame = compute(PLAIN, "depth_ratio", "depth_imb").astype(float)
    inside = frame["depth_imb"].abs() < 0.98
    expected = np.log((1 + frame["depth_imb"]) / (1 - frame["depth_imb"]))
    np.testing.assert_allclose(frame["depth_ratio"][inside], expected[inside], rtol=1e-3, atol=1e-5)
    assert frame["depth_ratio"].abs().max() <= np.log(199) + 1e-6


def test_time_to_close_counts_from_the_bars_end():
    """Of 390 minutes 389 are left after the first bar, none after the last; minutes without a bar count too."""
    values = pipeline("time_to_close").compute(BARS).values[:, 0]
    assert values[0] == pytest.approx(389 / 390)
    assert values[389] == 0.0
    assert values[780] == pytest.approx(209 / 210)
    assert (np.diff(values[1:390]) < 0).all()


def test_vol_tercile_has_the_cuts_of_earlier_sessions():
    frame = compute(BARS, "vol_tercile", "rv_60").astype(float)
    session = BARS.session[BARS.traded]
    is_first = pd.Series(session).diff().fillna(1) > 0
    for s in (1, 2, 3):
        earlier = frame["rv_60"][(session < s) & ~is_first].dropna()
        low, high = np.quantile(earlier, (1 / 3, 2 / 3))
        now = frame[session == s]
        expected = (now["rv_60"] > high).astype(int) - (now["rv_60"] < low).astype(int)
        apart = (now["rv_60"] - low).abs().clip(upper=(now["rv_60"] - high).abs()) > 1e-5 * high
        np.testing.assert_array_equal(now["vol_tercile"][apart], expected[apart])
        assert len(now["vol_tercile"].unique()) > 1
    assert frame["vol_tercile"][session == 0].isna().all()


def test_vol_tercile_reads_twenty_sessions():
    """A wild session is seen by the next twenty, and by one more: the first windows of 60 returns after it hold some
    of its."""
    bars = random_bars([90] * 23, seed=33)
    wild = random_bars([90] * 23, seed=33, sigma=3e-2)
    mixed = {
        name: np.where(bars.session == 0, getattr(wild, name), getattr(bars, name))
        for name in ("open", "high", "low", "close")
    }
    fits = [pipeline("vol_tercile").fit(b) for b in (bars, dataclasses.replace(bars, **mixed))]
    same = [fits[0].sessions["wild_above"][s] == fits[1].sessions["wild_above"][s] for s in range(1, 23)]
    assert same == [False] * 21 + [True]


def test_trend_filter_is_the_sign_of_a_clear_slope():
    frame = compute(BARS, "trend_filter", "sma_slope").astype(float)
    expected = np.sign(frame["sma_slope"]).where(frame["sma_slope"].abs() > 2, 0.0).where(frame["sma_slope"].notna())
    np.testing.assert_array_equal(frame["trend_filter"], expected)
    assert set(frame["trend_filter"].dropna()) == {-1.0, 0.0, 1.0}
