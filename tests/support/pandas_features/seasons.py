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


def minute_medians(bars: Bars, name: str) -> pd.Series:
    """Return for each traded minute the column's median over the last 20 earlier sessions that have the minute.

    A minute without a bar counts 0, but in a session in which the column was not recorded.
    """
    values = pd.Series(getattr(bars, name))
    if not bars.traded.all():
        recorded = values.notna().groupby(bars.session).transform("any")
        values = values.where(bars.traded | ~recorded, 0.0)
    order = np.lexsort((bars.session, bars.minute))
    by_minute = values.iloc[order].groupby(bars.minute[order])
    earlier = by_minute.rolling(HISTORY, min_periods=1).median().groupby(level=0).shift()
    medians = np.empty(len(bars))
    medians[order] = earlier.to_numpy()
    return pd.Series(medians[bars.traded])


def table_of(session: np.ndarray, minute: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values of minutes as a table (sessions, minutes)."""
    table = np.full((session.max() + 1, minute.max() + 1), np.nan)
    table[session, minute] = values
    return table


def usual_moves(returns: np.ndarray) -> np.ndarray:
    """Return the root mean square return of a minute relative to the day's, of a table of returns; NaN in session 0.

    Squares are averaged over 20 earlier sessions and 15 minutes to either side; what was never seen is 1.
    """
    squares, earlier = pd.DataFrame(returns**2), {"window": HISTORY, "min_periods": 1}
    totals = squares.fillna(0.0).rolling(**earlier).sum().shift().to_numpy()
    counts = squares.notna().astype(float).rolling(**earlier).sum().shift().to_numpy()
    overall = totals.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)
    expected = around(counts) * overall[:, None]
    relative = np.divide(around(totals), expected, out=np.ones_like(totals), where=expected > 0)
    return np.where(np.isnan(totals), np.nan, np.sqrt(relative).clip(min=LEAST_MOVE))


def around(table: np.ndarray) -> np.ndarray:
    """Return sums over 15 minutes to either side, cut at open and close."""
    sums = np.pad(table.cumsum(axis=1), ((0, 0), (1, 0)))
    minutes = np.arange(table.shape[1])
    stop, start = np.minimum(minutes + NEIGHBOURS + 1, len(minutes)), np.maximum(minutes - NEIGHBOURS, 0)
    return sums[:, stop] - sums[:, start]


def bucket_volumes(bars: Bars) -> np.ndarray:
    """Return each session's bucket volume: a fiftieth of 20 earlier sessions' mean (the first: its own)."""
    totals = pd.Series(bars.volume).groupby(bars.session).sum()
    means = totals.rolling(HISTORY, min_periods=1).mean().shift()
    return means.fillna(totals).to_numpy() / BUCKETS
