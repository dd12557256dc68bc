"""The overfitting of a sweep: what it is computed from, and when it is not known."""

import numpy as np
import pytest

from intraday_rl.sweeps.results.overfitting import trials_overfitting
from intraday_rl.sweeps.results.records import INFEASIBLE
from tests.unit.sweeps.results.sweeps import record, write_run


def trial(folder, number, net, state="complete", seeds=1):
    folders = [folder / f"{number}-{seed}" for seed in range(seeds)]
    for place, own in enumerate(folders):
        write_run(own, [[pnl + place] for pnl in net], [[pnl] for pnl in net])
    return record(number, (1.0,), state, folders)


def test_trial_that_is_best_everywhere_is_no_overfitting(tmp_path):
    noise = np.random.default_rng(0).normal(0, 10, (3, 12))
    records = [trial(tmp_path, number, noise[number] + (50 if number == 1 else 0)) for number in range(3)]
    found = trials_overfitting(records)
    assert found == (0.0, 3, 12, 6, "")


def test_two_trials_that_take_turns_are_overfitted_in_every_choice(tmp_path):
    """Each is better in its own half of the sessions: with two blocks, the best inside is the worst outside."""
    records = [trial(tmp_path, 0, [20.0, 30.0, -20.0, -30.0]), trial(tmp_path, 1, [-20.0, -30.0, 20.0, 30.0])]
    assert trials_overfitting(records) == (1.0, 2, 4, 2, "")


def test_seeds_are_averaged_and_infeasible_trials_left_out(tmp_path):
    records = [
        trial(tmp_path, 0, [1.0, 2.0, 3.0, 5.0], seeds=2),
        trial(tmp_path, 1, [-1.0, -2.0, -3.0, -5.0]),
        trial(tmp_path, 2, [9.0, 9.5, 9.0, 9.5], INFEASIBLE),
    ]
    assert trials_overfitting(records) == (0.0, 2, 4, 2, "")


@pytest.mark.parametrize(("sessions", "splits"), [(4, 2), (7, 2), (8, 4), (31, 14), (32, 16), (50, 16)])
def test_blocks_are_even_and_hold_two_sessions(tmp_path, sessions, splits):
    net = np.random.default_rng(1).normal(0, 1, (2, sessions))
    assert trials_overfitting([trial(tmp_path, number, net[number]) for number in range(2)]).num_splits == splits


def test_too_little_to_judge_is_said(tmp_path):
    assert trials_overfitting([]).reason == "0 feasible trials with session returns, two are needed"
    one = trials_overfitting([trial(tmp_path, 0, [1.0] * 8), record(1, (1.0,))])
    assert one.probability is None
    assert one.reason == ("1 feasible trial with session returns, two are needed (trial 1: it has no run folder)")
    short = trials_overfitting([trial(tmp_path, number, [1.0, 2.0, 3.0]) for number in (2, 3)])
    assert (short.probability, short.reason) == (None, "3 validation sessions, four are needed")
