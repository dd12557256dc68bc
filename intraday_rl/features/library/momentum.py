"""Momentum: 12 features of direction, on gap-removed prices.

Conventions: returns are logarithmic, per bar; "/ATR" is division by Wilder's ATR14, 0 where the ATR is 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import Family, FeatureSpec, Step, update
from intraday_rl.features.rolling import (
    exponential,
    lags_dtype,
    ratio,
    recall,
    remember,
    state_dtype,
    wilder,
)

RSI_BARS = 14
BAND_BARS = 20
MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
EMA_FAST, EMA_SLOW = 9, 21
FLAT = 1e-10  # standard deviations below this part of the price are rounding, not movement


class Momentum(NamedTuple):
    """RSI, MACD, Bollinger bands, averages, session VWAP and scaled returns; no parameters."""


STATE = state_dtype(
    Momentum,
    [
        ("path", lags_dtype(31)),  # cumulative log return
        ("closes", lags_dtype(BAND_BARS)),
        ("total_return", np.float64),
        ("changes", np.int64),
        ("gain", np.float64),
        ("loss", np.float64),
        ("ema_9", np.float64),
        ("ema_12", np.float64),
        ("ema_21", np.float64),
        ("ema_26", np.float64),
        ("signal", np.float64),
        ("value", np.float64),  # of the session so far
        ("volume", np.float64),
    ],
)


@update.model.implement(Momentum)  # type: ignore[attr-defined]
def update_momentum(state: Any, step: Step, row: Any) -> None:
    """Write the 12 momentum columns of the bar."""
    _returns(state, step, row)
    _rsi(state, step, row)
    _averages(state, step, row)
    _session_vwap(state, step, row)
    _bands(state, step, row)


@njit
def _returns(state: Any, step: Step, row: Any) -> None:
    state.total_return += step.log_return
    remember(state.path, state.total_return)
    row.ret_1 = _scaled_return(state, step, 1)
    row.ret_5 = _scaled_return(state, step, 5)
    row.ret_15 = _scaled_return(state, step, 15)
    row.ret_30 = _scaled_return(state, step, 30)


@njit
def _scaled_return(state: Any, step: Step, bars: int) -> float:
    return ratio(state.total_return - recall(state.path, bars + 1), step.deviation_60 * math.sqrt(bars))


@njit
def _rsi(state: Any, step: Step, row: Any) -> None:
    if not step.is_first:
        state.gain = wilder(state.gain, max(step.change, 0.0), state.changes, RSI_BARS)
        state.loss = wilder(state.loss, max(-step.change, 0.0), state.changes, RSI_BARS)
        state.changes += 1
    index = ratio(state.gain - state.loss, state.gain + state.loss)  # (RSI - 50)/50
    row.rsi14 = index if state.changes >= RSI_BARS else np.nan


@njit
def _averages(state: Any, step: Step, row: Any) -> None:
    start = step.earlier_bars == 0
    state.ema_9 = exponential(state.ema_9, step.close, EMA_FAST, start)
    state.ema_12 = exponential(state.ema_12, step.close, MACD_FAST, start)
    state.ema_21 = exponential(state.ema_21, step.close, EMA_SLOW, start)
    state.ema_26 = exponential(state.ema_26, step.close, MACD_SLOW, start)
    line = state.ema_12 - state.ema_26
    state.signal = exponential(state.signal, line, MACD_SIGNAL, start)
    bars = step.earlier_bars + 1
    row.ema_gap = ratio(state.ema_9 - state.ema_21, step.atr) if bars >= EMA_SLOW else np.nan
    row.macd_line = ratio(line, step.atr) if bars >= MACD_SLOW else np.nan
    has_signal = bars >= MACD_SLOW + MACD_SIGNAL - 1
    row.macd_signal = ratio(state.signal, step.atr) if has_signal else np.nan
    row.macd_histogram = ratio(line - state.signal, step.atr) if has_signal else np.nan


@njit
def _session_vwap(state: Any, step: Step, row: Any) -> None:
    if step.is_first:
        state.value = 0.0
        state.volume = 0.0
    state.value += step.vwap * step.volume
    state.volume += step.volume
    vwap = state.value / state.volume if state.volume > 0.0 else step.vwap
    row.vwap_dev = ratio(step.close - vwap, step.atr)


@njit
def _bands(state: Any, step: Step, row: Any) -> None:
    """Both columns from deviations to the last close, which lose no digits and are exactly 0 on a flat series."""
    remember(state.closes, step.close)
    if state.closes.count < BAND_BARS:
        row.bb_pctb = np.nan
        row.bb_width = np.nan
        return
    total, squares = 0.0, 0.0
    for place in range(BAND_BARS):
        deviation = state.closes.values[place] - step.close
        total += deviation
        squares += deviation * deviation
    mean = total / BAND_BARS
    deviation = math.sqrt(max(0.0, squares / BAND_BARS - mean * mean))
    is_flat = deviation < FLAT * step.close
    row.bb_pctb = 0.0 if is_flat else -mean / (2.0 * deviation)
    row.bb_width = 0.0 if is_flat else 4.0 * deviation / (step.close + mean)


def _scaled(bars: int) -> FeatureSpec:
    formula = f"ln(c_t/c_(t-{bars})) / (sigma_60 * sqrt({bars})), sigma_60 = rv_60; 0 where sigma_60 = 0"
    return FeatureSpec(f"ret_{bars}", "sigma", formula, "61 bars", "C1")


def _macd(name: str, formula: str, warm_up: str) -> FeatureSpec:
    averages = "EMA12 and EMA26 of the close start at the first close, EMA9 of the line at 0"
    return FeatureSpec(name, "ATR", f"{formula} / ATR; {averages}", warm_up, "Appel (2005)")


FAMILY = Family(
    Momentum,
    (
        *(_scaled(bars) for bars in (1, 5, 15, 30)),
        FeatureSpec(
            "rsi14", "1 (-1 to 1)", "(RSI - 50)/50, Wilder's averages of 14 changes, seeded by their mean; no move -> 0",
            "14 changes", "Wilder (1978)",
        ),
        _macd("macd_line", "EMA12 - EMA26", "26 bars"),
        _macd("macd_signal", "EMA9 of the line", "34 bars"),
        _macd("macd_histogram", "line - signal", "34 bars"),
        FeatureSpec(
            "vwap_dev", "ATR", "(c - VWAP)/ATR, VWAP = sum(vwap_i V_i)/sum(V_i) since the open; vwap_i itself before "
            "any volume", "15 bars", "C1",
        ),
        FeatureSpec(
            "bb_pctb", "half band widths", "(c - SMA20)/(2 sd20), population sd; 0 where sd = 0", "20 bars",
            "Bollinger (2001)",
        ),
        FeatureSpec("bb_width", "fraction of SMA20", "4 sd20/SMA20", "20 bars", "Bollinger (2001)"),
        FeatureSpec(
            "ema_gap", "ATR", "(EMA9 - EMA21)/ATR; the averages start at the first close", "21 bars", "C1",
        ),
    ),
    STATE,
)  # fmt: skip
