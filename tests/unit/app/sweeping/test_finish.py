"""The end of a sweep with trainings that carry out nothing: what each run comes to is said beforehand."""

import io
import json
from typing import NamedTuple

import pytest
from rich.console import Console

from intraday_rl.app.combining import ensemble as combining
from intraday_rl.app.sweeping import finish as finishing
from intraday_rl.app.sweeping.finish import Finish, members_of, middle_model
from intraday_rl.app.sweeping.request import read_request
from intraday_rl.app.sweeping.settings import SweepSettings
from intraday_rl.core.errors import BundleError
from intraday_rl.sweeps import batch
from intraday_rl.sweeps.executors.base import Command
from intraday_rl.sweeps.results.records import COMPLETE, INFEASIBLE, Candidate, TrialRecord


def metrics(profit_factor, drawdown, net_return=0.0, round_trips=100):
    return {
        "profit_factor": profit_factor,
        "max_drawdown": drawdown,
        "tail_drawdown": drawdown,
        "net_return": net_return,
        "num_round_trips": round_trips,
        "mean_notional_in_market": 0.9,
    }


def record(number, profit_factor, drawdown, state=COMPLETE):
    values = (profit_factor, drawdown, drawdown)
    return TrialRecord(number, state, {"rate": number}, values, {}, 1.0, (), "")


class Ended(NamedTuple):
    status: int

    def poll(self):
        return self.status


class Runs:
    """Tasks and executor in one: the result of each run by its folder's name; what has none fails."""

    capacity = 2

    def __init__(self, results):
        self.known, self.done, self.started = results, {}, []

    def result(self, part):
        return self.done.get(part.folder.name)

    def command(self, part, params):
        return Command((part.folder.name,), {}, part.log)

    def start(self, command):
        (name,) = command.arguments
        self.started.append(name)
        if name in self.known:
            self.done[name] = self.known[name]
        return Ended(0 if name in self.known else 1)

    def stop(self, handles):
        assert not handles


@pytest.fixture
def finish_with(tmp_path, monkeypatch):
    """Return a function that gives the end of a sweep with these results, and what it said."""
    monkeypatch.setattr(SweepSettings, "folder", tmp_path)
    monkeypatch.setattr(batch, "POLL_SECONDS", 0.0)

    def make(results, *overrides):
        request = read_request(["hparams=pareto_sweep", "seed=4,7", *overrides])
        runs, said = Runs(results), io.StringIO()
        return Finish(request, runs, runs, Console(file=said, width=300)), runs, said

    return make


@pytest.fixture
def built(monkeypatch):
    """Return the runs of each ensemble that was built."""
    seen = []

    def combine(runs, out):
        if len({"odd" in run for run in runs}) > 1:
            raise BundleError("members must agree")
        seen.append(runs)
        (combining.resolve_path(out) / "bundle").mkdir(parents=True)
        return ""

    monkeypatch.setattr(combining, "combine_runs", combine)
    return seen


def seeds_of(number):
    return range(8 + number * 3, 11 + number * 3)  # after the trials' 4 and 7, three for each trial


def test_best_trials_are_trained_again_with_seeds_of_their_own(finish_with):
    results = {
        f"{number}_seed_{seed}": metrics(1.0 + seed / 100, 0.01, net_return=seed)
        for number in (1, 2)
        for seed in seeds_of(number)
    }
    finish, runs, _ = finish_with(results, "hparams.best=2")
    trials = [record(0, 5.0, 0.01, INFEASIBLE), record(1, 2.0, 0.02), record(2, 3.0, 0.03), record(3, 0.5, 0.04)]
    found = {candidate.number: candidate for candidate in finish.candidates(trials)}
    assert sorted(runs.started) == sorted(results)  # the infeasible one and the third best are not among them
    assert found[1].values == (pytest.approx(1.12), 0.01, 0.01)  # seeds 11, 12, 13
    assert found[2].values == (pytest.approx(1.15), 0.01, 0.01)  # seeds 14, 15, 16
    assert found[1].is_feasible
    runs.started.clear()
    assert [one.number for one in finish.candidates(trials)] == list(found)
    assert runs.started == []  # what is there is not made again


def test_candidate_of_which_a_seed_failed_is_left_out_and_said_so(finish_with):
    results = {f"1_seed_{seed}": metrics(1.0, 0.01) for seed in (11, 12)}
    finish, _, said = finish_with(results)
    assert finish.candidates([record(1, 2.0, 0.02)]) == []
    assert "trial 1 is no candidate: a seed failed, see " in said.getvalue()


