"""Liquidity: what bars tell execution of spread, price impact and calm.

Conventions: one value for each of T grid minutes, known at the minute's end: made of bars up to it, and fitted on
earlier sessions only. A minute without a bar repeats its session's last value. Nothing is NaN: in warm-up stands what
changes nothing (no widening, no impact, the volatility itself).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.core.structs import view
from intraday_rl.data import Bars
from intraday_rl.features.fitted.seasons import HISTORY_SESSIONS, minute_medians, to_grid
from intraday_rl.features.rolling import push, window_dtype

CALM_QUANTILE = 0.2
FLOW_BARS = 60.0
EACH, EACH_SAMPLE = 1.0 / FLOW_BARS, 1.0 / (FLOW_BARS - 1.0)  # weights of plain means and sample variances
ROOT_HALF = math.sqrt(0.5)
FLAT = 1e-12  # moves below this part of the price are rounding
NO_VARIANCE = 1e-12  # variances below this part of the mean square are rounding
HIGHEST = 5.0  # a lambda counts as so many medians of the session before at most
KEPT = 0.9  # of a lambda, a minute later, at least

Column = npt.NDArray[np.float64]  # (T,)

FLOW = np.dtype(
    [
        ("moves", window_dtype(60, "change", "change_change")),
        ("flow", window_dtype(60, "change", "signed", "product", "square")),
        ("session", np.int64),
        ("scale", np.float64),  # gap-removed price = raw price * scale
        ("close", np.float64),  # raw
    ],
    align=True,
)


def spread_widening(bars: Bars, atr: Column) -> Column:
    """Return max(1, V/usual V, 2 abs(change)/ATR before the bar), (T,): how much wider than in calm a spread is.

    Usual V is the median volume of the same minute over the previous 20 sessions. A session's first bar has no change.
    A part whose denominator is 0 or unknown does not widen. There is no upper bound.

    Args:
        bars: T minutes of one symbol.
        atr: Wilder's ATR14, price units, (T,).
    """
    change, last_atr = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    change[1:], last_atr[1:] = np.diff(bars.close), atr[:-1]
    change[bars.sessions.first[:-1]] = np.nan
    by_volume = _ratio(bars.volume, usual_at_minute(bars, bars.volume))
    by_move = _ratio(2.0 * np.abs(change), last_atr)
    return np.asarray(np.maximum(1.0, np.maximum(by_volume, by_move)))


def kyle_lambda(bars: Bars) -> Column:
    """Return how far a unit of signed volume moves the price, price units, >= 0, (T,).

    Formula: max(0, slope of the bars' changes on their signed volume), least squares over the last 60 bars; signed
    volume is bulk classification with the normal distribution, as in the features. Gaps between sessions are taken out.
    0 where signed volume does not vary. At most 5 times the median of the session before, where that is positive. At
    least 0.9 times the value of the minute before in the session.

    The last rule keeps round trips from earning by their own impact. Let a fill of q move the price by lambda_t q, of
    which a part r stays each bar, and pay half of its own. With A_t what all fills have moved after the one of bar t,
    a sequence costs sum_t (A_t^2 - r^2 A_(t-1)^2)/(2 lambda_t) = sum_t A_t^2 (1/lambda_t - r^2/lambda_(t+1))/2, plus
    A_n^2/(2 lambda_n) at its end. It is never negative if and only if lambda_(t+1) >= r^2 lambda_t. Costs of several
    parts add up, so 0.9 serves all r up to sqrt(0.9) = 0.948; r = 0.7 alone would need 0.49.

    Source: Kyle (1985); Easley, Lopez de Prado and O'Hara (2012); on impact that decays, Gatheral (2010).
    """
    slopes = np.empty(len(bars))
    memory = np.zeros(1, dtype=FLOW)
    memory["session"], memory["scale"] = -1, 1.0
    _slopes(bars.session, bars.traded, bars.close, bars.volume, view(memory), slopes)
    bound_lambda(bars.session, _highest(bars, slopes), slopes)
    return slopes


def calm_volatility(bars: Bars, volatility: Column) -> Column:
    """Return what the volatility would be in a calm session, price units, (T,).

    It is the 20 % quantile of volatility/close at the same minute over the previous 20 sessions, times the close; the
    volatility itself where none of these has the minute.

    Args:
        bars: T minutes of one symbol.
        volatility: root mean square of the last 60 one-minute returns, price units, (T,).
    """
    grid = to_grid(bars, volatility / bars.close, int(bars.sessions.minutes.max()))
    calm = _earlier_quantiles(grid, CALM_QUANTILE)[bars.session, bars.minute] * bars.close
    return np.where(np.isnan(calm), volatility, calm)


def usual_at_minute(bars: Bars, column: Column) -> Column:
    """Return the column's median at the same minute over the previous 20 sessions, (T,); NaN where there is none."""
    grid = to_grid(bars, column, int(bars.sessions.minutes.max()))
    return np.asarray(minute_medians(grid)[bars.session, bars.minute])


def _ratio(numerator: Column, denominator: Column) -> Column:
    """Return the quotient, 0 where either is unknown or the denominator is 0."""
    is_known = (denominator > 0.0) & ~np.isnan(numerator)
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=is_known)


