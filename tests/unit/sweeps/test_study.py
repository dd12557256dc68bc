import pytest
from optuna.trial import TrialState

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.samplers import Nsga2, Tpe
from intraday_rl.sweeps.space import Choice, Interval
from intraday_rl.sweeps.storage import open_storage
from intraday_rl.sweeps.study import SURPLUS, SweepStudy
from tests.support.small_studies import F1, F2, X, Y, definition, open_study, records

GOOD = Outcome((0.5, 0.25), {})


def complete(study, count):
    trials = [study.propose() for _ in range(count)]
    for trial in trials:
        study.complete(trial, GOOD, {})
    return [trial.params for trial in trials]


def test_total_counts_over_processes(tmp_path):
    complete(open_study(tmp_path, n_trials=5), 3)
    study = open_study(tmp_path, n_trials=5)
    assert study.num_begun() == 3
    complete(study, 2)
    assert study.propose() is None
    assert open_study(tmp_path, n_trials=5).propose() is None
    complete(open_study(tmp_path, n_trials=6), 1)
    assert [record.number for record in records(study)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (definition(space=(X, Interval("y", 0.0, 2.0, False, False, None))), "space.y.high is 2.0, should be 1.0"),
        (definition(space=(X,)), "space.y is missing"),
        (definition(space=(X, Y, Choice("z", (1, 2)))), "space.z should not be there"),
        (definition(objectives=(F1, F2._replace(reference=2.0))), "objectives.f2.reference is 2.0, should be 1.1"),
        (definition(objectives=(F2, F1)), r"order_of_objectives\[0\] is 'f2', should be 'f1'"),
        (definition(objectives=(F1, F2._replace(direction="maximize"))), "objectives.f2.direction is 'maximize'"),
        (definition(constraints=(Constraint("c", 1.0, None),)), "constraints.c should not be there"),
        (definition(seeds=(0, 1)), "seeds has 2 items, should have 1"),
        (definition(config={"market": {"half_spread_bps": 2.0}}), "config"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_study_that_searches_something_else_is_refused_with_the_difference(tmp_path, changed, words):
    complete(open_study(tmp_path), 1)
    with pytest.raises(SweepError, match=f"^study study searches something else: {words}.*hparams.study=NAME$"):
        open_study(tmp_path, changed)
    assert open_study(tmp_path).num_begun() == 1


def test_changed_cost_is_refused_with_its_key(tmp_path):
    cheap, dear = (definition(config={"market": {"fees": {"bps": bps}}}) for bps in (0.5, 1.0))
    open_study(tmp_path, cheap)
    with pytest.raises(SweepError, match=r"config.market.fees.bps is 1.0, should be 0.5"):
        open_study(tmp_path, dear)


def test_same_definition_goes_on_with_tuples_and_odd_values(tmp_path):
    what = definition(space=(Choice("a", (None, True, "x", 2, 0.5)), X), names=["a", "b"], nested={"k": [1, None]})
    complete(open_study(tmp_path, what), 1)
    assert open_study(tmp_path, what).num_begun() == 1


def test_trials_left_running_are_taken_over_with_number_and_parameters(tmp_path):
    study = open_study(tmp_path)
    trials = [study.propose() for _ in range(3)]
    study.complete(trials[1], GOOD, {})
    taken = open_study(tmp_path).take_over([])
    assert [(trial.number, trial.params) for trial in taken] == [(t.number, t.params) for t in (trials[0], trials[2])]
    assert open_study(tmp_path).take_over([0, 2]) == []


def test_trial_whose_process_died_before_its_last_parameter_is_completed(tmp_path):
    space = (X, Y, Choice("a", ("u", "v")))
    study = open_study(tmp_path, definition(space))
    half = study.study.ask({"x": X.distribution()})
    nothing = study.study.ask()
    study = open_study(tmp_path, definition(space))
    first, second = study.take_over([])
    assert (first.number, second.number) == (half.number, nothing.number)
    assert first.params["x"] == half.params["x"]
    assert set(first.params) == set(second.params) == {"x", "y", "a"}
    study.complete(first, GOOD, {})
    again = open_study(tmp_path, definition(space)).take_over([])
    assert [trial.params for trial in again] == [second.params]


@pytest.mark.parametrize("sampler", [Tpe(0, 10), Nsga2(0, 4)], ids=str)
def test_later_processes_do_not_propose_the_same_again(tmp_path, sampler):
    params = [complete(open_study(tmp_path, n_trials=8, sampler=sampler), 2) for _ in range(4)]
    drawn = [tuple(trial.values()) for process in params for trial in process]
    assert len(set(drawn)) == 8


def test_process_that_proposed_nothing_leaves_the_proposals_of_the_next_alone(tmp_path):
    (tmp_path / "other").mkdir()
    open_study(tmp_path)
    assert complete(open_study(tmp_path), 3) == complete(open_study(tmp_path / "other"), 3)


def test_states_and_numbers_of_records(tmp_path):
    what = definition(constraints=(Constraint("c", 1.0, None),))
    study = open_study(tmp_path, what)
    trials = [study.propose() for _ in range(5)]
    study.complete(trials[0], Outcome((1.0, 2.0), {"c": -1.0}), {"seconds": 3.0})
    study.complete(trials[1], Outcome((1.0, 2.0), {"c": 0.5}), {"seconds": 4.0})
    study.fail(trials[2], "exit status 3\nValueError: no", {"seconds": 5.0})
    study.stop_early(trials[3], "hopeless", {})
    found = records(open_study(tmp_path, what))
    assert [record.state for record in found] == ["complete", "infeasible", "failed", "stopped early", "running"]
    assert [record.values for record in found] == [(1.0, 2.0), (1.0, 2.0), None, None, None]
    assert [record.reason for record in found] == ["", "", "exit status 3\nValueError: no", "hopeless", ""]
    assert [record.seconds for record in found] == [3.0, 4.0, 5.0, None, None]
    assert [record.violations for record in found] == [{"c": -1.0}, {"c": 0.5}, {}, {}, {}]
    assert [record.params for record in found] == [trial.params for trial in trials]


def test_records_follow_a_trial_to_its_end(tmp_path):
    study = open_study(tmp_path)
    trial = study.propose()
    assert records(study)[0].state == "running"
    study.complete(trial, GOOD, {})
    assert records(study)[0].state == "complete"
    assert records(study)[0].values == GOOD.values


def test_curves_are_those_of_trials_that_ended_well_or_were_stopped(tmp_path):
    study = open_study(tmp_path)
    for end in (
        lambda trial: study.complete(trial, GOOD, {"curve": [(1.0, 0.5)]}),
        lambda trial: study.complete(trial, GOOD, {"curve": []}),
        lambda trial: study.stop_early(trial, "hopeless", {"curve": [(1.0, 7.0)]}),
        lambda trial: study.fail(trial, "crash", {"curve": [(1.0, 9.0)]}),
    ):
        end(study.propose())
    curves = open_study(tmp_path).curves()
    assert [[tuple(point) for point in curve] for curve in curves] == [[(1.0, 0.5)], [(1.0, 7.0)]]


def test_sampler_goes_on_after_failed_infeasible_and_stopped_trials(tmp_path):
    what = definition(constraints=(Constraint("c", 1.0, None),))
    study = open_study(tmp_path, what, 24, Tpe(0, 4))
    for number in range(24):
        trial = study.propose()
        if number % 4 == 0:
            study.fail(trial, "crash", {})
        elif number % 4 == 1:
            study.stop_early(trial, "hopeless", {})
        else:
            study.complete(trial, Outcome((trial.params["x"], trial.params["y"]), {"c": number - 12.0}), {})
    assert study.propose() is None
    assert study.num_begun() == 24


def shared(folder, n_trials=3):
    return SweepStudy(open_storage(None, folder), definition(), Tpe(0, 10), n_trials, 20.0)


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setattr("intraday_rl.sweeps.study.SETTLE_SECONDS", 0.0)


def test_trial_that_two_machines_began_too_many_is_surplus(tmp_path, no_waits, monkeypatch):
    here, there = shared(tmp_path), shared(tmp_path)
    for study in (here, there):
        assert study.propose() is not None
    with monkeypatch.context() as patch:  # both have looked, and one trial was missing then
        patch.setattr(SweepStudy, "num_begun", lambda self: 2)
        assert here.propose().number == 2
        assert there.propose() is None
    assert there.num_begun() == here.num_begun() == 3
    assert [record.number for record in records(here)] == [0, 1, 2]
    (surplus,) = (trial for trial in here.study.get_trials() if trial.user_attrs.get(SURPLUS))
    assert (surplus.number, surplus.state) == (3, TrialState.FAIL)
    assert here.next_number() == 4


def test_machines_of_one_study_do_not_propose_the_same(tmp_path, no_waits):
    studies = [shared(tmp_path, 6) for _ in range(3)]
    params = [tuple(study.propose().params.values()) for study in studies for _ in range(2)]
    assert len(set(params)) == 6


def test_trials_of_other_machines_are_let_be_and_counted(tmp_path, no_waits):
    here, there = shared(tmp_path), shared(tmp_path)
    mine, other = here.propose(), there.propose()
    assert here.take_over([mine.number]) == []
    assert here.num_elsewhere([mine.number]) == 1
    there.complete(other, GOOD, {})
    assert here.num_elsewhere([mine.number]) == 0


def test_end_of_a_trial_that_another_machine_ended_first_is_ignored(tmp_path, no_waits):
    here, there = shared(tmp_path), shared(tmp_path)
    trial = here.propose()
    taken = there._whole(there._frozen(trial.number))
    there.complete(taken, GOOD, {})
    here.complete(trial, Outcome((9.0, 9.0), {}), {})
    assert records(here)[0].values == GOOD.values


def test_single_objective_study_is_possible(tmp_path):
    what = definition(objectives=(Objective("f", "maximize", None, 0.0),))
    study = open_study(tmp_path, what)
    study.complete(study.propose(), Outcome((2.0,), {}), {})
    assert study.study.best_value == 2.0
