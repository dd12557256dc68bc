"""EDGE: the spread that open, high, low and close prices of a window of bars tell, from the estimator's moments.

Source: Ardia, Guidotti and Kroencke (2024), Journal of Financial Economics 161. A pair is a bar and the bar before it.
Both moment conditions are means of products of returns, one of which is de-meaned: d = r - mean(r)/mean(t) t, where t
is 1 if the pair moved. With the means of the products over the window, means and variances follow.
"""

from __future__ import annotations

import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.series import raw_logarithms, spread_out


def edge_bps(bars: Bars, first: pd.Series, window: int = 60) -> pd.Series:
    """Return the root of the size of the squared spread, bps; no pair reaches over night.

    Args:
        bars: the record.
        first: True on the first bars of sessions.
        window: bars.
    """
    logs = raw_logarithms(bars)
    before = {name: values.shift()[~first] for name, values in logs.items()}
    pairs = {name: values[~first] for name, values in logs.items()}
    return spread_out(~first, 1e4 * squared_spread(before, pairs, window - 1).abs() ** 0.5)


def squared_spread(before: dict[str, pd.Series], logs: dict[str, pd.Series], pairs: int) -> pd.Series:
    """Return the squared spread over rolling windows of pairs; 0 where it cannot be told.

    Args:
        before: log prices of each pair's first bar.
        logs: of its second bar.
        pairs: length of the window.
    """
    o, m = logs["open"], (logs["high"] + logs["low"]) / 2
    c1, m1 = before["close"], (before["high"] + before["low"]) / 2
    t = ((logs["high"] != logs["low"]) | (logs["low"] != c1)).astype(float)
    missed = {
        "open": t * ((o != logs["high"]).astype(float) + (o != logs["low"])),
        "close": t * ((c1 != before["high"]).astype(float) + (c1 != before["low"])),
    }

    def mean(values: pd.Series) -> pd.Series:
        return values.rolling(pairs).mean()

    moved = mean(t)
    known = (moved * pairs > 1.5) & (mean(missed["open"]) > 0) & (mean(missed["close"]) > 0)
    a, b = (-4.0 / mean(missed[name]).where(known) for name in ("open", "close"))

    def moments(x: pd.Series, u: pd.Series, y: pd.Series, v: pd.Series) -> tuple[pd.Series, pd.Series]:
        """Return mean and variance of a d(x) u + b d(y) v, d the de-meaned return."""
        p, q = mean(x) / moved, mean(y) / moved
        xu, tu, yv, tv = x * u, t * u, y * v, t * v
        average = a * (mean(xu) - p * mean(tu)) + b * (mean(yv) - q * mean(tv))
        square = a**2 * (mean(xu**2) - 2 * p * mean(xu * tu) + p**2 * mean(tu**2))
        square += b**2 * (mean(yv**2) - 2 * q * mean(yv * tv) + q**2 * mean(tv**2))
        square += 2 * a * b * (mean(xu * yv) - q * mean(xu * tv) - p * mean(tu * yv) + p * q * mean(tu * tv))
        return average, square - average**2

    mean_1, variance_1 = moments(m - o, o - m1, m - c1, c1 - m1)
    mean_2, variance_2 = moments(m - o, o - c1, o - c1, c1 - m1)
    total = variance_1 + variance_2
    weighted = (variance_2 * mean_1 + variance_1 * mean_2) / total
    result = weighted.where(total > 0, (mean_1 + mean_2) / 2)
    return result.where(known | moved.isna(), 0.0)
