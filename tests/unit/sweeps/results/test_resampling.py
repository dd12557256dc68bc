"""The objectives of drawn sessions against the metrics of the same sessions, put together by hand."""

import math

import numpy as np
import pytest

from intraday_rl.metrics import bootstrap_tail_drawdown, max_drawdown
from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.records import INFEASIBLE
from intraday_rl.sweeps.results.resampling import (
    MAX_TRIALS,
    bootstrap_boxes,
    draw_sessions,
    resample,
    resampled_max_drawdown,
    resampled_profit_factor,
    resampled_tail_drawdown,
)
from intraday_rl.sweeps.results.sessions import read_run
from tests.unit.sweeps.results.sweeps import CAPITAL, OBJECTIVES, record, write_run

PF_DD = OBJECTIVES[:2]


def test_profit_factor_of_a_draw_is_that_of_its_round_trips(tmp_path):
    write_run(tmp_path / "0", [[0.0]] * 4, [[30.0, -10.0], [-40.0], [20.0], []])
    draws = np.array([[0, 1, 2, 3], [0, 0, 0, 1], [2, 2, 3, 3], [1, 1, 1, 1], [3, 3, 3, 3]])
    factors = resampled_profit_factor(read_run(tmp_path / "0"), draws)
    assert factors[:4].tolist() == [1.0, 90 / 70, math.inf, 0.0]
    assert math.isnan(factors[4])


def test_values_are_capped_and_undefined_ones_are_the_reference(tmp_path):
    write_run(tmp_path / "0", [[0.0]] * 2, [[20.0], []])
    write_run(tmp_path / "1", [[0.0]] * 2, [[20.0, -10.0], []])
    runs, draws = [read_run(tmp_path / name) for name in "01"], np.array([[0, 0], [1, 1]])
    capped = (Objective("profit_factor", "maximize", 3.0, -1.0),)
    assert resample(runs, draws, capped).tolist() == [[(3.0 + 2.0) / 2], [-1.0]]


def test_max_drawdown_of_a_draw_is_that_of_its_chained_equity(tmp_path):
    rng = np.random.default_rng(1)
    paths = [rng.normal(0, 60, length).cumsum() for length in (1, 2, 30, 30, 17, 30)]
    write_run(tmp_path / "0", paths, [[1.0]] * 6)
    draws = draw_sessions(6, 50, rng)
    expected = []
    for drawn in draws:
        equity = [CAPITAL]
        for session in drawn:
            equity += list(equity[-1] + paths[session])
        expected.append(max_drawdown(equity))
    assert resampled_max_drawdown(read_run(tmp_path / "0"), draws) == pytest.approx(expected, abs=1e-12)


def test_max_drawdown_sees_a_fall_over_several_sessions(tmp_path):
    write_run(tmp_path / "0", [[100.0, 0.0], [-500.0, -400.0]], [[0.0], [-400.0]])
    draws = np.array([[0, 1], [1, 0], [1, 1]])
    expected = [600 / 10_100, 500 / 10_000, 900 / 10_000]
    assert resampled_max_drawdown(read_run(tmp_path / "0"), draws) == pytest.approx(expected)


def test_tail_drawdown_of_the_observed_sessions_is_the_trials_own(tmp_path):
    rng = np.random.default_rng(2)
    paths = rng.normal(0, 20, (8, 40)).cumsum(axis=1)
    write_run(tmp_path / "0", paths, [[1.0]] * 8)
    returns = np.diff(paths, axis=1, prepend=0.0).ravel() / CAPITAL
    own = bootstrap_tail_drawdown(returns, num_bars=40, num_sessions=10_000, mean_block_bars=30.0, tail=0.05, rng=rng)
    same = np.tile(np.arange(8), (100, 1))
    assert resampled_tail_drawdown(read_run(tmp_path / "0"), same).mean() == pytest.approx(own, rel=0.03)


