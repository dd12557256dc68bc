"""Regime: 6 features of trend, unusual volatility and the time of day.

Conventions: gap-removed prices; the clock columns need no bar, so they move on in minutes without one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import Family, FeatureSpec, update
from intraday_rl.features.rolling import (
    is_full,
    lags_dtype,
    push,
    recall,
    remember,
    reseed,
    state_dtype,
    window_dtype,
)

PATH_BARS = 30
SLOPE_BARS = 20
SLOPE_SQUARES = SLOPE_BARS * (SLOPE_BARS**2 - 1) / 12  # sum of squared distances of the bars from their middle
HISTORY_SESSIONS = 20
MINUTES_OF_DAY = 1440  # the longest session; the layout of the memory does not depend on the exchange
OPENING_MINUTES, CLOSING_MINUTES = 30, 60
LEAST_UNEXPLAINED = 1e-4  # floor of 1 - R^2, so that a straight line has a finite t-statistic (at most 424)
FLAT = 1e-9  # moves below this part of the price are rounding, not movement


class Regime(NamedTuple):
    """Efficiency ratio, slope, volatility rank and the clock; no parameters."""


STATE = state_dtype(
    Regime,
    [
        ("closes", lags_dtype(PATH_BARS + 1)),
        ("path", window_dtype(PATH_BARS, "length")),
        ("sessions", np.int64),  # sessions with a bar, this one included
        ("next_minute", np.int64),  # first minute of the session that has not been recorded
        ("last_minute", np.int64),  # minutes of the longest session so far
        ("history", np.float64, (MINUTES_OF_DAY, HISTORY_SESSIONS)),
    ],
)


@update.model.implement(Regime)  # type: ignore[attr-defined]
def update_regime(state: Any, step: Any, row: Any) -> None:
    """Write the 3 regime columns of the bar that are not the clock."""
    if step.is_first:
        reseed(state.path)
    remember(state.closes, step.close)
    state.path.new.length = abs(step.change)
    push(state.path)
    row.er30 = _efficiency(state, step.close)
    row.sma_slope = _slope(state, step.close)
    row.vol_pct = _volatility_rank(state, step)


@njit
def write_clock(row: Any, minute: int, session_minutes: int) -> None:
    """Write the 3 columns that follow from the time of day alone."""
    angle = 2.0 * math.pi * minute / session_minutes
    row.tod_sin = math.sin(angle)
    row.tod_cos = math.cos(angle)
    is_closing = minute >= session_minutes - CLOSING_MINUTES
    row.phase = -1.0 if minute < OPENING_MINUTES else (1.0 if is_closing else 0.0)


@njit
def _efficiency(state: Any, close: float) -> float:
    if not is_full(state.path):
        return np.nan
    length = state.path.sums.length
    if length < FLAT * close:
        return 0.0
    return max(-1.0, min(1.0, (close - recall(state.closes, PATH_BARS + 1)) / length))


@njit
def _slope(state: Any, close: float) -> float:
    """Return the t-statistic from deviations to the last close, which lose no digits."""
    if state.closes.count < SLOPE_BARS:
        return np.nan
    total, squares, weighted = 0.0, 0.0, 0.0
    for ago in range(SLOPE_BARS):
        deviation = recall(state.closes, ago + 1) - close
        total += deviation
        squares += deviation * deviation
        weighted += deviation * (0.5 * (SLOPE_BARS - 1) - ago)
    spread = squares - total * total / SLOPE_BARS
    if spread < (FLAT * close) ** 2:
        return 0.0
    explained = min(1.0, weighted * weighted / (SLOPE_SQUARES * spread))
    statistic = math.sqrt((SLOPE_BARS - 2) * explained / max(1.0 - explained, LEAST_UNEXPLAINED))
    return statistic if weighted > 0.0 else -statistic


@njit
def _volatility_rank(state: Any, step: Any) -> float:
    """Return the rank of today's value, then put it in the place of the value of 20 sessions ago."""
    if step.earlier_bars == 0:
        state.history[:, :] = np.nan
    if step.is_first:
        _forget(state, state.last_minute)
        state.sessions += 1
        state.next_minute = 0
        state.last_minute = max(state.last_minute, step.session_minutes)
    _forget(state, step.minute)
    row = state.history[step.minute]
    value = step.deviation_60
    below, known = 0.0, 0
    for place in range(HISTORY_SESSIONS):
        below += 1.0 if row[place] < value else (0.5 if row[place] == value else 0.0)
        known += 0 if np.isnan(row[place]) else 1
    row[state.sessions % HISTORY_SESSIONS] = step.deviation_so_far
    state.next_minute = step.minute + 1
    is_warm_up = np.isnan(value) or state.sessions < 2
    return np.nan if is_warm_up else (below + 0.5) / (known + 1) - 0.5


@njit
def _forget(state: Any, stop: int) -> None:
    """Clear what stands from 20 sessions ago at the minutes up to `stop` that had no bar in this session."""
    for minute in range(state.next_minute, stop):
        state.history[minute, state.sessions % HISTORY_SESSIONS] = np.nan


FAMILY = Family(
    Regime,
    (
        FeatureSpec(
            "er30", "1 (-1 to 1)", "(c_t - c_(t-30)) / sum of abs(change) over 30 bars; 0 where nothing moved",
            "31 bars", "Kaufman (1995)",
        ),
        FeatureSpec(
            "sma_slope", "t-statistic", "t-statistic of the least-squares slope of the last 20 closes; at most 424 in "
            "size, 0 where nothing moved", "20 bars", "C1",
        ),
        FeatureSpec(
            "vol_pct", "1 (-0.5 to 0.5)", "mid-rank of rv_60 among itself and the values of the same minute in the 20 "
            "sessions before, as a fraction, - 0.5; the record's first session lends what returns it has",
            "1 session, 60 returns", "C1",
        ),
        FeatureSpec("tod_sin", "1", "sin(2 pi minute/session minutes), minute at the bar's start", "none", "C1"),
        FeatureSpec("tod_cos", "1", "cos(2 pi minute/session minutes), minute at the bar's start", "none", "C1"),
        FeatureSpec(
            "phase", "1", "-1 in the first 30 minutes, +1 in the last 60, else 0", "none", "C1",
        ),
    ),
    STATE,
)  # fmt: skip
