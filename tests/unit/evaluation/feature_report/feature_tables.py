"""Hand-made tables of features for the tests of the feature report."""

import numpy as np

from intraday_rl.evaluation.feature_report import FeatureReportData, SymbolFeatures

FIRST_DAY = np.datetime64("2024-01-02")


def symbol_features(columns, sessions, symbol="TEST", parts=None, traded=None, sources=None):
    """Return a table of columns (T,), on sessions of equal length; by default all but two sessions are for training."""
    values = np.column_stack(list(columns)).astype(np.float32)
    rows = len(values)
    minutes = rows // sessions
    last = np.arange(sessions)[-2:]
    return SymbolFeatures(
        symbol=symbol,
        values=values,
        traded=np.ones(rows, dtype=bool) if traded is None else np.asarray(traded, dtype=bool),
        session=np.repeat(np.arange(sessions), minutes),
        minute=np.tile(np.arange(minutes), sessions),
        dates=FIRST_DAY + np.arange(sessions),
        parts={"train": np.arange(sessions - 2), "validation": last[:1], "test": last[1:]} if parts is None else parts,
        sources=sources or {},
    )


def report_data(*tables, names=None, title="example"):
    """Return the data of a report; the names default to a, b, c, ..."""
    wide = tables[0].values.shape[1]
    return FeatureReportData(title=title, names=names or tuple("abcdefghij"[:wide]), tables=tables)


def noise(sessions, minutes=60, columns=3, seed=0):
    """Return independent normal columns."""
    return list(np.random.default_rng(seed).normal(size=(columns, sessions * minutes)))
