"""VPIN: bars are poured into buckets of equal volume.

Conventions: a bound is where a bucket is full, in shares since the record's start; a billionth of a bucket is rounding.
Source: Easley, López de Prado and O'Hara (2012).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

WINDOW, LEAST = 50, 25
ROUNDING = 1e-9


def mean_imbalances(session: np.ndarray, sizes: np.ndarray, volume: np.ndarray, signed: np.ndarray) -> pd.Series:
    """Return the mean imbalance of the last 50 full buckets, of 25 at least, after each bar; NaN in session 0.

    Bars are split pro rata: inside a bar, bought less sold grows in proportion to volume, so its values at the bounds
    are interpolated.

    Args:
        session: (T,) numbers of sessions, rising.
        sizes: (S,) bucket volume of each session.
        volume: (T,) shares.
        signed: (T,) bought less sold shares.
    """
    is_sized = sizes[session] > 0
    total = np.cumsum(np.where(is_sized, volume, 0.0))
    flow = np.cumsum(np.where(is_sized, signed, 0.0))
    bounds = bucket_bounds(total[np.append(np.diff(session) > 0, True)], sizes[np.unique(session)])
    ends = np.interp(bounds, np.append(0.0, total), np.append(0.0, flow))
    values = pd.Series(np.abs(np.diff(ends, prepend=0.0)) / np.diff(bounds, prepend=0.0)).clip(upper=1.0)
    means = np.append(np.nan, values.rolling(WINDOW, min_periods=LEAST).mean())
    full = np.searchsorted(bounds, total + ROUNDING * sizes[session], side="right")
    return pd.Series(means[full]).where(session > 0)


def bucket_bounds(totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the bounds of all full buckets.

    A bucket that fills over night is completed at the next session's size; where it holds more already, it is full with
    the next trade.

    Args:
        totals: (S,) shares traded until each session's end.
        sizes: (S,) bucket volumes.
    """
    bounds, started, before = [np.empty(0)], 0.0, 0.0
    for total, size in zip(totals, sizes, strict=True):
        lowest, rounding = max(started + size, before), ROUNDING * size
        if size > 0 and total > before and lowest <= total + rounding:
            mine = lowest + size * np.arange(int((total - lowest + rounding) / size) + 1)
            started = mine[-1]
            mine[0] = max(mine[0], before + 2 * rounding)  # not full with the trade before
            bounds.append(mine)
        before = total
    return np.concatenate(bounds)
