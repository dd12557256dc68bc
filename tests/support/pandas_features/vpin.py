"""VPIN: bars are poured into buckets of equal volume.

Source: Easley, López de Prado and O'Hara (2012).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

WINDOW, LEAST = 50, 25


class Buckets:
    """The full buckets, and the one that fills: its volume, and bought less sold in it."""

    def __init__(self) -> None:
        """Start with an empty bucket."""
        self.imbalances: list[np.ndarray] = []
        self.count = 0
        self.volume = self.signed = 0.0

    def pour(self, volume: np.ndarray, signed: np.ndarray, size: float) -> np.ndarray:
        """Pour one session's bars into buckets of a size, and return how many were full after each bar, (T,).

        Bars are split pro rata: inside a bar, bought less sold grows in proportion to volume, so its values at the
        bounds of buckets are interpolated. A bucket that holds more than the size already is full with the next trade.
        """
        total = self.volume + np.concatenate([[0.0], np.cumsum(volume)])
        flow = self.signed + np.concatenate([[0.0], np.cumsum(signed)])
        lowest, before = max(self.volume, size), self.count
        full = int((total[-1] - lowest) // size) + 1 if size > 0.0 and total[-1] > total[0] else 0
        if full <= 0:
            self.volume, self.signed = (total[-1], flow[-1]) if size > 0.0 else (self.volume, self.signed)
            return np.full(len(volume), before)
        bounds = lowest + size * np.arange(full)
        ends = np.interp(bounds, total, flow)
        self.imbalances.append(np.abs(np.diff(ends, prepend=0.0)) / np.diff(bounds, prepend=0.0))
        self.count, self.volume, self.signed = before + full, total[-1] - bounds[-1], flow[-1] - ends[-1]
        return before + np.where(total[1:] > total[0], np.searchsorted(bounds, total[1:], side="right"), 0)


def mean_imbalances(session: np.ndarray, volume: np.ndarray, signed: np.ndarray, sizes: np.ndarray) -> pd.Series:
    """Return the mean imbalance of the last 50 full buckets, of 25 at least, after each bar; NaN in session 0.

    Args:
        session: (T,) numbers of sessions, rising.
        volume: (T,) shares.
        signed: (T,) bought less sold shares.
        sizes: (S,) bucket volume of each session.
    """
    buckets, starts = Buckets(), np.flatnonzero(np.diff(session, prepend=-1))
    bounds = zip(starts, [*starts[1:], len(session)], strict=True)
    full = [buckets.pour(volume[i:j], signed[i:j], sizes[session[i]]) for i, j in bounds]
    if not buckets.imbalances:
        return pd.Series(np.full(len(session), np.nan))
    values = pd.Series(np.concatenate(buckets.imbalances)).clip(upper=1.0)
    means = np.concatenate([[np.nan], values.rolling(WINDOW, min_periods=LEAST).mean()])
    return pd.Series(means[np.concatenate(full)]).where(session > 0)
