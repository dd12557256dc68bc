"""What the pass needs from earlier sessions: medians and moves by minute, average volume, terciles, VIX, GARCH.

Conventions: row s of a table is fitted on the sessions before s, at most the last 20 of them, and serves session s; row
S serves the session after the last. With fewer than 20 earlier sessions those that exist are used. Row 0 has none: the
first session is warm-up. Shapes: S sessions, M minutes of the longest session, T rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.core.structs import view
from intraday_rl.data.bars import Bars
from intraday_rl.features.engine import Fits
from intraday_rl.features.fitted.garch import GarchForecast, ReturnsArray, garch_forecasts
from intraday_rl.features.library.microstructure import BUCKETS
from intraday_rl.features.references import References
from intraday_rl.features.rolling import MEDIAN, push_median
from intraday_rl.features.trail import MINUTE_FIT, SESSION_FIT

HISTORY_SESSIONS = 20
SMOOTHING_MINUTES = 15  # to either side, for the usual size of a move
LEAST_MOVE = 0.1  # of the day's: a minute that hardly moved so far must not make a shock of the first move
BPS = 1e4
DEVIATION_RETURNS = 60  # of rv_60
UNKNOWN = ("calm_below", "wild_above", "vix_close", "vix_mean")  # NaN unless fitted

Column = npt.NDArray[np.float64]  # (T,)
Grid = npt.NDArray[np.float64]  # (S, M), NaN where a session has no such minute


class NextSession(NamedTuple):
    """A session after those of the bars: its minutes from open to close, and its day."""

    minutes: int
    date: np.datetime64


def fit_sessions(bars: Bars, next_session: NextSession | None, names: tuple[str, ...], references: References) -> Fits:
    """Return a row of fits for each session, and one for the next session unless that is None.

    Row 0 holds the first session's own bucket volume: so the buckets of VPIN are filled when the second session opens.
    VPIN itself is not shown in the first. The fields of GARCH and of terciles are NaN in row 0, and everywhere when no
    feature in `names` reads them.

    Raises:
        DataError: the references' daily closes do not cover a session.
    """
    minutes, dates = bars.sessions.minutes, bars.sessions.date
    if next_session is not None:
        minutes, dates = np.append(minutes, next_session.minutes), np.append(dates, next_session.date)
    rows, longest = len(minutes), int(minutes.max())
    sessions = np.zeros(rows, dtype=SESSION_FIT)
    table = np.zeros((rows, longest), dtype=MINUTE_FIT)
    sessions["minutes"] = minutes
    sessions["earlier_sessions"] = np.minimum(np.arange(rows), HISTORY_SESSIONS)
    volume = to_grid(bars, bars.volume, longest)
    sessions["bucket_volume"] = mean_volumes(volume)[:rows] / BUCKETS
    table["usual_volume"] = minute_medians(volume)[:rows]
    table["usual_trades"] = np.nan
    if bars.has("trade_count"):
        table["usual_trades"] = minute_medians(to_grid(bars, _trade_counts(bars), longest))[:rows]
    for field in (*(f"garch_{name}" for name in GarchForecast._fields), *UNKNOWN):
        sessions[field] = np.nan
    if "vol_tercile" in names:
        _fit_terciles(sessions, bars)
    if references.vix_daily is not None:
        sessions["vix_close"], sessions["vix_mean"] = references.vix_daily.known_at_open(dates)
    if "garch1" in names:
        returns = to_grid(bars, session_returns(bars), longest)
        table["usual_move"] = moves = usual_moves(returns)[:rows]
        _fit_garch(sessions, returns, moves)
    return Fits(view(sessions), view(table))


def _trade_counts(bars: Bars) -> Column:
    """Return the number of trades (T,): 0 in a minute without a bar, NaN in a session that does not count them."""
    counted = np.zeros(len(bars.sessions), dtype=np.bool_)
    counted[bars.session[~np.isnan(bars.trade_count)]] = True
    return np.where(bars.traded | ~counted[bars.session], bars.trade_count, 0.0)


def to_grid(bars: Bars, column: Column, longest: int) -> Grid:
    """Return the column (T,) as a table (S, M)."""
    grid = np.full((len(bars.sessions), longest), np.nan)
    grid[bars.session, bars.minute] = column
    return grid


def session_returns(bars: Bars) -> Column:
    """Return the logarithmic returns (T,) from bar to bar inside a session; NaN on its first bar and without a bar."""
    logarithms = np.log(bars.close)
    returns = np.full(len(logarithms), np.nan)
    returns[1:] = np.diff(logarithms)
    returns[bars.sessions.first[:-1]] = np.nan
    returns[~bars.traded] = np.nan
    return returns


def mean_volumes(volume: Grid) -> npt.NDArray[np.float64]:
    """Return the mean volume of the earlier sessions, (S + 1,); row 0 is the first session's own."""
    totals = _in_order(np.nan_to_num(volume))
    return np.array([totals[max(0, s - HISTORY_SESSIONS) : max(1, s)].mean() for s in range(len(totals) + 1)])


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
    known = ~np.isnan(returns)
    totals = _earlier_sum(np.where(known, returns * returns, 0.0))
    counts = _earlier_count(known)
    overall = _in_order(totals) / np.maximum(1.0, _in_order(counts))
    usual = _neighbourhood(counts) * overall[:, None]
    moves: Grid = np.divide(_neighbourhood(totals), usual, out=np.ones_like(usual), where=usual > 0.0)
    np.sqrt(moves, out=moves)
    np.maximum(LEAST_MOVE, moves, out=moves)
    moves[0] = np.nan
    return moves