@njit
def _slopes(session: Any, traded: Any, close: Any, volume: Any, memory: Any, slopes: Any) -> None:
    """Write the positive part of the slope at each minute, price units per unit of volume; NaN in warm-up."""
    state, slope = memory[0], np.nan
    for t in range(session.shape[0]):
        if traded[t]:
            slope = _slope(state, session[t], close[t], volume[t], slope)
        slopes[t] = slope / state.scale


@njit
def _slope(state: Any, session: int, close: float, volume: float, last_slope: float) -> float:
    """Let the windows take in the bar, and return the slope at gap-removed prices."""
    if session != state.session:
        if state.session >= 0:
            state.scale *= state.close / close
        state.session, state.close = session, close
        return last_slope
    moves, flow = state.moves, state.flow
    change = (close - state.close) * state.scale
    state.close = close
    moves.new.change, moves.new.change_change = change, change * change
    push(moves)
    if moves.count < FLOW_BARS:
        return np.nan
    variance = moves.sums.change_change - moves.sums.change * moves.sums.change * EACH
    deviation = math.sqrt(max(0.0, variance) * EACH_SAMPLE)
    signed = 0.0
    if volume > 0.0 and deviation >= FLAT * close * state.scale:
        signed = volume * math.erf(change / deviation * ROOT_HALF)
    flow.new.change, flow.new.signed = change, signed
    flow.new.product, flow.new.square = change * signed, signed * signed
    push(flow)
    if flow.count < FLOW_BARS:
        return np.nan
    sums = flow.sums
    variance = sums.square - sums.signed * sums.signed * EACH
    covariance = sums.product - sums.change * sums.signed * EACH
    return max(0.0, covariance / variance) if variance > NO_VARIANCE * sums.square else 0.0


def _highest(bars: Bars, slopes: Column) -> Column:
    """Return the highest lambda of each session, (S,): 5 medians of the session before, infinite where that has none.

    Medians are taken over the session's minutes with a bar.
    """
    known = bars.traded & ~np.isnan(slopes)
    highest = np.full(len(bars.sessions), np.inf)
    for session in range(1, len(highest)):
        rows = slice(bars.sessions.first[session - 1], bars.sessions.first[session])
        median = np.median(slopes[rows][known[rows]]) if known[rows].any() else 0.0
        highest[session] = HIGHEST * median if median > 0.0 else np.inf
    return highest


@njit
def bound_lambda(session: Any, highest: Any, slopes: Any) -> None:
    """Turn slopes into lambdas in place: at most the session's highest, at least 0.9 of the minute before, never NaN.

    Args:
        session: (T,) index of each minute's session.
        highest: (S,) of each session, may be infinite.
        slopes: (T,) not negative, NaN in warm-up.
    """
    for t in range(session.shape[0]):
        value = 0.0 if math.isnan(slopes[t]) else min(slopes[t], highest[session[t]])
        if t > 0 and session[t - 1] == session[t]:
            value = max(value, KEPT * slopes[t - 1])
        slopes[t] = value


def _earlier_quantiles(grid: Column, fraction: float) -> Column:
    """Return for each minute a quantile over the previous 20 sessions, (S, M), linear between values; NaN if none."""
    quantiles = np.full(grid.shape, np.nan)
    by_minute = np.ascontiguousarray(grid.T)
    for session in range(1, len(grid)):
        window = np.sort(by_minute[:, max(0, session - HISTORY_SESSIONS) : session], axis=1)  # NaN comes last
        last = np.maximum((~np.isnan(window)).sum(axis=1) - 1, 0)
        place = fraction * last
        low = place.astype(np.int64)
        minutes, weight = np.arange(len(window)), place - low
        below, above = window[minutes, low], window[minutes, np.minimum(low + 1, last)]
        quantiles[session] = below + weight * (above - below)
    return quantiles
