"""Regime and clock against scipy, pandas and direct computations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, pipeline, random_bars

LENGTHS = [390, 210, *[390] * 24]
MANY = random_bars(LENGTHS, seed=41, untraded=0.1)
FRAME = gap_removed(MANY)


def closes(values, lengths):
    columns = {name: np.asarray(values, dtype=float) for name in ("open", "high", "low", "close")}
    columns["volume"] = np.ones(len(values))
    return on_grid(make_sessions(lengths), columns, np.ones(len(values), dtype=bool))


def test_er30_is_the_move_over_the_path():
    path = FRAME["change"].abs().rolling(30).sum()
    expected = ((FRAME["close"] - FRAME["close"].shift(30)) / path).where(FRAME.index >= 30)
    np.testing.assert_allclose(compute(MANY, "er30")["er30"], expected, atol=1e-6)


@pytest.mark.parametrize(("step", "expected"), [(0.01, 1.0), (-0.01, -1.0), (0.0, 0.0)])
def test_er30_of_a_straight_line(step, expected):
    result = compute(closes(100 + step * np.arange(100), [100]), "er30")["er30"]
    np.testing.assert_allclose(result[30:], expected, atol=1e-6)


def test_er30_of_a_random_walk_has_the_known_size():
    rng = np.random.default_rng(42)
    bars = closes(100 + 0.001 * np.cumsum(rng.normal(size=390 * 200)), [390] * 200)
    sizes = compute(bars, "er30")["er30"].dropna().abs()
    assert sizes.mean() == pytest.approx(0.182, abs=0.006)
    assert (sizes > 0.3).mean() == pytest.approx(0.19, abs=0.015)


def test_sma_slope_is_the_t_statistic_of_scipy():
    expected = []
    for t in range(19, 500):
        line = stats.linregress(np.arange(20), FRAME["close"][t - 19 : t + 1])
        expected.append(line.slope / line.stderr)
    np.testing.assert_allclose(compute(MANY, "sma_slope")["sma_slope"][19:500], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("step", "expected"), [(0.01, 424.26), (-0.01, -424.26), (0.0, 0.0)])
def test_sma_slope_of_a_straight_line_is_bounded(step, expected):
    """sqrt(18/1e-4) = 424.26."""
    result = compute(closes(100 + step * np.arange(40), [40]), "sma_slope")["sma_slope"]
    np.testing.assert_allclose(result[19:], expected, rtol=1e-4)


def so_far(frame):
    """Return the root mean square of up to 60 returns."""
    returns = frame["log_return"][~frame["first"]]
    return np.sqrt((returns**2).rolling(60, min_periods=1).mean()).reindex(frame.index).ffill()


def test_vol_pct_is_the_rank_among_twenty_sessions():
    """Session 1 is a half-day: at minutes beyond its end the 20 sessions before hold one value less."""
    current = so_far(FRAME)
    grid = current.set_axis(pd.MultiIndex.from_frame(FRAME[["session", "minute"]])).unstack("minute").to_numpy()
    expected = []
    for session, minute, value in zip(FRAME["session"], FRAME["minute"], current, strict=True):
        past = grid[max(0, session - 20) : session, minute]
        rank = (np.sum(past < value) + 0.5 * np.sum(past == value) + 0.5) / (np.sum(~np.isnan(past)) + 1) - 0.5
        expected.append(rank if session > 0 else np.nan)
    np.testing.assert_allclose(compute(MANY, "vol_pct")["vol_pct"], expected, atol=1e-6)


def test_vol_pct_of_the_highest_and_of_a_tied_volatility():
    """Past values 1 to 20 times a base: above all of them 20.5/21 - 0.5; a flat market ties everywhere: 0."""
    scale = np.repeat(np.arange(1, 22), 90)
    moves = np.tile([1, -1], 21 * 45) * 1e-4 * scale
    result = compute(closes(100 * np.exp(np.cumsum(moves)), [90] * 21), "vol_pct")["vol_pct"]
    assert result.iloc[-1] == pytest.approx(20.5 / 21 - 0.5, abs=1e-6)
    flat = compute(closes(np.full(270, 50.0), [90] * 3), "vol_pct")["vol_pct"]
    assert (flat[90:] == 0).all()
    assert flat[:90].isna().all()


def test_clock_tells_the_minute_of_the_session():
    table = pipeline("tod_sin", "tod_cos", "phase").compute(MANY)
    length = MANY.sessions.minutes[MANY.session]
    angle = 2 * np.pi * MANY.minute / length
    phase = np.where(MANY.minute < 30, -1, np.where(MANY.minute >= length - 60, 1, 0))
    expected = np.stack([np.sin(angle), np.cos(angle), phase], axis=1)
    np.testing.assert_allclose(table.values[table.valid], expected[table.valid], atol=1e-6)
    assert table.valid.mean() > 0.99
