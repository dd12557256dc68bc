"""Volatility against pandas, TA-Lib, high precision and arch."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import talib
from arch import arch_model

from intraday_rl.features.fitted import garch, seasons
from tests.unit.features.feature_bars import compute, gap_removed, make_sessions, on_grid, random_bars
from tests.unit.features.library.test_momentum import atr

ONE = random_bars([1300], seed=4)
MANY = random_bars([390, 390, 210, 390], seed=5, untraded=0.05)
FRAME = gap_removed(MANY)
HIGH_LOW = np.log(FRAME["high"] / FRAME["low"])
CLOSE_OPEN = np.log(FRAME["close"] / FRAME["open"])


def root_mean(values):
    return 1e4 * np.sqrt(values.rolling(30).mean())


@pytest.mark.parametrize("bars", [15, 60])
def test_rv_is_the_root_mean_square_of_returns(bars):
    returns = FRAME["log_return"][~FRAME["first"]]
    expected = 1e4 * np.sqrt((returns**2).rolling(bars).mean()).reindex(FRAME.index).ffill()
    np.testing.assert_allclose(compute(MANY, f"rv_{bars}")[f"rv_{bars}"], expected, rtol=1e-6)


def test_parkinson30():
    np.testing.assert_allclose(
        compute(MANY, "parkinson30")["parkinson30"], root_mean(HIGH_LOW**2 / (4 * math.log(2))), rtol=1e-6
    )


def test_gk30():
    terms = HIGH_LOW**2 / 2 - (2 * math.log(2) - 1) * CLOSE_OPEN**2
    np.testing.assert_allclose(compute(MANY, "gk30")["gk30"], root_mean(terms), rtol=1e-6)


def test_rs30():
    up, down = np.log(FRAME["high"] / FRAME["open"]), np.log(FRAME["low"] / FRAME["open"])
    terms = up * (up - CLOSE_OPEN) + down * (down - CLOSE_OPEN)
    np.testing.assert_allclose(compute(MANY, "rs30")["rs30"], root_mean(terms), rtol=1e-6)


def test_rs30_of_equal_bars_is_that_of_one_bar_worked_out_by_hand():
    """O 100, H 104, L 98, C 102: u = ln 1.04, d = ln 0.98, c = ln 1.02, u(u - c) + d(d - c) = 0.0015698..."""
    bars = equal_bars(100.0, 104.0, 98.0, 102.0)
    variance = 0.0392207131532813 * (0.0392207131532813 - 0.0198026272961797)
    variance += -0.0202027073175194 * (-0.0202027073175194 - 0.0198026272961797)
    assert compute(bars, "rs30")["rs30"].iloc[-1] == pytest.approx(1e4 * math.sqrt(variance), rel=1e-6)


def equal_bars(*prices):
    columns = {name: np.full(60, price) for name, price in zip(("open", "high", "low", "close"), prices, strict=True)}
    return on_grid(make_sessions([60]), columns | {"volume": np.full(60, 100.0)}, np.ones(60, dtype=bool))


def test_yz30():
    last = FRAME["close"].shift()
    jumps = np.log(FRAME["open"] / last).where(~FRAME["first"], 0.0)
    up, down = np.log(FRAME["high"] / FRAME["open"]), np.log(FRAME["low"] / FRAME["open"])
    rs = (up * (up - CLOSE_OPEN) + down * (down - CLOSE_OPEN)).rolling(30).mean()
    k = Fraction(34, 100) / (Fraction(134, 100) + Fraction(31, 29))
    assert float(k) == pytest.approx(0.1411, abs=5e-5)
    variance = jumps.rolling(30).var() + float(k) * CLOSE_OPEN.rolling(30).var() + (1 - float(k)) * rs
    np.testing.assert_allclose(compute(MANY, "yz30")["yz30"], 1e4 * np.sqrt(variance), rtol=1e-6)


def test_atr_bps_equals_that_of_talib():
    expected = 1e4 * talib.ATR(ONE.high, ONE.low, ONE.close, 14) / ONE.close
    np.testing.assert_allclose(compute(ONE, "atr_bps")["atr_bps"], expected, rtol=1e-6)


def test_atr_bps_runs_over_sessions_without_the_gap():
    np.testing.assert_allclose(compute(MANY, "atr_bps")["atr_bps"], 1e4 * atr(FRAME) / FRAME["close"], rtol=1e-6)


def test_range_estimators_find_the_volatility_of_brownian_bars():
    """390 steps a bar: discreteness leaves the mean variances at about 0.92 of the truth, not at 1."""
    rng = np.random.default_rng(6)
    steps = rng.normal(0, 1e-3 / math.sqrt(390), (1200, 390))
    path = np.cumsum(steps.reshape(-1)).reshape(1200, 390)
    opens = np.concatenate([[0.0], path[:-1, -1]])
    edges = np.column_stack([opens, path])
    logs = {"open": opens, "high": edges.max(1), "low": edges.min(1), "close": path[:, -1]}
    columns = {name: 100 * np.exp(values) for name, values in logs.items()} | {"volume": np.full(1200, 100.0)}
    bars = on_grid(make_sessions([1200]), columns, np.ones(1200, dtype=bool))
    result = compute(bars, "rv_60", "parkinson30", "gk30", "rs30")[100:]
    mean_variances = (result**2).mean() / 100
    assert mean_variances["rv_60"] == pytest.approx(1.0, abs=0.12)
    assert mean_variances["parkinson30"] == pytest.approx(0.928, abs=0.06)
    assert mean_variances["gk30"] == pytest.approx(0.907, abs=0.06)
    assert mean_variances["rs30"] == pytest.approx(0.909, abs=0.06)


def garch_bars():
    """Five sessions of GARCH returns."""
    rng, variance, returns = np.random.default_rng(7), 10.0, []
    for shock in rng.normal(size=5 * 390):
        returns.append(math.sqrt(variance) * shock)
        variance = 0.4 + 0.1 * returns[-1] ** 2 + 0.86 * variance
    close = 100 * np.exp(np.cumsum(returns) * 1e-4)
    columns = {name: close for name in ("open", "high", "low", "close")} | {"volume": np.full(len(close), 100.0)}
    return on_grid(make_sessions([390] * 5), columns, np.ones(len(close), dtype=bool))


def test_garch1_is_the_forecast_of_arch(empty_cache):
    """arch fits the sessions 0 to 3; with these parameters fixed it filters session 4 and forecasts from each bar."""
    bars = garch_bars()
    returns = seasons.to_grid(bars, seasons.session_returns(bars), 390)
    moves = seasons.usual_moves(returns)
    window = seasons.garch_window(returns, moves, 4)
    today = (1e4 * returns[4] / moves[4])[1:]
    scale = math.sqrt(np.mean(window**2))
    fitted = arch_model(window / scale, mean="Zero", rescale=False).fit(disp="off")
    whole = arch_model(np.concatenate([window, today]) / scale, mean="Zero", rescale=False)
    forecast = whole.fix(fitted.params, last_obs=len(window)).forecast(horizon=1, start=len(window) - 1)
    expected = np.sqrt(forecast.variance.to_numpy()[:, 0]) * scale
    result = compute(bars, "garch1")["garch1"]
    np.testing.assert_allclose(result[4 * 390 :], expected, rtol=1e-6)
    assert result[:390].isna().all()
    assert not result[390:].isna().any()


def test_garch1_falls_back_to_a_moving_average(empty_cache):
    bars = random_bars([390, 390], seed=8)
    returns = seasons.to_grid(bars, seasons.session_returns(bars), 390)
    moves = seasons.usual_moves(returns)[1]
    shocks = 1e4 * returns[0][1:] / moves[1:]
    expected = [np.mean(shocks**2)]
    for shock in np.concatenate([shocks, 1e4 * returns[1][1:] / moves[1:]]):
        expected.append(0.94 * expected[-1] + 0.06 * shock**2)
    result = compute(bars, "garch1")["garch1"][390:]
    np.testing.assert_allclose(result, np.sqrt(expected[389:]), rtol=1e-6)
    assert len(shocks) < garch.LEAST_RETURNS


def test_flat_market_has_no_volatility():
    bars = equal_bars(100.0, 100.0, 100.0, 100.0)
    result = compute(bars, "rv_15", "parkinson30", "gk30", "rs30", "yz30", "atr_bps")
    assert (result[30:] == 0).all().all()
    assert isinstance(result, pd.DataFrame)
