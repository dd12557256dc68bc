"""Momentum against TA-Lib and pandas.

TA-Lib knows no sessions: its comparisons are on one session. Its EMA starts with the mean of the first values, ours
with the first value; both forget their start.
"""

import numpy as np
import pandas as pd
import pytest
import talib

from tests.unit.features.feature_bars import compute, gap_removed, random_bars

ONE = random_bars([1300], seed=1)
MANY = random_bars([390, 390, 210, 390], seed=2, untraded=0.05)
FRAME = gap_removed(MANY)
START_FORGOTTEN = 600  # bars after which (25/27)^n is below 1e-19


def deviation_60(frame):
    returns = frame["log_return"][~frame["first"]]
    return np.sqrt((returns**2).rolling(60).mean()).reindex(frame.index).ffill()


def atr(frame):
    """Wilder's ATR14 of the gap-removed series, written as a loop; the record's first bar has no true range."""
    last = frame["close"].shift().where(~frame["first"], frame["close"])
    ranges = np.maximum(frame["high"], last) - np.minimum(frame["low"], last)
    average, result = ranges[1:15].mean(), np.full(len(frame), np.nan)
    result[14] = average
    for place in range(15, len(frame)):
        average = (average * 13 + ranges[place]) / 14
        result[place] = average
    return pd.Series(result)


@pytest.mark.parametrize("bars", [1, 5, 15, 30])
def test_ret_is_the_return_in_units_of_its_deviation(bars):
    expected = np.log(FRAME["close"] / FRAME["close"].shift(bars)) / (deviation_60(FRAME) * np.sqrt(bars))
    np.testing.assert_allclose(compute(MANY, f"ret_{bars}")[f"ret_{bars}"], expected, rtol=1e-6, atol=1e-8)


def test_ret_1_of_a_first_bar_is_zero():
    first = FRAME["first"] & (FRAME["session"] > 0)
    assert (compute(MANY, "ret_1")["ret_1"][first] == 0).all()


def test_rsi14_equals_that_of_talib():
    expected = (talib.RSI(ONE.close, 14) - 50) / 50
    np.testing.assert_allclose(compute(ONE, "rsi14")["rsi14"], expected, atol=1e-6)


def test_rsi14_runs_over_sessions_without_the_gap():
    moves = np.cumsum(FRAME["change"][~FRAME["first"]].to_numpy())
    expected = (talib.RSI(np.concatenate([[0.0], moves]) + 100, 14) - 50)[1:] / 50
    np.testing.assert_allclose(compute(MANY, "rsi14")["rsi14"][~FRAME["first"]], expected, atol=1e-6)


def test_macd_equals_that_of_talib_once_the_start_is_forgotten():
    expected = np.stack(talib.MACD(ONE.close, 12, 26, 9), axis=1) / talib.ATR(ONE.high, ONE.low, ONE.close, 14)[:, None]
    result = compute(ONE, "macd_line", "macd_signal", "macd_histogram")
    np.testing.assert_allclose(result[START_FORGOTTEN:], expected[START_FORGOTTEN:], rtol=1e-6, atol=1e-7)


def test_macd_runs_over_sessions_without_the_gap():
    fast, slow = (FRAME["close"].ewm(span=span, adjust=False).mean() for span in (12, 26))
    signal = (fast - slow).ewm(span=9, adjust=False).mean()
    result = compute(MANY, "macd_line", "macd_signal", "macd_histogram")
    expected = pd.DataFrame({"line": fast - slow, "signal": signal, "histogram": fast - slow - signal})
    expected = expected.div(atr(FRAME), axis=0)
    np.testing.assert_allclose(result[33:], expected[33:], rtol=2e-6, atol=1e-7)
    assert result["macd_line"].first_valid_index() == 25
    assert result["macd_signal"].first_valid_index() == result["macd_histogram"].first_valid_index() == 33


def test_ema_gap_equals_those_of_talib_once_the_start_is_forgotten():
    expected = (talib.EMA(ONE.close, 9) - talib.EMA(ONE.close, 21)) / talib.ATR(ONE.high, ONE.low, ONE.close, 14)
    result = compute(ONE, "ema_gap")["ema_gap"]
    np.testing.assert_allclose(result[START_FORGOTTEN:], expected[START_FORGOTTEN:], rtol=1e-6, atol=1e-7)
    assert result.first_valid_index() == 20


def test_bands_equal_those_of_talib():
    upper, middle, lower = talib.BBANDS(ONE.close, 20, 2.0, 2.0)
    result = compute(ONE, "bb_pctb", "bb_width")
    np.testing.assert_allclose(result["bb_pctb"], (ONE.close - middle) / (upper - middle), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result["bb_width"], (upper - lower) / middle, rtol=1e-5)


def test_bands_run_over_sessions_without_the_gap():
    closes = FRAME["close"].rolling(20)
    result = compute(MANY, "bb_pctb", "bb_width")
    deviation = closes.std(ddof=0)
    position = (FRAME["close"] - closes.mean()) / (2 * deviation)
    np.testing.assert_allclose(result["bb_pctb"], position, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result["bb_width"], 4 * deviation / closes.mean(), rtol=1e-5)


def test_vwap_dev_starts_anew_with_each_session():
    value = (FRAME["vwap"] * FRAME["volume"]).groupby(FRAME["session"]).cumsum()
    vwap = value / FRAME["volume"].groupby(FRAME["session"]).cumsum()
    expected = (FRAME["close"] - vwap) / atr(FRAME)
    np.testing.assert_allclose(compute(MANY, "vwap_dev")["vwap_dev"], expected, rtol=1e-5, atol=1e-7)


def test_vwap_dev_takes_the_typical_price_where_no_vwap_is_known():
    bars = random_bars([390, 390], seed=3, optional=())
    frame = gap_removed(bars)
    typical = (frame["high"] + frame["low"] + frame["close"]) / 3
    vwap = (typical * frame["volume"]).groupby(frame["session"]).cumsum()
    vwap /= frame["volume"].groupby(frame["session"]).cumsum()
    expected = (frame["close"] - vwap) / atr(frame)
    np.testing.assert_allclose(compute(bars, "vwap_dev")["vwap_dev"], expected, rtol=1e-5, atol=1e-7)
