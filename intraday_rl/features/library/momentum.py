"""Momentum: 12 features of direction, on gap-removed prices.

Conventions: returns are logarithmic, per bar; "/ATR" is division by Wilder's ATR14, 0 where the ATR is 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import Family, FeatureSpec
from intraday_rl.features.rolling import lags_dtype, ratio, recall, remember, wilder

LONGEST_RETURN = 30
RSI_BARS = 14.0
BAND_BARS = 20
FLAT = 1e-10  # standard deviations below this part of the price are rounding, not movement
WEIGHT_9, WEIGHT_12, WEIGHT_21, WEIGHT_26 = 2.0 / 10.0, 2.0 / 13.0, 2.0 / 22.0, 2.0 / 27.0  # 2/(span + 1)


class Momentum(NamedTuple):
    """RSI, MACD, Bollinger bands, averages, session VWAP and scaled returns; no parameters."""


STATE = np.dtype(
    [
        ("path", lags_dtype(LONGEST_RETURN + 1)),  # cumulative log return
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
        ("value", np.float64),  # traded in the session so far
        ("volume", np.float64),
    ],
    align=True,
)


@njit
def update_momentum(state: Any, step: Any, row: Any) -> None:
    """Write the 12 momentum columns of the bar."""
    _returns(state, step, row)
    _averages(state, step, row)
    _bands(state, step.close, row)
    if step.is_first:
        state.value = state.volume = 0.0
    state.value += step.vwap * step.volume
    state.volume += step.volume
    vwap = state.value / state.volume if state.volume > 0.0 else step.vwap
    row.vwap_dev = ratio(step.close - vwap, step.atr)


@njit
def _returns(state: Any, step: Any, row: Any) -> None:
    state.total_return += step.log_return
    total, path, sigma = state.total_return, state.path, step.deviation_60
    remember(path, total)
    bars = path.position  # no constant: a function is compiled anew for each constant integer
    row.ret_1 = ratio(total - recall(path, bars, 1.0), sigma)
    row.ret_5 = ratio(total - recall(path, bars, 5.0), sigma * math.sqrt(5.0))
    row.ret_15 = ratio(total - recall(path, bars, 15.0), sigma * math.sqrt(15.0))
    row.ret_30 = ratio(total - recall(path, bars, 30.0), sigma * math.sqrt(30.0))