def test_tail_drawdown_is_drawn_from_the_drawn_sessions_alone(tmp_path):
    write_run(tmp_path / "0", [[-10.0, -20.0], [10.0, 20.0]], [[-20.0], [20.0]])
    tails = resampled_tail_drawdown(read_run(tmp_path / "0"), np.array([[0, 0], [1, 1]]))
    assert tails == pytest.approx([20 / CAPITAL, 0.0])


def write_sessions(folder, net, win, loss):
    """Sessions of one bar with one winning and one losing round trip each."""
    write_run(folder, [[pnl] for pnl in net], [[gain, -paid] for gain, paid in zip(win, loss, strict=True)])


def test_share_is_that_of_the_draws_without_a_dominating_front(tmp_path):
    """Trial 1 is worse in every session; in draws of the first session alone, 2 is better and 3 is equal."""
    write_sessions(tmp_path / "0", [0.0, 0.0], [20.0, 20.0], [10.0, 10.0])
    write_sessions(tmp_path / "1", [-1.0, -1.0], [10.0, 10.0], [10.0, 10.0])
    write_sessions(tmp_path / "2", [0.0, 0.0], [30.0, 1.0], [10.0, 10.0])
    write_sessions(tmp_path / "3", [0.0, 0.0], [20.0, 1.0], [10.0, 10.0])
    values = [(2.0, 0.0), (1.0, 0.0002), (1.55, 0.0), (1.05, 0.0)]
    records = [record(number, pair, folders=[tmp_path / str(number)]) for number, pair in enumerate(values)]
    boxes = bootstrap_boxes(records, PF_DD)
    assert (boxes.num_sessions, boxes.reason) == (2, "")
    assert boxes.by_number[0].free_share is None
    assert boxes.by_number[1].free_share == 0.0
    assert not boxes.by_number[1].is_noise
    assert boxes.by_number[2].free_share == pytest.approx(0.25, abs=0.06)  # of 500 draws of two sessions
    assert boxes.by_number[3].free_share == boxes.by_number[2].free_share
    assert boxes.by_number[2].is_noise
    assert boxes.by_number[0].quantiles.tolist() == [[2.0, 0.0]] * 5
    assert set(boxes.by_number[2].quantiles[:, 0]) <= {
        0.1,
        1.55,
        3.0,
    }  # of the second session alone, of both, of the first alone


def test_boxes_are_the_same_each_time(tmp_path):
    rng = np.random.default_rng(5)
    write_run(tmp_path / "0", rng.normal(0, 9, (6, 9)).cumsum(axis=1), rng.normal(0, 9, (6, 3)))
    records = [record(0, (1.0, 0.01, 0.01), folders=[tmp_path / "0"])]
    first, second = (bootstrap_boxes(records, OBJECTIVES).by_number[0].quantiles for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("records", "objectives", "reason"),
    [
        ([], OBJECTIVES, "no trial is complete and feasible"),
        ([record(0, (1.0, 0.1, 0.1), INFEASIBLE)], OBJECTIVES, "no trial is complete and feasible"),
        ([record(0, (1.0, 0.1, 0.1))], OBJECTIVES, "trial 0: it has no run folder"),
        ([record(0, (1.0,))], (Objective("f1", "minimize", None, 1.1),), "f1 cannot be computed anew"),
    ],
)
def test_boxes_that_cannot_be_made_say_why(records, objectives, reason):
    boxes = bootstrap_boxes(records, objectives)
    assert boxes.by_number == {}
    assert boxes.reason.startswith(reason)


def test_front_and_nearest_trials_are_boxed_when_there_are_many(tmp_path):
    write_sessions(tmp_path / "0", [0.0], [20.0], [10.0])
    values = [(2.0 - 0.01 * number, 0.01 + 0.0001 * number) for number in range(MAX_TRIALS + 3)]
    records = [record(number, pair, folders=[tmp_path / "0"]) for number, pair in enumerate(values)]
    assert set(bootstrap_boxes(records, PF_DD).by_number) == set(range(MAX_TRIALS))
