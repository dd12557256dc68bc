"""What earlier sessions tell: medians and usual moves of a minute of the day, volumes of VPIN's buckets.

Conventions: tables are (sessions, minutes), NaN where a session has no such minute; at most 20 earlier sessions count.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.data.bars import Bars

HISTORY = 20
NEIGHBOURS = 15
LEAST_MOVE = 0.1
BUCKETS = 50


def minute_medians(bars: Bars, name: str) -> np.ndarray:
    """Return for each traded minute the column's median over the last 20 earlier sessions that have the minute.

    A minute without a bar counts 0.
    """
    values = np.where(bars.traded, getattr(bars, name), 0.0)
    order = np.lexsort((bars.session, bars.minute))
    by_minute = pd.Series(values[order]).groupby(bars.minute[order])
    earlier = by_minute.rolling(HISTORY, min_periods=1).median().groupby(level=0).shift()
    medians = np.empty(len(bars))
    medians[order] = earlier.to_numpy()
    return medians[bars.traded]


def table_of(session, minute, values) -> np.ndarray:
    """Return values of minutes as a table (sessions, minutes)."""
    table = np.full((session.max() + 1, minute.max() + 1), np.nan)
    table[session, minute] = values
    return table


def usual_moves(returns: np.ndarray) -> np.ndarray:
    """Return the root mean square return of a minute relative to the day's, of a table of returns; NaN in session 0.

    Squares are averaged over 20 earlier sessions and 15 minutes to either side; what was never seen is 1.
    """
    earlier = {"window": HISTORY, "min_periods": 1}
    squares = pd.DataFrame(returns**2)
    totals = squares.fillna(0.0).rolling(**earlier).sum().shift()
    counts = squares.notna().astype(float).rolling(**earlier).sum().shift()
    overall = totals.sum(axis=1) / counts.sum(axis=1).clip(lower=1.0)
    around = {"window": 2 * NEIGHBOURS + 1, "min_periods": 1, "center": True}
    totals, counts = (table.T.rolling(**around).sum().T for table in (totals, counts))
    relative = totals / (counts.mul(overall, axis=0))
    moves = np.sqrt(relative.where((counts > 0).mul(overall > 0, axis=0), 1.0)).clip(lower=LEAST_MOVE)
    moves.iloc[0] = np.nan
    return moves.to_numpy()


def bucket_volumes(bars: Bars) -> np.ndarray:
    """Return each session's bucket volume: a fiftieth of the mean volume of 20 earlier sessions (the first: its own)."""
    totals = pd.Series(bars.volume).groupby(bars.session).sum()
    means = totals.rolling(HISTORY, min_periods=1).mean().shift()
    return means.fillna(totals).to_numpy() / BUCKETS
