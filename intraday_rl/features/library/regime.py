"""Regime: 6 features of trend, unusual volatility and the time of day.

Conventions: gap-removed prices; the clock columns need no bar, so they move on in minutes without one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec
from intraday_rl.features.rolling import LAGS, SUM, push_sum, recall, remember

PATH_BARS = 30.0
SLOPE_BARS = 20
SLOPE_SQUARES = SLOPE_BARS * (SLOPE_BARS**2 - 1) / 12  # sum of squared distances of the bars from their middle
HISTORY_SESSIONS = 20
HISTORY_PLACES = 32  # the places beyond 20 stay NaN: loops of this length are vectorised, shorter ones are not
MINUTES_OF_DAY = 1440  # the longest session; the layout of the memory does not depend on the exchange
OPENING_MINUTES, CLOSING_MINUTES = 30, 60
LEAST_UNEXPLAINED = 1e-4  # floor of 1 - R^2, so that a straight line has a finite t-statistic (at most 424)
EQUAL, RESIDUE = 1e-9, 2e-10  # relative and absolute difference of two deviations that is rounding of sums, not rank
FLAT = 1e-9  # moves below this part of the price are rounding, not movement


class Regime(NamedTuple):
    """Efficiency ratio, slope, volatility rank and the clock; no parameters."""


STATE = np.dtype(
    [
        ("path", SUM),  # sizes of changes
        ("closes", LAGS),
        ("sessions", np.int64),  # sessions with a bar, this one included
        ("next_minute", np.int64),  # first minute of the session that has not been recorded
        ("last_minute", np.int64),  # minutes of the longest session so far
        ("history", np.float64, (MINUTES_OF_DAY, HISTORY_PLACES)),  # NaN where there is none
        ("clock_minutes", np.int64),  # session length for which the two tables below hold
        ("sines", np.float64, (MINUTES_OF_DAY,)),
        ("cosines", np.float64, (MINUTES_OF_DAY,)),
    ],
    align=True,
)


@njit
def update_regime(state: Any, step: Any, row: Any) -> None:
    """Write the 3 regime columns of the bar that are not the clock."""
    remember(state.closes, step.close)
    path = push_sum(state.path, abs(step.change), PATH_BARS)
    move = step.close - recall(state.closes, PATH_BARS + 1.0)
    row.er30 = _efficiency(move, path, step.close)
    row.sma_slope = _slope(step)
    if step.is_first:
        _open_session(state, step.session_minutes)
    row.vol_pct = _volatility_rank(state, step)


@njit
def write_clock(state: Any, row: Any, minute: int, session_minutes: int) -> None:
    """Write the 3 columns that follow from the time of day alone."""
    if session_minutes != state.clock_minutes:
        state.clock_minutes = session_minutes
        for place in range(session_minutes):
            angle = 2.0 * math.pi * place / session_minutes
            state.sines[place], state.cosines[place] = math.sin(angle), math.cos(angle)
    row.tod_sin, row.tod_cos = state.sines[minute], state.cosines[minute]
    is_closing = minute >= session_minutes - CLOSING_MINUTES
    row.phase = -1.0 if minute < OPENING_MINUTES else (1.0 if is_closing else 0.0)


@njit
def _efficiency(move: float, path: float, close: float) -> float:
    if math.isnan(move):
        return np.nan
    return max(-1.0, min(1.0, move / path)) if path > FLAT * close else 0.0


@njit
def _slope(step: Any) -> float:
    spread, tilt = SLOPE_BARS * step.variance_20, step.tilt_20
    if math.isnan(step.mean_move_20):
        return np.nan
    if math.sqrt(spread) < FLAT * step.close:
        return 0.0
    explained = min(1.0, tilt * tilt / (SLOPE_SQUARES * spread))
    statistic = math.sqrt((SLOPE_BARS - 2.0) * explained / max(1.0 - explained, LEAST_UNEXPLAINED))
    return statistic if tilt > 0.0 else -statistic


@njit
def _open_session(state: Any, session_minutes: int) -> None:
    if state.sessions == 0:
        for minute in range(MINUTES_OF_DAY):
            for slot in range(HISTORY_PLACES):
                state.history[minute, slot] = np.nan
    _forget(state, state.last_minute)
    state.sessions += 1
    state.next_minute = 0
    state.last_minute = max(state.last_minute, session_minutes)


@njit
def _forget(state: Any, stop: int) -> None:
    """Clear what stands from 20 sessions ago at the minutes up to `stop` that had no bar in this session."""
    for minute in range(state.next_minute, stop):
        state.history[minute, state.sessions % HISTORY_SESSIONS] = np.nan


@njit
def _volatility_rank(state: Any, step: Any) -> float:
    """Return the rank of the value, then put it in the place of that of 20 sessions ago."""
    _forget(state, step.minute)
    state.next_minute = step.minute + 1
    past, value = state.history[step.minute], step.deviation_60
    below, equal, known = 0, 0, 0
    low, high = value * (1.0 - EQUAL) - RESIDUE, value * (1.0 + EQUAL) + RESIDUE
    for place in range(HISTORY_PLACES):
        below += 1 if past[place] < low else 0
        equal += 1 if low <= past[place] <= high else 0
        known += 0 if math.isnan(past[place]) else 1
    past[state.sessions % HISTORY_SESSIONS] = step.deviation_so_far
    is_warm_up = math.isnan(value) or state.sessions < 2
    return np.nan if is_warm_up else (below + 0.5 * (equal + 1)) / (known + 1) - 0.5


FAMILY = Family(
    Regime,
    (
        FeatureSpec(
            "er30", "1 (-1 to 1)", "(c_t - c_(t-30)) / sum of abs(change) over 30 bars; 0 where nothing moved",
            "31 bars", NOTHING, "Kaufman (1995)",
        ),
        FeatureSpec(
            "sma_slope", "t-statistic", "t-statistic of the least-squares slope of the last 20 closes; at most 424 in "
            "size, 0 where nothing moved", "20 bars", NOTHING, OWN,
        ),
        FeatureSpec(
            "vol_pct", "1 (-0.5 to 0.5)", "mid-rank of rv_60 among itself and the values of the same minute in the 20 "
            "sessions before, as a fraction, - 0.5; the record's first session lends what returns it has",
            "1 session, 60 returns", NOTHING, OWN,
        ),
        FeatureSpec(
            "tod_sin", "1", "sin(2 pi minute/session minutes), minute at the bar's start", "none", NOTHING, OWN,
        ),
        FeatureSpec(
            "tod_cos", "1", "cos(2 pi minute/session minutes), minute at the bar's start", "none", NOTHING, OWN,
        ),
        FeatureSpec(
            "phase", "1", "-1 in the first 30 minutes, +1 in the last 60, else 0", "none", NOTHING, OWN,
        ),
    ),
    STATE,
)  # fmt: skip
