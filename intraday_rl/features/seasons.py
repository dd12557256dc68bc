"""What the pass needs from earlier sessions: time-of-day medians, the usual size of moves, average daily volume.

Conventions: row s of a table is fitted on the sessions before s, at most the last 20 of them, and serves session s; row
S serves the session after the last. With fewer than 20 earlier sessions those that exist are used; row 0 has none and is
NaN: the first session is warm-up. Shapes: S sessions, M minutes of the longest session, T rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.core.structs import view
from intraday_rl.data.bars import Bars
from intraday_rl.features.engine import Fits
from intraday_rl.features.garch import ReturnsArray, garch_forecasts
from intraday_rl.features.library.microstructure import BUCKETS
from intraday_rl.features.rolling import MEDIAN, push_median
from intraday_rl.features.trail import MINUTE_FIT, SESSION_FIT

HISTORY_SESSIONS = 20
SMOOTHING_MINUTES = 15  # to either side, for the usual size of a move
BPS = 1e4
GARCH_FIELDS = ("garch_omega", "garch_alpha", "garch_beta", "garch_variance")

Grid = npt.NDArray[np.float64]  # (S, M), NaN where a session has no such minute


def fit_sessions(bars: Bars, next_minutes: int, with_garch: bool) -> Fits:
    """Return S + 1 rows of fits, the last for a session of `next_minutes` after the bars.

    Row 0 holds the first session's own average bucket volume: with it the buckets of VPIN are full when the second
    session opens, and VPIN itself is not shown in the first.
    """
    minutes = np.append(bars.sessions.minutes, next_minutes)
    longest = int(minutes.max())
    sessions = np.zeros(len(minutes), dtype=SESSION_FIT)
    sessions["minutes"] = minutes
    sessions["earlier_sessions"] = np.minimum(np.arange(len(minutes)), HISTORY_SESSIONS)
    volume = to_grid(bars, bars.volume, longest)
    sessions["bucket_volume"] = average_volume(volume) / BUCKETS
    table = np.zeros((len(minutes), longest), dtype=MINUTE_FIT)
    table["usual_volume"] = minute_medians(volume)
    counts = np.where(bars.traded, bars.trade_count, 0.0)
    table["usual_trades"] = minute_medians(to_grid(bars, counts, longest))
    for name in GARCH_FIELDS:
        sessions[name] = np.nan
    if with_garch:
        returns = to_grid(bars, session_returns(bars), longest)
        table["usual_move"] = moves = usual_moves(returns)
        _fit_garch(sessions, returns, moves)
    return Fits(view(sessions), view(table))


def to_grid(bars: Bars, column: npt.NDArray[np.float64], longest: int) -> Grid:
    """Return the column (T,) as a table (S, M)."""
    grid = np.full((len(bars.sessions), longest), np.nan)
    grid[bars.session, bars.minute] = column
    return grid


def session_returns(bars: Bars) -> npt.NDArray[np.float64]:
    """Return the logarithmic returns (T,) from bar to bar inside a session; NaN on its first bar and without a bar."""
    logs = np.log(bars.close)
    returns = np.full(len(logs), np.nan)
    returns[1:] = np.diff(logs)
    returns[bars.sessions.first[:-1]] = np.nan
    returns[~bars.traded] = np.nan
    return returns


def average_volume(volume: Grid) -> npt.NDArray[np.float64]:
    """Return the mean volume of a session over the earlier ones, (S + 1,); row 0 is the first session's own."""
    totals = np.nansum(volume, axis=1)
    means = [totals[max(0, s - HISTORY_SESSIONS) : max(1, s)].mean() for s in range(len(totals) + 1)]
    return np.array(means)


def minute_medians(grid: Grid) -> Grid:
    """Return for each minute the median over the last 20 earlier sessions that have it, (S + 1, M)."""
    medians = np.full((grid.shape[0] + 1, grid.shape[1]), np.nan)
    memory = view(np.zeros(grid.shape[1], dtype=MEDIAN))
    _minute_medians(grid, memory, medians)
    return medians


@njit
def _minute_medians(grid: Any, memory: Any, medians: Any) -> None:
    for session in range(grid.shape[0]):
        for minute in range(grid.shape[1]):
            medians[session + 1, minute] = push_median(memory[minute], grid[session, minute], float(HISTORY_SESSIONS))


def usual_moves(returns: Grid) -> Grid:
    """Return the root mean square return of each minute relative to that of the day, (S + 1, M).

    The squares are averaged over the earlier sessions and over 15 minutes to either side: one minute of 20 sessions
    alone would be noise. A minute never seen, and a market that never moved, have 1; the least value is 0.1.

    Source: Andersen and Bollerslev (1997), the multiplicative pattern of a day; their Fourier form is not used.
    """
    moves = np.full((returns.shape[0] + 1, returns.shape[1]), np.nan)
    squares = returns * returns
    for session in range(1, len(moves)):
        window = squares[max(0, session - HISTORY_SESSIONS) : session]
        totals, counts = np.nansum(window, axis=0), np.count_nonzero(~np.isnan(window), axis=0).astype(np.float64)
        moves[session] = _relative(totals, counts)
    return moves


def _relative(totals: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    overall = totals.sum() / max(1.0, counts.sum())
    near_totals, near_counts = _neighbourhood(totals), _neighbourhood(counts)
    usable = (near_counts > 0) & (overall > 0)
    relative = np.divide(near_totals, near_counts * overall, out=np.ones(len(totals)), where=usable)
    return np.maximum(0.1, np.sqrt(relative))


def _neighbourhood(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sums over 15 minutes to either side, cut at open and close."""
    padded = np.pad(values, SMOOTHING_MINUTES)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * SMOOTHING_MINUTES + 1).sum(axis=1)


def _fit_garch(sessions: Any, returns: Grid, moves: Grid) -> None:
    """Fill the GARCH fields of rows 1 .. S; the first session has no earlier one to fit on."""
    windows = [garch_window(returns, moves, session) for session in range(1, len(sessions))]
    for session, forecast in enumerate(garch_forecasts(windows), start=1):
        for name, value in zip(GARCH_FIELDS, forecast, strict=True):
            sessions[name][session] = value


def garch_window(returns: Grid, moves: Grid, session: int) -> ReturnsArray:
    """Return the returns that session's GARCH is fitted on, in bps, divided by the usual move of their minute."""
    window = returns[max(0, session - HISTORY_SESSIONS) : session] / moves[session]
    return BPS * window[np.isfinite(window)]
