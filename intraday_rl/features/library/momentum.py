"""Momentum: 12 features of direction, on gap-removed prices.

Conventions: returns are logarithmic, per bar; "/ATR" is division by Wilder's ATR14, 0 where the ATR is 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec
from intraday_rl.features.rolling import LAGS, ratio, recall, remember, wilder_weight

RSI_BARS = 14.0
FLAT = 1e-10  # standard deviations below this part of the price are rounding, not movement
WEIGHT_9, WEIGHT_12, WEIGHT_21, WEIGHT_26 = 2.0 / 10.0, 2.0 / 13.0, 2.0 / 22.0, 2.0 / 27.0  # 2/(span + 1)


class Momentum(NamedTuple):
    """RSI, MACD, Bollinger bands, averages, session VWAP and scaled returns; no parameters."""


STATE = np.dtype(
    [
        ("path", LAGS),  # cumulative log return
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
    width = math.sqrt(step.variance_20)
    width = width if width > FLAT * step.close else 0.0
    row.bb_pctb = ratio(-step.mean_move_20, 2.0 * width)
    row.bb_width = 4.0 * width / (step.close + step.mean_move_20)
    if step.is_first:
        state.value = state.volume = 0.0
    state.value += step.vwap * step.volume
    state.volume += step.volume
    vwap = state.value / state.volume if state.volume > 0.0 else step.vwap
    row.vwap_dev = (step.close - vwap) * step.per_atr


@njit
def _returns(state: Any, step: Any, row: Any) -> None:
    state.total_return += step.log_return
    remember(state.path, state.total_return)
    total, path, per_sigma = state.total_return, state.path, ratio(1.0, step.deviation_60)
    row.ret_1 = (total - recall(path, 2.0)) * per_sigma
    row.ret_5 = (total - recall(path, 6.0)) * per_sigma * (1.0 / math.sqrt(5.0))
    row.ret_15 = (total - recall(path, 16.0)) * per_sigma * (1.0 / math.sqrt(15.0))
    row.ret_30 = (total - recall(path, 31.0)) * per_sigma * (1.0 / math.sqrt(30.0))


@njit
def _averages(state: Any, step: Any, row: Any) -> None:
    """RSI and MACD; the exponential averages start at the first close, so their first value is no special case."""
    if not step.is_first:
        weight = wilder_weight(state.changes, RSI_BARS)
        state.gain += (max(step.change, 0.0) - state.gain) * weight
        state.loss += (max(-step.change, 0.0) - state.loss) * weight
        state.changes += 1
    row.rsi14 = ratio(state.gain - state.loss, state.gain + state.loss) if state.changes >= RSI_BARS else np.nan
    close = step.close
    if step.earlier_bars == 0:
        state.ema_9 = state.ema_12 = state.ema_21 = state.ema_26 = close
    state.ema_9 += (close - state.ema_9) * WEIGHT_9
    state.ema_12 += (close - state.ema_12) * WEIGHT_12
    state.ema_21 += (close - state.ema_21) * WEIGHT_21
    state.ema_26 += (close - state.ema_26) * WEIGHT_26
    line = state.ema_12 - state.ema_26
    state.signal += (line - state.signal) * WEIGHT_9
    bars = step.earlier_bars + 1
    row.ema_gap = (state.ema_9 - state.ema_21) * step.per_atr if bars >= 21 else np.nan
    row.macd_line = line * step.per_atr if bars >= 26 else np.nan
    row.macd_signal = state.signal * step.per_atr if bars >= 34 else np.nan
    row.macd_histogram = (line - state.signal) * step.per_atr if bars >= 34 else np.nan


def _scaled(bars: int) -> FeatureSpec:
    formula = f"ln(c_t/c_(t-{bars})) / (sigma * sqrt({bars})), sigma = rv_60 as a fraction; 0 where sigma = 0"
    return FeatureSpec(f"ret_{bars}", "sigma", formula, "60 returns", NOTHING, OWN)


def _macd(name: str, formula: str, warm_up: str) -> FeatureSpec:
    averages = "EMA12 and EMA26 of the close start at the first close, EMA9 of the line at 0"
    return FeatureSpec(name, "ATR", f"({formula})/ATR; {averages}", warm_up, NOTHING, "Appel (2005)")


FAMILY = Family(
    Momentum,
    (
        *(_scaled(bars) for bars in (1, 5, 15, 30)),
        FeatureSpec(
            "rsi14", "1 (-1 to 1)", "(RSI - 50)/50, Wilder's averages of 14 changes, seeded by their mean; no move: 0",
            "14 returns", NOTHING, "Wilder (1978)",
        ),
        _macd("macd_line", "EMA12 - EMA26", "26 bars"),
        _macd("macd_signal", "EMA9 of the line", "34 bars"),
        _macd("macd_histogram", "line - signal", "34 bars"),
        FeatureSpec(
            "vwap_dev", "ATR", "(c - VWAP)/ATR, VWAP = sum(vwap_i V_i)/sum(V_i) since the open; vwap_i itself before "
            "any volume", "15 bars", "vwap, else the typical price", OWN,
        ),
        FeatureSpec(
            "bb_pctb", "half band widths", "(c - SMA20)/(2 sd20), population sd; 0 where sd = 0", "20 bars",
            NOTHING, "Bollinger (2001)",
        ),
        FeatureSpec("bb_width", "fraction of SMA20", "4 sd20/SMA20", "20 bars", NOTHING, "Bollinger (2001)"),
        FeatureSpec(
            "ema_gap", "ATR", "(EMA9 - EMA21)/ATR; the averages start at the first close", "21 bars", NOTHING, OWN,
        ),
    ),
    STATE,
)  # fmt: skip