def _in_order(values: Grid) -> npt.NDArray[np.float64]:
    """Return the sum of each row, its values added one after the other.

    numpy's own sum adds in an order that depends on the width: a longer session later on would change the last digits.
    """
    sums: npt.NDArray[np.float64] = np.cumsum(values, axis=1)[:, -1]
    return sums


def _earlier_sum(values: Grid) -> Grid:
    """Return the sums (S + 1, M) over the last 20 sessions before each, the newest first: equal for equal sessions."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1]))
    for lag in range(1, min(HISTORY_SESSIONS, values.shape[0]) + 1):
        sums[lag:] += values[: len(sums) - lag]
    return sums


def _earlier_count(known: npt.NDArray[np.bool_]) -> Grid:
    """Return how often each minute is known in the last 20 sessions before each, (S + 1, M)."""
    running = np.zeros((known.shape[0] + 1, known.shape[1]))
    np.cumsum(known, axis=0, out=running[1:])
    counts = running.copy()
    counts[HISTORY_SESSIONS:] -= running[: max(0, len(running) - HISTORY_SESSIONS)]
    return counts


def _neighbourhood(values: Grid) -> Grid:
    """Return the sums over 15 minutes to either side, cut at open and close; values are not negative.

    Differences of running sums of one session: what they lose is below 1e-13 of the session's sum.
    """
    minutes = values.shape[1]
    running = np.zeros((values.shape[0], minutes + 1))
    np.cumsum(values, axis=1, out=running[:, 1:])
    stop = np.minimum(np.arange(minutes) + SMOOTHING_MINUTES + 1, minutes)
    start = np.maximum(np.arange(minutes) - SMOOTHING_MINUTES, 0)
    sums: Grid = running[:, stop] - running[:, start]
    return np.maximum(0.0, sums, out=sums)


def _fit_terciles(sessions: Any, bars: Bars) -> None:
    """Put in the terciles of rv_60, in bps, over the minutes of the earlier sessions; there is none in the first."""
    returns = session_returns(bars)
    known = np.flatnonzero(~np.isnan(returns))
    if len(known) < DEVIATION_RETURNS:
        return
    windows = np.lib.stride_tricks.sliding_window_view(returns[known] ** 2, DEVIATION_RETURNS)
    deviations, rows = BPS * np.sqrt(windows.mean(axis=1)), known[DEVIATION_RETURNS - 1 :]
    first = np.searchsorted(rows, bars.sessions.first)
    for session in range(1, len(sessions)):
        earlier = deviations[first[max(0, session - HISTORY_SESSIONS)] : first[session]]
        if len(earlier):
            cuts = np.quantile(earlier, (1.0 / 3.0, 2.0 / 3.0))
            sessions["calm_below"][session], sessions["wild_above"][session] = cuts


def _fit_garch(sessions: Any, returns: Grid, moves: Grid) -> None:
    forecasts = garch_forecasts(lambda place: garch_window(returns, moves, place + 1), len(sessions) - 1)
    for session, forecast in enumerate(forecasts, start=1):
        for field, value in forecast._asdict().items():
            sessions[f"garch_{field}"][session] = value


def garch_window(returns: Grid, moves: Grid, session: int) -> ReturnsArray:
    """Return the returns that session's GARCH is fitted on, in bps, divided by the usual move of their minute."""
    window = returns[max(0, session - HISTORY_SESSIONS) : session] / moves[session]
    known: ReturnsArray = BPS * window[np.isfinite(window)]
    return known