def test_candidate_of_which_a_seed_does_not_trade_is_infeasible(finish_with):
    results = {f"1_seed_{seed}": metrics(1.0, 0.01) for seed in (11, 12)}
    results["1_seed_13"] = metrics(None, 0.0, round_trips=0)
    finish, _, _ = finish_with(results)
    (candidate,) = finish.candidates([record(1, 2.0, 0.02)])
    assert not candidate.is_feasible
    assert not any(one.chosen for one in finish.chosen([candidate]))


def candidate(tmp_path, number, values, name="seed", feasible=True):
    folders = tuple(tmp_path / f"{number}_{name}_{place}" for place in range(3))
    found = tuple(metrics(values[0], values[1], net_return=net) for net in (0.03, 0.01, 0.02))
    return Candidate(number, {}, values, feasible, found, (), folders, False)


def test_members_are_those_that_hold_most_of_the_front_alone(finish_with, tmp_path):
    """Boxes of (profit factor, 0.05 - drawdown, 0.05 - tail); 5 is dominated by 4, and 6 breaks a constraint."""
    finish, _, _ = finish_with({})
    values = {
        1: (1.0, 0.01, 0.01),
        2: (2.0, 0.02, 0.02),
        3: (3.0, 0.03, 0.03),
        4: (4.0, 0.04, 0.04),
        5: (3.5, 0.045, 0.045),
    }
    found = [candidate(tmp_path, number, value) for number, value in values.items()]
    found.append(candidate(tmp_path, 6, (9.0, 0.001, 0.001), feasible=False))
    # alone: 1 has 1 x (0.04^2 - 0.03^2) = 7e-4, 2 has 1 x (0.03^2 - 0.02^2) = 5e-4, 3 has 3e-4, 4 has 1e-4
    assert [one.number for one in finish.chosen(found) if one.chosen] == [1, 2, 3]


def test_middle_seed_is_a_member_and_of_a_single_candidate_all_are(tmp_path):
    one = candidate(tmp_path, 1, (1.0, 0.01, 0.01))
    assert middle_model(one) == one.folders[2]  # net returns 0.03, 0.01, 0.02
    assert members_of(one, 3) == (one.folders[2],)
    assert members_of(one, 1) == one.folders


def test_ensemble_is_built_once_and_an_earlier_one_is_kept(finish_with, tmp_path, built):
    finish, _, _ = finish_with({})
    first = finish.chosen([candidate(tmp_path, 1, (1.0, 0.01, 0.01)), candidate(tmp_path, 2, (2.0, 0.02, 0.02))])
    for _ in range(2):
        assert finish.ensemble(first)[1] == tmp_path / "ensemble"
    assert built == [[str(tmp_path / "1_seed_2"), str(tmp_path / "2_seed_2")]]
    (tmp_path / "ensemble" / "evaluations").mkdir()
    finish.ensemble(finish.chosen([candidate(tmp_path, 3, (3.0, 0.01, 0.01))]))
    assert json.loads((tmp_path / "ensemble" / "members.json").read_text()) == ["3_seed_0", "3_seed_1", "3_seed_2"]
    assert (tmp_path / "ensemble_1" / "evaluations").is_dir()


def test_chosen_that_cannot_act_as_one_leave_the_first_of_them(finish_with, tmp_path, built):
    finish, _, said = finish_with({})
    found = [candidate(tmp_path, 1, (1.0, 0.01, 0.01), "odd"), candidate(tmp_path, 2, (2.0, 0.02, 0.02), "even")]
    marked, folder = finish.ensemble(finish.chosen(found))
    assert [one.chosen for one in marked] == [True, False]
    assert folder == tmp_path / "ensemble"
    assert "cannot act as one (members must agree): the seeds of trial 1 make the ensemble" in said.getvalue()


def test_no_candidate_makes_no_ensemble(finish_with, tmp_path):
    finish, _, said = finish_with({})
    assert finish.ensemble([candidate(tmp_path, 1, (1.0, 0.01, 0.01))])[1] is None
    assert "no ensemble: no candidate keeps the constraints" in said.getvalue()
    assert finishing.ENSEMBLE not in [path.name for path in tmp_path.iterdir()]


def test_dominated_candidate_is_no_member_even_where_a_place_is_left(finish_with, tmp_path):
    finish, _, _ = finish_with({})
    found = [candidate(tmp_path, 1, (2.0, 0.01, 0.01)), candidate(tmp_path, 2, (1.0, 0.02, 0.02))]
    assert [one.chosen for one in finish.chosen(found)] == [True, False]
