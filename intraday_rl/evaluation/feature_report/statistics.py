"""Distributions of features, how alike two features are, and how far a later part lies from the reference.

Conventions: distances describe, they are no tests: minutes of a session follow from each other, so a p-value that takes
them for independent observations would be far too small, and none is given. What stands in its place is a yardstick
from the reference alone: how far an equally long stretch of its own sessions lies from its other sessions. Values that
are not known are left out. Shapes: N rows, F features, B bins, D days of the reference.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from intraday_rl.evaluation.feature_report.data import FeatureArray, IntegerArray, PartRows

FloatArray = npt.NDArray[np.float64]

QUANTILES = {"q01": 0.01, "q50": 0.50, "q99": 0.99}
BINS = 10
LEAST_SHARE = 1e-4  # an empty bin counts as this share, so that the index stays finite
MAX_CORRELATION_ROWS = 20_000
LEAST_KNOWN = 0.5  # a feature known on fewer rows has no correlations


def known(values: FeatureArray, column: int) -> FeatureArray:
    """Return the known values of a column."""
    chosen = values[:, column]
    return chosen[np.isfinite(chosen)]


def describe(values: FeatureArray, names: tuple[str, ...]) -> pd.DataFrame:
    """Return mean, sd (population), q01, q50, q99 and is_constant per feature; NaN where nothing is known."""
    rows = [_describe(known(values, column)) for column in range(len(names))]
    return pd.DataFrame(rows, index=pd.Index(names, name="feature"))


def _describe(values: FeatureArray) -> dict[str, float | bool]:
    if len(values) == 0:
        return {"mean": np.nan, "sd": np.nan, **dict.fromkeys(QUANTILES, np.nan), "is_constant": False}
    quantiles = dict(zip(QUANTILES, map(float, np.quantile(values, list(QUANTILES.values()))), strict=True))
    mean, sd = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return {"mean": mean, "sd": sd, **quantiles, "is_constant": bool(values.min() == values.max())}


def rank_correlation(values: FeatureArray) -> FloatArray:
    """Return Spearman's rank correlation of every two features, (F, F), over the rows on which all are known.

    NaN for features that do not vary on these rows, or are known on less than half of all rows; those do not take rows
    from the others. Every k-th row is used where there are more than 20,000.

    Source: Spearman (1904).
    """
    enough = np.isfinite(values).mean(axis=0) >= LEAST_KNOWN if len(values) else np.zeros(values.shape[1], dtype=bool)
    rows = values[np.isfinite(values[:, enough]).all(axis=1)]
    rows = rows[:: max(1, -(-len(rows) // MAX_CORRELATION_ROWS))]
    table = np.full((values.shape[1], values.shape[1]), np.nan)
    if len(rows) < 2:
        return table
    columns = np.flatnonzero(enough)
    columns = columns[np.ptp(rows[:, columns], axis=0) > 0]
    if len(columns):
        table[np.ix_(columns, columns)] = np.corrcoef(stats.rankdata(rows[:, columns], axis=0), rowvar=False)
    return table


def alike_pairs(correlation: FloatArray, names: tuple[str, ...], least: float) -> list[tuple[str, str, float]]:
    """Return the pairs with a correlation above `least` in size, the closest first."""
    first, second = np.nonzero(np.triu(np.nan_to_num(np.abs(correlation)) > least, k=1))
    pairs = [(names[i], names[j], float(correlation[i, j])) for i, j in zip(first, second, strict=True)]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))


def clustered_order(correlation: FloatArray) -> IntegerArray:
    """Return the features so ordered that alike ones stand together, (F,); those without correlations come last.

    Average linkage on the distance 1 - |correlation|, leaves in the order that puts the closest side by side.

    Source: Bar-Joseph, Gifford and Jaakkola (2001) for the order of the leaves.
    """
    has = np.flatnonzero(np.isfinite(np.diag(correlation)))
    rest = np.setdiff1d(np.arange(len(correlation)), has)
    if len(has) < 3:
        return np.concatenate([has, rest])
    distance = np.clip(1.0 - np.abs(correlation[np.ix_(has, has)]), 0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    return np.concatenate([has[leaves_list(tree)], rest])


def drift(rows: PartRows, part: int, names: tuple[str, ...]) -> pd.DataFrame:
    """Return how far a part lies from the reference, part 0: a row per feature.

    Columns: psi (population stability index), seen_psi (the largest psi between an equally long stretch of the
    reference's sessions and its other sessions; NaN where the reference has but one session), ks (distance of
    Kolmogorov and Smirnov), mean_shift (difference of the means in the reference's standard deviations). NaN where one
    side has no known value; mean_shift also where the reference does not vary.
    """
    table = [_drift(rows, part, column) for column in range(len(names))]
    return pd.DataFrame(table, index=pd.Index(names, name="feature"))


def _drift(rows: PartRows, part: int, column: int) -> dict[str, float]:
    chosen = np.isfinite(rows.values[:, column])
    values, parts, days = rows.values[chosen, column], rows.part[chosen], rows.day[chosen]
    reference, later = values[parts == 0], values[parts == part]
    if len(reference) == 0 or len(later) == 0:
        return dict.fromkeys(("psi", "seen_psi", "ks", "mean_shift"), np.nan)
    edges = reference_edges(reference)
    by_day = day_counts(reference, days[parts == 0], edges)
    psi = float(stability_index(by_day.sum(axis=0), count_bins(later, edges)))
    length = len(np.unique(days[parts == part]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the p-value, which is not used
        ks = float(stats.ks_2samp(reference, later, method="asymp").statistic)
    sd = float(reference.std(dtype=np.float64))
    shift = float(later.mean(dtype=np.float64) - reference.mean(dtype=np.float64))
    varies = reference.min() < reference.max()
    return {
        "psi": psi,
        "seen_psi": largest_seen_psi(by_day, length),
        "ks": ks,
        "mean_shift": shift / sd if varies else np.nan,
    }


def reference_edges(reference: FeatureArray) -> FeatureArray:
    """Return the inner edges of the bins: the deciles; a value that is several of them gets a bin of its own."""
    deciles = np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf")
    edges, repeats = np.unique(deciles, return_counts=True)
    return np.union1d(edges, np.nextafter(edges[repeats > 1], -np.inf, dtype=reference.dtype))


def count_bins(values: FeatureArray, edges: FeatureArray) -> IntegerArray:
    """Return how many values lie in each bin, (B,); an edge belongs to the bin below it."""
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def day_counts(values: FeatureArray, days: IntegerArray, edges: FeatureArray) -> IntegerArray:
    """Return the counts of the bins on each day, (D, B), in time order."""
    place = np.unique(days, return_inverse=True)[1]
    bins = len(edges) + 1
    count = int(place.max()) + 1
    return np.bincount(place * bins + np.searchsorted(edges, values), minlength=count * bins).reshape(count, bins)


def stability_index(reference: IntegerArray, later: IntegerArray) -> FloatArray:
    """Return the population stability index of counts, (..., B) -> (...): sum of (q - p) ln(q/p) over the bins.

    p and q are the shares of the bins, 1e-4 at least.

    Source: Siddiqi (2006), Credit Risk Scorecards; the sum is the divergence of Jeffreys (1946).
    """
    p = np.maximum(reference / reference.sum(axis=-1, keepdims=True), LEAST_SHARE)
    q = np.maximum(later / later.sum(axis=-1, keepdims=True), LEAST_SHARE)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def largest_seen_psi(by_day: IntegerArray, length: int) -> float:
    """Return the largest index between `length` days in a row and the other days; NaN for a single day.

    A stretch is at most half of the days long.
    """
    length = min(length, len(by_day) // 2)
    if length == 0:
        return np.nan
    sums = np.concatenate([np.zeros((1, by_day.shape[1]), dtype=np.int64), by_day.cumsum(axis=0)])
    stretches = sums[length:] - sums[:-length]
    return float(stability_index(sums[-1] - stretches, stretches).max())
