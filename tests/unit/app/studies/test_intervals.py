"""Means over folds and intervals over seeds, by hand with the t-quantiles of a printed table."""

import math

import pytest

from intraday_rl.app.studies.intervals import Interval, Line, baseline_lines, column, interval_over_seeds, row_lines
from intraday_rl.app.studies.planning import plan_runs
from intraday_rl.app.studies.results import read_result
from tests.support.study_runs import FLAT, leave_run, make_study

T_ONE, T_TWO = 12.706, 4.303  # 97.5 % quantiles with 1 and 2 degrees of freedom


def test_interval_of_three_seeds_by_hand():
    values = {("a", 0): 1.0, ("b", 0): 3.0, ("a", 1): 4.0, ("b", 1): 4.0, ("a", 2): 9.0, ("b", 2): 9.0}
    # means over folds 2, 4, 9: mean 5, deviations -3, -1, 4, variance 26 / 2
    found = interval_over_seeds(values)
    assert found.mean == pytest.approx(5.0)
    assert found.half_width == pytest.approx(T_TWO * math.sqrt(13.0 / 3.0), rel=1e-4)
    assert found.undefined == 0


def test_undefined_values_are_left_out_and_counted():
    values = {("a", 0): None, ("b", 0): 3.0, ("a", 1): 4.0, ("b", 1): 6.0, ("a", 2): None, ("b", 2): None}
    found = interval_over_seeds(values)  # means 3 and 5
    assert found.mean == pytest.approx(4.0)
    assert found.half_width == pytest.approx(T_ONE * math.sqrt(2.0 / 2.0), rel=1e-4)
    assert found.undefined == 3


def test_one_seed_has_no_interval_and_nothing_has_no_mean():
    assert interval_over_seeds({("a", 0): 1.0, ("b", 0): 2.0}) == Interval(1.5, None, 0)
    assert interval_over_seeds({("a", 0): None}) == Interval(None, None, 1)
    assert interval_over_seeds({}) == Interval(None, None, 0)


def results_of(study, **baselines):
    """Leave a run for each row, fold and seed, with the baselines of its row."""
    found = []
    for run in plan_runs(study):
        leave_run(run, {"net_return": 0.1 * run.seed}, baselines=baselines.get(run.row, {"flat": FLAT}))
        found.append(read_result(run))
    return found


def test_rows_hold_every_fold_and_seed(tmp_path):
    lines = row_lines(results_of(make_study(tmp_path)))
    assert [line.name for line in lines] == ["ppo", "small"]
    assert column(lines[0], "net_return") == Interval(pytest.approx(0.05), pytest.approx(T_ONE * 0.05, rel=1e-4), 0)
    assert set(lines[0].values) == {("spring", 0), ("autumn", 0), ("spring", 1), ("autumn", 1)}


def test_baseline_on_which_all_rows_agree_is_one_line(tmp_path):
    study = make_study(tmp_path)
    other = FLAT | {"sharpe_ratio": 3.0}  # not shown, so it makes no difference
    lines = baseline_lines(results_of(study, small={"flat": other}), study.columns)
    assert [line.name for line in lines] == ["flat"]
    assert len(lines[0].values) == 4


def test_baselines_that_differ_are_named_after_their_rows(tmp_path):
    study = make_study(tmp_path)
    larger = FLAT | {"net_return": 0.5}
    own = {"flat": larger, "clone": FLAT}
    lines = baseline_lines(results_of(study, small=own), study.columns)
    assert [line.name for line in lines] == ["flat (beside ppo)", "flat (beside small)", "clone (beside small)"]
    assert [column(line, "net_return").mean for line in lines] == [0.0, 0.5, 0.0]


def test_baseline_that_is_missing_in_a_run_that_failed_is_still_one_line(tmp_path):
    study = make_study(tmp_path)
    lines = baseline_lines(results_of(study)[1:], study.columns)
    assert [(line.name, len(line.values)) for line in lines] == [("flat", 4)]


def test_column_without_the_metric_is_undefined():
    assert column(Line("a", {("f", 0): {}}), "sharpe_ratio") == Interval(None, None, 1)
