"""The hypervolume against published and hand-computed volumes, and against a count of unit cubes."""

import math
from itertools import product

import numpy as np
import pytest

from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.front import (
    best_by_contribution,
    contributions,
    hypervolume,
    hypervolume_history,
    losses,
    non_dominated,
)
from intraday_rl.sweeps.results.records import FAILED, INFEASIBLE, STOPPED_EARLY
from tests.unit.sweeps.results.sweeps import OBJECTIVES, record


def minimized(count, reference):
    return tuple(Objective(f"f{place}", "minimize", None, reference) for place in range(1, count + 1))


TWO, THREE = minimized(2, 1.1), minimized(3, 1.0)
PUBLISHED = [(0.0, 1.0), (0.25, 0.5), (1.0, 0.0)]


def test_hypervolume_is_the_published_one():
    # Strips from left to right: 0.25 x 0.1, 0.75 x 0.6, 0.1 x 1.1.
    assert hypervolume(PUBLISHED, TWO) == pytest.approx(0.585, abs=1e-15)


def test_hypervolume_of_three_boxes_is_that_of_inclusion_and_exclusion():
    # Boxes to (1, 1, 1): 1 x 1 x .5, .5 x .5 x 1, .75 x .25 x .75; overlaps .125, .09375, .09375; all three .0625.
    points = [(0.0, 0.0, 0.5), (0.5, 0.5, 0.0), (0.25, 0.75, 0.25)]
    overlaps = 0.5 * 0.5 * 0.5 + 0.75 * 0.25 * 0.5 + 0.5 * 0.25 * 0.75
    expected = 0.5 + 0.25 + 0.75 * 0.25 * 0.75 - overlaps + 0.5 * 0.25 * 0.5
    assert hypervolume(points, THREE) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_hypervolume_and_contributions_are_the_count_of_unit_cubes(seed):
    points = np.random.default_rng(seed).integers(0, 6, (12, 3))
    cubes = [{c for c in product(range(6), repeat=3) if all(c >= point)} for point in points.astype(int)]
    objectives = minimized(3, 6.0)
    assert hypervolume(points, objectives) == pytest.approx(len(set().union(*cubes)))
    free = [not any(own < other for other in cubes) for own in cubes]
    for place, own in enumerate(contributions(points, objectives)):
        front = [cube for other, cube in enumerate(cubes) if other != place and free[other]]
        assert own == pytest.approx(len(cubes[place] - set().union(*front)) if free[place] else 0)


def test_whole_box_of_a_sweep_is_the_cap_times_both_drawdown_limits():
    assert hypervolume([(10.0, 0.0, 0.0)], OBJECTIVES) == pytest.approx(10 * 0.05 * 0.05)


def test_points_beyond_the_reference_hold_nothing():
    good = (1.2, 0.03, 0.02)
    beyond = [(9.0, 0.06, 0.01), (9.0, 0.01, 0.0500001), (-0.1, 0.0, 0.0), (math.nan, 0.0, 0.0), (math.inf, 0.0, 0.0)]
    own = 1.2 * 0.02 * 0.03
    assert hypervolume([good, *beyond], OBJECTIVES) == pytest.approx(own)
    assert contributions([*beyond, good], OBJECTIVES) == pytest.approx([0, 0, 0, 0, 0, own])
    assert hypervolume([], OBJECTIVES) == 0.0
    assert len(contributions([], OBJECTIVES)) == 0


def test_losses_turn_the_maximized_objective_round():
    assert losses([(1.5, 0.02, 0.01)], OBJECTIVES).tolist() == [[-1.5, 0.02, 0.01]]


def test_non_dominated_keeps_equal_points_together():
    values = [(1.0, 0.02, 0.01), (1.0, 0.02, 0.01), (1.0, 0.02, 0.02), (1.1, 0.03, 0.01), (math.nan, 0.0, 0.0)]
    assert non_dominated(values, OBJECTIVES).tolist() == [True, True, False, True, False]


def test_contributions_are_exclusive_and_equal_points_count_once():
    # Alone of the published front: 0.25 x 0.1, then (1 - 0.25) x (1 - 0.5), then 0.1 x 0.5.
    assert contributions(PUBLISHED, TWO) == pytest.approx([0.025, 0.375, 0.05])
    assert contributions([*PUBLISHED, PUBLISHED[1]], TWO) == pytest.approx([0.025, 0.375, 0.05, 0.0])


def test_dominated_neighbour_takes_nothing_from_a_point_of_the_front():
    assert contributions([*PUBLISHED, (0.26, 0.51)], TWO) == pytest.approx([0.025, 0.375, 0.05, 0.0])


def test_history_grows_with_each_point_that_is_new():
    points = [(0.25, 0.5), (0.5, 0.5), (2.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
    expected = [hypervolume(points[: count + 1], TWO) for count in range(len(points))]
    assert hypervolume_history(points, TWO) == pytest.approx(expected)
    assert expected[0] == pytest.approx(0.85 * 0.6)
    assert expected[2] == expected[1] == expected[0]


def test_best_by_contribution_takes_feasible_complete_trials_front_after_front():
    """Of the second front, (0.9, 0.9) holds 0.05 x 0.2 alone, (0.95, 0.6) 0.15 x 0.3; (1.0, 1.2) is outside."""
    records = [
        record(4, (1.0, 0.0)),
        record(0, (0.0, 1.0)),
        record(1, (0.25, 0.5)),
        record(2, (0.0, 0.0), INFEASIBLE),
        record(3, None, FAILED),
        record(5, None, STOPPED_EARLY),
        record(6, (0.9, 0.9)),
        record(7, (0.25, 0.5)),
        record(8, (0.95, 0.6)),
        record(9, (1.0, 1.2)),
    ]
    assert best_by_contribution(records, TWO, 10) == [1, 4, 0, 8, 6]
    assert best_by_contribution(records, TWO, 2) == [1, 4]
    assert best_by_contribution(records[3:6], TWO, 3) == []


def test_best_of_a_single_objective_are_those_with_the_best_different_values():
    objective = (Objective("sharpe_ratio", "maximize", None, 0.0),)
    values = [0.3, 0.9, -0.2, 0.9, 0.5]
    records = [record(number, (value,)) for number, value in enumerate(values)]
    assert best_by_contribution(records, objective, 10) == [1, 4, 0]
