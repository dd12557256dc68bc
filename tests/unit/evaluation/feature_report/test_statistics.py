"""Distances, correlations and orders by hand arithmetic, scipy and pandas."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intraday_rl.evaluation.feature_report import statistics
from intraday_rl.evaluation.feature_report.data import collect_rows
from tests.unit.evaluation.feature_report.feature_tables import noise, report_data, symbol_features

NAN = np.nan


def one_part_each(reference, later):
    """The rows of a single feature: two training days with these values, a day of validation."""
    half = len(reference) // 2
    size = max(half, len(later))
    padded = [np.concatenate([part, np.full(size - len(part), NAN)]) for part in (*np.split(reference, 2), later)]
    parts = {"train": np.array([0, 1]), "validation": np.array([2])}
    return collect_rows(report_data(symbol_features([np.concatenate(padded)], 3, parts=parts)))


@pytest.mark.parametrize(
    ("reference", "later", "expected"),
    [
        ([5, 5], [1, 3], 0.25 * math.log(3)),  # (1/4 - 1/2) ln(1/2) + (3/4 - 1/2) ln(3/2)
        ([2, 4, 2], [20, 40, 20], 0.0),
        ([7, 0], [0, 9], 2 * (1 - 1e-4) * math.log(1e4)),  # an empty bin counts as 1e-4
    ],
)
def test_stability_index_by_hand(reference, later, expected):
    assert statistics.stability_index(np.array(reference), np.array(later)) == pytest.approx(expected, rel=1e-12)


def test_bins_are_the_deciles_of_the_reference():
    reference = np.arange(1.0, 101.0, dtype=np.float32)
    edges = statistics.reference_edges(reference)
    np.testing.assert_array_equal(edges, np.arange(10, 100, 10))
    np.testing.assert_array_equal(statistics.count_bins(reference, edges), np.full(10, 10))
    np.testing.assert_array_equal(statistics.count_bins(np.float32([-5, 10, 10.5, 900]), edges), [2, 1, *[0] * 6, 0, 1])


def test_a_value_that_repeats_has_a_bin_of_its_own():
    reference = np.float32([-1] * 3 + [0] * 14 + [1] * 3)
    edges = statistics.reference_edges(reference)
    counts = statistics.count_bins(reference, edges)
    assert sorted(counts[counts > 0]) == [3, 3, 14]
    lower = statistics.count_bins(np.float32([-0.5]), edges)  # just below the atom at 0 is not in its bin
    assert counts[lower.argmax()] != 14


@pytest.mark.parametrize("value", [-0.5, 0.5])
def test_a_constant_that_moves_to_either_side_drifts(value):
    moved = statistics.drift(one_part_each(np.zeros(40), np.full(20, value)), 1, ("a",)).loc["a"]
    assert moved["psi"] == pytest.approx(2 * (1 - 1e-4) * math.log(1e4))
    assert moved["ks"] == 1.0
    assert np.isnan(moved["mean_shift"])  # the reference does not vary


def test_drift_of_four_values_by_hand():
    # shares of the later values at or below 1, 2, 3, 4: 0, 0, 1/4, 1/2 against 1/4, 1/2, 3/4, 1
    found = statistics.drift(one_part_each(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])), 1, ("a",)).loc["a"]
    assert found["ks"] == 0.5
    assert found["mean_shift"] == pytest.approx((4.5 - 2.5) / math.sqrt(1.25))


def test_ks_distance_by_counting():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=400).astype(np.float32), rng.normal(0.3, 1.2, size=150).astype(np.float32)
    points = np.concatenate([a, b])
    below = [(sample[:, None] <= points).mean(axis=0) for sample in (a, b)]
    found = statistics.drift(one_part_each(a, b), 1, ("a",)).loc["a"]
    assert found["ks"] == pytest.approx(abs(below[0] - below[1]).max(), abs=1e-12)


def test_drift_leaves_out_what_is_not_known():
    known = statistics.drift(one_part_each(np.array([1.0, 2, 3, 4]), np.array([3.0, 4])), 1, ("a",))
    padded = statistics.drift(one_part_each(np.array([1.0, NAN, 2, 3, NAN, 4]), np.array([3.0, NAN, 4])), 1, ("a",))
    pd.testing.assert_frame_equal(known, padded)
    nothing = statistics.drift(one_part_each(np.array([1.0, 2, 3, 4]), np.array([NAN])), 1, ("a",))
    assert nothing.isna().all(axis=None)


def test_seen_index_is_the_largest_of_all_stretches():
    # stretches of one day of four: shares (1/2, 1/2) thrice, (0, 1) once; the rest of the last is (1/2, 1/2)
    by_day = np.array([[2, 2], [2, 2], [2, 2], [0, 4]])
    expected = (0.5 - 1e-4) * math.log(0.5 / 1e-4) + 0.5 * math.log(2)
    assert statistics.largest_seen_psi(by_day, 1) == pytest.approx(expected)
    # stretches of two days: the last one has (1/4, 3/4) against (1/2, 1/2); longer ones are cut to half of the days
    assert statistics.largest_seen_psi(by_day, 2) == pytest.approx(0.25 * math.log(3))
    assert statistics.largest_seen_psi(by_day, 9) == pytest.approx(0.25 * math.log(3))
    assert np.isnan(statistics.largest_seen_psi(by_day[:1], 1))


def test_day_counts_add_up_by_day():
    counts = statistics.day_counts(np.float32([1, 5, 5, 1]), np.array([8, 8, 3, 8]), np.float32([2]))
    np.testing.assert_array_equal(counts, [[0, 1], [2, 1]])  # day 3, then day 8


def test_descriptions_are_those_of_pandas():
    columns = np.random.default_rng(1).lognormal(size=(500, 2)).astype(np.float32)
    columns[::7, 1] = NAN
    found = statistics.describe(columns, ("a", "b"))
    frame = pd.DataFrame(columns.astype(float), columns=["a", "b"])
    np.testing.assert_allclose(found["mean"], frame.mean(), rtol=1e-6)
    np.testing.assert_allclose(found["sd"], frame.std(ddof=0), rtol=1e-6)
    for name, level in {"q01": 0.01, "q50": 0.5, "q99": 0.99}.items():
        np.testing.assert_allclose(found[name], frame.quantile(level), rtol=1e-5)
    assert not found["is_constant"].any()


def test_description_of_constant_and_unknown_columns():
    found = statistics.describe(np.float32([[2, NAN, 1], [2, NAN, 2], [NAN, NAN, 1]]), ("a", "b", "c"))
    assert found["is_constant"].tolist() == [True, False, False]
    assert found.loc["a", "mean"] == 2.0
    assert found.loc["b"].drop("is_constant").isna().all()


def test_rank_correlation_is_that_of_pandas():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(600, 4))
    values = np.column_stack([base[:, 0], np.exp(base[:, 0] + base[:, 1]), -base[:, 0], np.round(base[:, 3])])
    expected = pd.DataFrame(values.astype(np.float32)).corr(method="spearman")
    np.testing.assert_allclose(statistics.rank_correlation(values.astype(np.float32)), expected, atol=1e-12)


def test_rank_correlation_leaves_out_constant_and_mostly_unknown_columns():
    values = np.random.default_rng(4).normal(size=(100, 4)).astype(np.float32)
    values[:, 1] = 3.0
    values[:60, 2] = NAN
    values[:10, 3] = NAN
    found = statistics.rank_correlation(values)
    assert np.isnan(found[[1, 2]]).all()
    assert np.isnan(found[:, [1, 2]]).all()
    assert found[0, 3] == pytest.approx(stats.spearmanr(values[10:, 0], values[10:, 3]).statistic)


@pytest.mark.parametrize("rows", [0, 1])
def test_rank_correlation_of_too_few_rows_is_unknown(rows):
    assert np.isnan(statistics.rank_correlation(np.zeros((rows, 2), dtype=np.float32))).all()


def test_alike_pairs_come_closest_first():
    table = np.array([[1, 0.96, -0.99], [0.96, 1, NAN], [-0.99, NAN, 1]])
    assert statistics.alike_pairs(table, ("a", "b", "c"), 0.95) == [("a", "c", -0.99), ("a", "b", 0.96)]


def test_clustered_order_puts_groups_side_by_side():
    groups = np.array([0, 1, 0, 1, 0, 1])
    table = np.where(groups[:, None] == groups, -0.9, 0.1)  # alike in size: the sign does not matter
    np.fill_diagonal(table, 1.0)
    order = statistics.clustered_order(table)
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    assert len(set(groups[order[:3]])) == 1


def test_clustered_order_puts_features_without_correlations_last():
    table = np.full((5, 5), NAN)
    table[np.ix_([0, 2, 4], [0, 2, 4])] = np.eye(3)
    assert statistics.clustered_order(table)[3:].tolist() == [1, 3]
    assert statistics.clustered_order(np.full((2, 2), NAN)).tolist() == [0, 1]


def test_more_rows_than_the_limit_are_drawn_always_the_same():
    data = report_data(symbol_features(noise(10), 10))
    first, again = (collect_rows(data, limit=100) for _ in range(2))
    assert (first.rows, len(first.values)) == (600, 100)
    np.testing.assert_array_equal(first.values, again.values)
    everything = collect_rows(data, limit=600)
    assert len(everything.values) == everything.rows == 600


def test_rows_of_no_part_are_left_out():
    parts = {"train": np.array([0]), "test": np.array([2])}
    rows = collect_rows(report_data(symbol_features([np.repeat([1.0, 9.0, 2.0], 4)], 3, parts=parts)))
    assert rows.of(0).ravel().tolist() == [1, 1, 1, 1]
    assert rows.of(1).ravel().tolist() == [2, 2, 2, 2]
    assert len(rows.values) == 8
