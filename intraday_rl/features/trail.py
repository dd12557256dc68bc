"""The trail: what every family needs of a bar and of the bars before it, made once per bar.

Conventions: the gap between sessions is removed. At the first bar of a session `gap_factor` is multiplied by
close / last close, prices are divided by it, and the bar contributes no return: it is left out of every window of
returns, while windows of price levels see it as unchanged. Indicator memories so run across sessions undisturbed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.features.base import Step
from intraday_rl.features.rolling import push, reseed, wilder, window_dtype

ATR_BARS = 14
DEVIATION_BARS = 60

FloatColumn = npt.NDArray[np.float64]  # (T,)
IntegerColumn = npt.NDArray[np.int64]  # (T,)

TRAIL = np.dtype(
    [
        ("session", np.int64),
        ("bars", np.int64),  # bars seen, all sessions
        ("ranges", np.int64),  # true ranges seen
        ("gap_factor", np.float64),
        ("close", np.float64),  # gap-removed
        ("raw_close", np.float64),
        ("log_close", np.float64),
        ("atr", np.float64),
        ("squares", window_dtype(DEVIATION_BARS, "square")),
    ],
    align=True,
)

SESSION_FIT = np.dtype(
    [
        ("minutes", np.int64),
        ("earlier_sessions", np.int64),
        ("bucket_volume", np.float64),
        ("garch_omega", np.float64),
        ("garch_alpha", np.float64),
        ("garch_beta", np.float64),
        ("garch_variance", np.float64),
    ],
    align=True,
)

MINUTE_FIT = np.dtype([("usual_volume", np.float64), ("usual_trades", np.float64), ("usual_move", np.float64)])


class BarColumns(NamedTuple):
    """The columns of a bar table that the pass reads, each (T,)."""

    session: IntegerColumn
    minute: IntegerColumn
    traded: npt.NDArray[np.bool_]
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn
    vwap: FloatColumn
    trade_count: FloatColumn
    bid: FloatColumn
    ask: FloatColumn
    bid_size: FloatColumn
    ask_size: FloatColumn


@njit
def advance(trail: Any, bars: BarColumns, t: int, fit: Any, minute_fit: Any, is_first: bool) -> Step:
    """Return the step of the traded bar t, and take the bar into the trail."""
    raw_close = bars.close[t]
    if trail.bars == 0:
        trail.gap_factor = 1.0
    elif is_first:
        trail.gap_factor *= raw_close / trail.raw_close
        reseed(trail.squares)
    factor = trail.gap_factor
    close, high, low = raw_close / factor, bars.high[t] / factor, bars.low[t] / factor
    log_open, log_high, log_low = math.log(bars.open[t]), math.log(bars.high[t]), math.log(bars.low[t])
    log_close = math.log(raw_close)
    change = 0.0 if is_first else close - trail.close
    log_return = 0.0 if is_first else log_close - trail.log_close
    raw_vwap = bars.vwap[t]
    vwap = (high + low + close) / 3.0 if np.isnan(raw_vwap) else raw_vwap / factor
    last_atr = _atr(trail)
    earlier_bars = trail.bars
    if earlier_bars > 0:
        last_close = close if is_first else trail.close
        true_range = max(high, last_close) - min(low, last_close)
        trail.atr = wilder(trail.atr, true_range, trail.ranges, ATR_BARS)
        trail.ranges += 1
    if not is_first:
        trail.squares.new.square = log_return * log_return
        push(trail.squares)
    trail.bars, trail.close, trail.raw_close, trail.log_close = earlier_bars + 1, close, raw_close, log_close
    return Step(
        is_first, earlier_bars, bars.minute[t], fit.minutes,
        bars.open[t] / factor, high, low, close, vwap, raw_close, factor,
        bars.volume[t], bars.trade_count[t], bars.bid[t], bars.ask[t], bars.bid_size[t], bars.ask_size[t],
        change, log_return, log_high - log_low, log_high - log_open, log_low - log_open, log_close - log_open,
        log_open, log_high, log_low, log_close, _atr(trail), last_atr, _deviation(trail, DEVIATION_BARS), _deviation(trail, 1),
        minute_fit.usual_volume, minute_fit.usual_trades, minute_fit.usual_move,
        fit.earlier_sessions, fit.bucket_volume, fit.garch_omega, fit.garch_alpha, fit.garch_beta, fit.garch_variance,
    )  # fmt: skip


@njit
def _atr(trail: Any) -> float:
    return float(trail.atr) if trail.ranges >= ATR_BARS else np.nan


@njit
def _deviation(trail: Any, least: int) -> float:
    count = trail.squares.count
    return math.sqrt(max(0.0, trail.squares.sums.square) / count) if count >= least else np.nan
