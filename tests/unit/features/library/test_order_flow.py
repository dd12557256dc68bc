"""Order flow and its price impact: bulk classification, VPIN, Kyle, Amihud, against direct computations."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, over_returns, random_bars

MANY = random_bars([390, 390, 210, 390], seed=21, untraded=0.05)
FRAME = gap_removed(MANY)


def imbalance(frame):
    """Return 2 F(change/sd60) - 1 with scipy's normal distribution."""
    deviation = over_returns(frame, frame["change"], lambda changes: changes.rolling(60).std())
    return pd.Series(2 * stats.norm.cdf(frame["change"] / deviation) - 1, index=frame.index).where(deviation.notna())


def test_signed_vol_is_bulk_classification():
    np.testing.assert_allclose(compute(MANY, "signed_vol")["signed_vol"], imbalance(FRAME), atol=1e-6)


def test_signed_vol_of_a_move_of_one_deviation_is_68_percent():
    """The published F(1) = 0.8413: 60 changes of size 1 and alternating sign have the deviation sqrt(60/59)."""
    close = 100 + np.arange(61) % 2
    columns = {name: close.astype(float) for name in ("open", "high", "low", "close")} | {"volume": np.full(61, 100.0)}
    result = compute(on_grid(make_sessions([61]), columns, np.ones(61, dtype=bool)), "signed_vol")["signed_vol"]
    expected = 2 * stats.norm.cdf(-1 / math.sqrt(60 / 59)) - 1
    assert result.iloc[-1] == pytest.approx(expected, abs=1e-6)
    assert -expected == pytest.approx(2 * 0.8413 - 1, abs=5e-3)


def test_signed_vol_is_zero_without_volume_and_without_moves():
    volume = MANY.volume.copy()
    volume[700:710] = 0
    result = compute(dataclasses.replace(MANY, volume=volume), "signed_vol")["signed_vol"]
    assert (result == 0).sum() == MANY.traded[700:710].sum() + 3  # and the first bars of three sessions
    columns = {name: np.full(100, 50.0) for name in ("open", "high", "low", "close")} | {"volume": np.full(100, 9.0)}
    flat = compute(on_grid(make_sessions([100]), columns, np.ones(100, dtype=bool)), "signed_vol", "kyle_lambda")
    assert (flat["signed_vol"][60:] == 0).all()


def test_ofi_proxy_is_the_average_of_signed_volume():
    signed = imbalance(FRAME).dropna()
    expected = signed.ewm(span=5, adjust=False).mean()[4:].reindex(FRAME.index)
    np.testing.assert_allclose(compute(MANY, "ofi")["ofi"], expected, atol=1e-6)


def bucket_sizes(bars):
    """Return each session's bucket volume: the mean of the sessions before (the first one's own) / 50."""
    totals = [bars.volume[bars.session == s].sum() for s in range(len(bars.sessions))]
    return [np.mean(totals[max(0, s - 20) : max(1, s)]) / 50 for s in range(len(totals))]


def vpin(bars):
    """Return VPIN by walking each bar's volume through the buckets."""
    frame = gap_removed(bars)
    sizes, done, filled, signed, result = bucket_sizes(bars), [], 0.0, 0.0, []
    for session, volume, share in zip(frame["session"], frame["volume"], imbalance(frame), strict=True):
        size = sizes[session]
        while not math.isnan(share) and filled + volume >= size:
            part = max(0.0, size - filled)
            done.append(abs(signed + part * share) / (filled + part))
            volume, filled, signed = volume - part, 0.0, 0.0
        if not math.isnan(share):
            filled, signed = filled + volume, signed + volume * share
        result.append(np.mean(done[-50:]) if session > 0 and len(done) >= 25 else np.nan)
    return np.array(result)


def test_vpin_is_the_mean_imbalance_of_fifty_buckets():
    np.testing.assert_allclose(compute(MANY, "vpin")["vpin"], vpin(MANY), atol=1e-6)


def test_vpin_is_known_from_the_second_session_on():
    result = compute(MANY, "vpin")["vpin"]
    assert result[FRAME["session"] == 0].isna().all()
    assert result[FRAME["session"] > 0].notna().all()


def test_vpin_of_a_bar_larger_than_all_buckets():
    volume = MANY.volume.copy()
    volume[600] = 1e3 * volume.sum()
    bars = dataclasses.replace(MANY, volume=volume)
    result = compute(bars, "vpin")["vpin"][: int(np.sum(MANY.traded[:780]))]
    share = abs(compute(bars, "signed_vol")["signed_vol"])
    place = int(np.sum(MANY.traded[:600]))
    assert MANY.traded[600]
    assert result[place] == pytest.approx(share[place], abs=1e-6)
    assert result.dropna().between(0, 1).all()


def test_vpin_without_volume_is_unknown():
    bars = dataclasses.replace(MANY, volume=np.zeros(len(MANY)))
    assert compute(bars, "vpin")["vpin"].isna().all()


def test_kyle_lambda_is_the_least_squares_slope():
    signed = (imbalance(FRAME) * FRAME["volume"])[~FRAME["first"]]
    change, close = FRAME["change"][~FRAME["first"]], FRAME["close"]
    slope = signed.rolling(60).cov(change) / signed.rolling(60).var()
    scaled = (slope * signed.abs().rolling(60).median()).reindex(FRAME.index).ffill()
    np.testing.assert_allclose(compute(MANY, "kyle_lambda")["kyle_lambda"], 1e4 * scaled / close, rtol=2e-6, atol=1e-7)


def test_kyle_lambda_finds_a_planted_slope():
    """Volume is made from the change: bulk classification returns 2e-4 USD per signed share, noise apart."""
    planted, rng = 2e-4, np.random.default_rng(22)
    moves = rng.normal(0, 0.02, 1300)
    close = 100 + np.cumsum(moves)
    deviation = pd.Series(moves).rolling(60).std().fillna(0.02).to_numpy()
    share = 2 * stats.norm.cdf(moves / deviation) - 1
    columns = {name: close for name in ("open", "high", "low", "close")}
    columns["volume"] = np.abs(moves / (planted * share)) * rng.uniform(0.9, 1.1, 1300)
    bars = on_grid(make_sessions([1300]), columns, np.ones(1300, dtype=bool))
    typical = pd.Series(np.abs(share * columns["volume"])).rolling(60).median()
    found = compute(bars, "kyle_lambda")["kyle_lambda"] * close / (1e4 * typical)
    assert found[200:].mean() == pytest.approx(planted, rel=0.03)


def test_amihud_is_the_mean_return_per_dollar():
    bars = dataclasses.replace(MANY, volume=np.where(np.arange(len(MANY)) % 7 == 0, 0.0, MANY.volume))
    frame = gap_removed(bars)
    counted = ~frame["first"] & (frame["volume"] > 0)
    terms = (frame["log_return"].abs() / (frame["raw"] * frame["volume"]))[counted]
    expected = np.log1p(1e9 * terms.rolling(30).mean()).reindex(frame.index).ffill()
    np.testing.assert_allclose(compute(bars, "amihud")["amihud"], expected, rtol=1e-6)
