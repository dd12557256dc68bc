"""The trail: what every family needs of a bar and of the bars before it, made once per bar.

Conventions: the gap between sessions is removed. At the first bar of a session the scale of prices is set anew, so that
the bar's close equals the last close of the session before; the bar contributes no return: it is left out of every
window of returns, while windows of price levels see it as unchanged. Indicator memories so run across sessions
undisturbed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.core.structs import dtype_of
from intraday_rl.features.base import Step
from intraday_rl.features.rolling import LAGS, LONGEST_LAG, SUM, push_sum, ratio, remember, wilder_weight

ATR_BARS = 14.0
DEVIATION_BARS = 60.0
LEVEL_BARS = 20

FloatColumn = npt.NDArray[np.float64]  # (T,)
IntegerColumn = npt.NDArray[np.int64]  # (T,)

TRAIL = np.dtype(
    [
        ("session", np.int64),
        ("bars", np.int64),  # bars seen, all sessions
        ("ranges", np.int64),  # true ranges seen
        ("scale", np.float64),  # gap-removed price = raw price * scale
        ("close", np.float64),  # gap-removed
        ("raw_close", np.float64),
        ("log_close", np.float64),
        ("atr", np.float64),
        ("squares", SUM),
        ("closes", LAGS),
        ("step", dtype_of(Step)),
    ],
    align=True,
)

SESSION_FIT = np.dtype(
    [
        ("minutes", np.int64),
        ("earlier_sessions", np.int64),
        ("bucket_volume", np.float64),
        ("calm_below", np.float64),
        ("wild_above", np.float64),
        ("vix_close", np.float64),
        ("vix_mean", np.float64),
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
    buy_volume: FloatColumn
    sell_volume: FloatColumn
    order_flow: FloatColumn
    effective_spread_bps: FloatColumn
    side_per_mid: FloatColumn


@njit
def advance(trail: Any, bars: BarColumns, t: int, fit: Any, minute_fit: Any) -> None:
    """Take the traded bar t into the trail, and write what is known with it into `trail.step`."""
    step = trail.step
    step.is_first = bars.session[t] != trail.session
    trail.session = bars.session[t]
    step.earlier_bars = trail.bars
    trail.bars += 1
    step.minute, step.session_minutes = bars.minute[t], fit.minutes
    step.volume, step.trade_count = bars.volume[t], bars.trade_count[t]
    step.bid, step.ask, step.bid_size, step.ask_size = bars.bid[t], bars.ask[t], bars.bid_size[t], bars.ask_size[t]
    step.usual_volume, step.usual_trades = minute_fit.usual_volume, minute_fit.usual_trades
    step.usual_move = minute_fit.usual_move
    step.earlier_sessions, step.bucket_volume = fit.earlier_sessions, fit.bucket_volume
    step.garch_omega, step.garch_alpha, step.garch_beta = fit.garch_omega, fit.garch_alpha, fit.garch_beta
    step.garch_variance = fit.garch_variance
    step.calm_below, step.wild_above = fit.calm_below, fit.wild_above
    step.raw_close = bars.close[t]
    step.log_open, step.log_high = math.log(bars.open[t]), math.log(bars.high[t])
    step.log_low, step.log_close = math.log(bars.low[t]), math.log(bars.close[t])
    _prices(trail, step, bars.high[t], bars.low[t], bars.vwap[t])
    step.order_flow, step.effective_spread_bps = bars.order_flow[t], bars.effective_spread_bps[t]
    bought, sold = bars.buy_volume[t], bars.sell_volume[t]
    step.side_share = ratio(bought - sold, bought + sold)
    step.side_per_mid, step.scale = bars.side_per_mid[t] / trail.scale, trail.scale
    _deviation(trail, step)
    _levels(trail, step)


@njit
def _prices(trail: Any, step: Any, raw_high: float, raw_low: float, raw_vwap: float) -> None:
    """Remove the gap, and compare with the last bar."""
    if step.earlier_bars == 0:
        trail.scale = 1.0
    elif step.is_first:
        trail.scale *= trail.raw_close / step.raw_close
    close, high, low = step.raw_close * trail.scale, raw_high * trail.scale, raw_low * trail.scale
    last_close = close if step.is_first else trail.close
    step.high, step.low, step.close, step.per_close = high, low, close, 1.0 / close
    step.vwap = (high + low + close) / 3.0 if math.isnan(raw_vwap) else raw_vwap * trail.scale
    step.change = close - last_close
    step.log_return = 0.0 if step.is_first else step.log_close - trail.log_close
    trail.close, trail.raw_close, trail.log_close = close, step.raw_close, step.log_close
    step.last_atr = trail.atr if trail.ranges >= ATR_BARS else np.nan
    if step.earlier_bars > 0:
        true_range = max(high, last_close) - min(low, last_close)
        trail.atr += (true_range - trail.atr) * wilder_weight(trail.ranges, ATR_BARS)
        trail.ranges += 1
    step.atr = trail.atr if trail.ranges >= ATR_BARS else np.nan
    step.per_atr = ratio(1.0, step.atr)


@njit
def _deviation(trail: Any, step: Any) -> None:
    total = trail.squares.total if step.is_first else push_sum(trail.squares, step.log_return**2, DEVIATION_BARS)
    count = trail.squares.count
    deviation = math.sqrt(max(0.0, total) / count) if count > 0 else np.nan
    step.deviation_so_far = deviation
    step.deviation_60 = deviation if count == DEVIATION_BARS else np.nan


@njit
def _levels(trail: Any, step: Any) -> None:
    """Sum deviations of the last 20 closes to the last one, which lose no digits and are 0 on a flat series.

    The bars are walked in pairs, equally far from their middle.
    """
    closes, close = trail.closes, step.close
    remember(closes, close)
    total, squares, tilt = 0.0, 0.0, 0.0
    for bar in range(LEVEL_BARS // 2):
        new = closes.values[(closes.position - 1 - bar) & (LONGEST_LAG - 1)] - close
        old = closes.values[(closes.position - LEVEL_BARS + bar) & (LONGEST_LAG - 1)] - close
        total += new + old
        squares += new * new + old * old
        tilt += (0.5 * (LEVEL_BARS - 1) - bar) * (new - old)
    mean = total * (1.0 / LEVEL_BARS)
    step.mean_move_20 = mean if closes.count >= LEVEL_BARS else np.nan
    step.variance_20 = max(0.0, squares * (1.0 / LEVEL_BARS) - mean * mean)
    step.tilt_20 = tilt
