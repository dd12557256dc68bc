"""How complete the features are: warm-up, missing values, and minutes that only repeat the one before.

Conventions: a feature's warm-up ends at its first known value in a symbol's record. A minute without a bar cannot be
missing: it repeats what was known. Shares are fractions; all sessions count, whatever part they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.evaluation.feature_report.data import FeatureReportData, SymbolFeatures

Counts = npt.NDArray[np.int64]  # (F,)


class RecordQuality(NamedTuple):
    """Counts over all symbols and minutes."""

    sessions: int
    minutes: int
    without_bar: int  # minutes in which nothing was traded
    warm_up: int  # minutes before the first on which every feature is known
    incomplete: int  # minutes with a bar after it on which a feature is not known


def record_quality(data: FeatureReportData) -> RecordQuality:
    """Return what the tables hold as a whole."""
    return RecordQuality(*map(sum, zip(*map(_record_quality, data.tables), strict=True)))


def _record_quality(table: SymbolFeatures) -> RecordQuality:
    known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(table.values).all(axis=1))
    warm_up = int(known.argmax()) if known.any() else len(known)
    incomplete = np.count_nonzero(~known[warm_up:] & table.traded[warm_up:])
    return RecordQuality(len(table.dates), len(known), int(np.count_nonzero(~table.traded)), warm_up, int(incomplete))


def feature_quality(data: FeatureReportData) -> pd.DataFrame:
    """Return a row per feature.

    Columns: source (what it is computed from; with the symbols where they differ), missing (share of the minutes with a
    bar after warm-up), carried (share of the known values that repeat the minute before for want of a bar),
    first_known (date and minute of the first value; the latest of the symbols; "never" where a symbol has none).
    """
    firsts = [first_rows(table) for table in data.tables]
    counts = [_counts(table, first) for table, first in zip(data.tables, firsts, strict=True)]
    missing, after, carried, known = (sum(column) for column in zip(*counts, strict=True))
    return pd.DataFrame(
        {
            "source": [_source(data, name) for name in data.names],
            "missing": _share(missing, after),
            "carried": _share(carried, known),
            "first_known": [_first_known(data, rows) for rows in zip(*firsts, strict=True)],
        },
        index=pd.Index(data.names, name="feature"),
    )


def _counts(table: SymbolFeatures, first: Counts) -> tuple[Counts, Counts, Counts, Counts]:
    """Return per feature: missing values, minutes with a bar after warm-up, carried values, known values."""
    known = np.isfinite(table.values)
    is_after = np.arange(len(known))[:, None] >= first
    is_after &= table.traded[:, None]
    bare = np.flatnonzero(~table.traded)
    bare = bare[bare > 0]
    repeats = (table.values[bare] == table.values[bare - 1]) & (table.session[bare] == table.session[bare - 1])[:, None]
    return (
        np.count_nonzero(is_after & ~known, axis=0),
        np.count_nonzero(is_after, axis=0),
        np.count_nonzero(repeats, axis=0),
        np.count_nonzero(known, axis=0),
    )


def first_rows(table: SymbolFeatures) -> Counts:
    """Return the row of each feature's first known value, (F,); T where there is none."""
    known = np.isfinite(table.values)
    return np.where(known.any(axis=0), known.argmax(axis=0), len(known))


def _share(count: Counts, total: Counts) -> npt.NDArray[np.float64]:
    return np.divide(count, total, out=np.zeros(len(count)), where=total > 0)


def _source(data: FeatureReportData, name: str) -> str:
    symbols_of: dict[str, list[str]] = {}
    for table in data.tables:
        symbols_of.setdefault(table.sources.get(name, ""), []).append(table.symbol)
    if len(symbols_of) == 1:
        return next(iter(symbols_of))
    return "; ".join(f"{source} ({', '.join(symbols)})" for source, symbols in symbols_of.items())


def _first_known(data: FeatureReportData, rows: Sequence[int]) -> str:
    """Return the latest of the symbols' first known minutes, `rows` being their rows."""
    latest = ("", 0)
    for table, row in zip(data.tables, rows, strict=True):
        if row == len(table.session):
            return "never"
        latest = max(latest, (str(table.dates[table.session[row]]), int(table.minute[row])))
    return f"{latest[0]}, minute {latest[1]}"
