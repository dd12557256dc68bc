"""The loop with workers that carry out nothing: how each part ends is said beforehand."""

import pytest

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps import runner
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.runner import MOST_STOPS, FailureLimit, last_lines
from intraday_rl.sweeps.space import Choice
from intraday_rl.sweeps.stopping import BelowQuantile
from tests.support.small_studies import End, Stage, definition, open_study, records, run

GOOD = {"f1": 0.5, "f2": 0.25}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(runner, "WATCH_SECONDS", 0.0)


def numbers(stage):
    return [part.number for part, _ in stage.started]


def states(study):
    return [record.state for record in records(study)]


def test_free_worker_starts_the_next_trial_at_once(tmp_path):
    looks = {0: 9, 1: 2, 2: 2, 3: 2}
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD, looks[part.number]), capacity=2)
    study = open_study(tmp_path, n_trials=4)
    run(study, stage)
    assert stage.most_at_work == 2
    assert numbers(stage) == [0, 1, 2, 3]
    assert [number for number, _, _ in stage.ends] == [1, 2, 3, 0]  # three came and went beside the long one
    assert states(study) == ["complete"] * 4


def test_never_more_than_the_capacity_and_exactly_the_total(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD, 1 + part.number % 3), capacity=8)
    study = open_study(tmp_path, n_trials=21)
    run(study, stage)
    assert stage.most_at_work == 8
    assert sorted(numbers(stage)) == list(range(21))


@pytest.mark.parametrize("status", [-9, -15, -2, -1, 137, 143, 130, 129])
def test_part_that_was_killed_from_outside_runs_again_with_its_number_and_parameters(tmp_path, status):
    def play(part, attempt, params):
        return End(status) if part.number == 1 and attempt < 2 else End(0, GOOD)

    stage = Stage(tmp_path, play)
    study = open_study(tmp_path, n_trials=3)
    run(study, stage)
    assert sorted(numbers(stage)) == [0, 1, 1, 1, 2]
    assert len({tuple(params.values()) for part, params in stage.started if part.number == 1}) == 1
    assert states(study) == ["complete"] * 3
    assert [state for _, state, _ in stage.ends] == ["complete"] * 3


def test_part_that_is_killed_again_and_again_fails_its_trial_and_the_sweep_goes_on(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(-9) if part.number == 0 else End(0, GOOD))
    study = open_study(tmp_path, n_trials=2)
    run(study, stage)
    assert numbers(stage).count(0) == MOST_STOPS == 5
    assert states(study) == ["failed", "complete"]
    assert records(study)[0].reason == "it was stopped by a signal 5 times: is there too little memory?"


def test_result_of_a_part_that_was_killed_after_writing_it_counts(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(-9, GOOD))
    study = open_study(tmp_path, n_trials=2)
    run(study, stage)
    assert numbers(stage) == [0, 1]
    assert states(study) == ["complete", "complete"]


def test_part_that_was_killed_while_it_wrote_its_result_runs_again(tmp_path):
    def play(part, attempt, params):
        return End(0, GOOD) if attempt else End(-9, SweepError("metrics.json cannot be read"))

    stage = Stage(tmp_path, play)
    study = open_study(tmp_path, n_trials=1)
    run(study, stage)
    assert numbers(stage) == [0, 0]
    assert states(study) == ["complete"]


def test_crash_fails_the_trial_with_its_last_lines_and_the_sweep_goes_on(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(3) if part.number == 0 else End(0, GOOD))
    stage.parts(0)[0].log.write_text("".join(f"line {i}\n" for i in range(30)))
    study = open_study(tmp_path, n_trials=2)
    run(study, stage)
    assert states(study) == ["failed", "complete"]
    assert records(study)[0].reason.splitlines() == ["exit status 3", *(f"line {i}" for i in range(10, 30))]
    assert stage.ends[0] == (0, "failed", records(study)[0].reason)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (End(0), "it ended without a result"),
        (End(0, {"f1": float("nan"), "f2": 1.0}), "f1 must be a finite number, was nan"),
        (End(0, {"f1": None, "f2": 1.0}), "f1 must be a finite number, was None"),
        (End(0, {"f2": 1.0}), "f1 must be a finite number, was None"),
        (End(0, {"f1": [1.0], "f2": 1.0}), "f1 must be a finite number"),
        (End(0, SweepError("metrics.json cannot be read")), "metrics.json cannot be read"),
        (End(1, GOOD), "exit status 1"),
        (End(-11), "exit status -11"),
    ],
    ids=repr,
)
def test_part_that_ends_by_itself_without_numbers_fails_its_trial_alone(tmp_path, end, reason):
    stage = Stage(tmp_path, lambda part, attempt, params: end if part.number == 1 else End(0, GOOD))
    study = open_study(tmp_path, n_trials=3)
    run(study, stage)
    assert numbers(stage) == [0, 1, 2]
    assert states(study) == ["complete", "failed", "complete"]
    assert records(study)[1].reason.startswith(reason)


def test_policy_outside_a_constraint_is_infeasible(tmp_path):
    what = definition(constraints=(Constraint("c", 1.0, None),))
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD | {"c": part.number}))
    study = open_study(tmp_path, what, n_trials=2)
    run(study, stage)
    assert states(study) == ["infeasible", "complete"]
    assert [state for _, state, _ in stage.ends] == ["infeasible", "complete"]


def test_sweep_is_given_up_when_so_many_and_such_a_share_failed(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD) if part.number in (0, 1) else End(3))
    stage.parts(3)[0].log.write_text("Traceback\nValueError: no such key\n\n\n")
    study = open_study(tmp_path, n_trials=20)
    with pytest.raises(SweepError, match=r"^2 of 4 trials failed; the last: ValueError: no such key ") as refusal:
        run(study, stage, FailureLimit(2, 0.5))
    assert "3_0.log" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert numbers(stage) == [0, 1, 2, 3]


@pytest.mark.parametrize("limit", [FailureLimit(3, 0.0), FailureLimit(1, 0.8)], ids=str)
def test_fewer_failures_or_a_smaller_share_go_on(tmp_path, limit):
    stage = Stage(tmp_path, lambda part, attempt, params: End(3) if part.number in (2, 3) else End(0, GOOD))
    study = open_study(tmp_path, n_trials=6)
    run(study, stage, limit)
    assert states(study).count("failed") == 2


@pytest.mark.parametrize("limit", [FailureLimit(0, 0.5), FailureLimit(1, 1.5)], ids=str)
def test_impossible_limit_is_refused(limit):
    with pytest.raises(Exception, match=r"hparams.failure_limit"):
        limit.check()


def test_giving_up_stops_what_is_at_work(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(3, None, 1 if part.number == 1 else 99), capacity=3)
    study = open_study(tmp_path, n_trials=6)
    with pytest.raises(SweepError, match="1 of 1 trials failed"):
        run(study, stage, FailureLimit(1, 0.5))
    assert {part.number for part in stage.stopped} == {0, 2}
    assert states(study) == ["running", "failed", "running"]


def test_several_seeds_are_processes_of_their_own_and_their_mean_counts(tmp_path):
    seeds = (0, 1, 2)
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, {"f1": part.seed, "f2": 1.0}), seeds, capacity=2)
    study = open_study(tmp_path, definition(seeds=seeds), n_trials=2)
    run(study, stage)
    assert [(part.number, part.seed) for part, _ in stage.started] == [(n, s) for n in (0, 1) for s in seeds]
    assert [record.values for record in records(study)] == [(1.0, 1.0), (1.0, 1.0)]


def test_failing_seed_fails_its_trial_and_stops_its_siblings(tmp_path):
    def play(part, attempt, params):
        if part.number > 0:
            return End(0, GOOD)
        return End(5, None, 3) if part.seed == 1 else End(0, GOOD, 99)

    seeds = (0, 1, 2, 3)
    stage = Stage(tmp_path, play, seeds, capacity=3)
    study = open_study(tmp_path, definition(seeds=seeds), n_trials=2)
    run(study, stage)
    assert states(study) == ["failed", "complete"]
    assert {(part.number, part.seed) for part in stage.stopped} == {(0, 0), (0, 2)}
    assert (0, 3) not in {(part.number, part.seed) for part, _ in stage.started}


def test_interrupted_trials_go_on_first_and_their_results_are_kept(tmp_path):
    study = open_study(tmp_path, definition(seeds=(0, 1)), n_trials=4)
    first, second = study.propose(), study.propose()
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD), (0, 1))
    for seed in (0, 1):  # both seeds of the first trial, and one of the second, had ended
        stage.results[stage.parts(0)[seed]] = {"f1": 9.0, "f2": 9.0}
    stage.results[stage.parts(1)[1]] = {"f1": 1.5, "f2": 0.25}
    study = open_study(tmp_path, definition(seeds=(0, 1)), n_trials=4)
    run(study, stage)
    assert [(part.number, part.seed) for part, _ in stage.started] == [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert stage.started[0][1] == second.params
    assert [record.values for record in records(study)][:2] == [(9.0, 9.0), (1.0, 0.25)]
    assert [record.params for record in records(study)][:2] == [first.params, second.params]


def test_result_that_was_being_written_when_the_sweep_was_killed_is_made_again(tmp_path):
    open_study(tmp_path, n_trials=1).propose()
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD))
    stage.results[stage.parts(0)[0]] = SweepError("metrics.json cannot be read")
    study = open_study(tmp_path, n_trials=1)
    run(study, stage)
    assert numbers(stage) == [0]
    assert states(study) == ["complete"]


def test_hopeless_trial_is_stopped_early_and_recorded_as_such(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD, 1 if part.number < 2 else 10_000))
    stage.curves = {0: [(50.0, 1.0), (100.0, 2.0)], 1: [(50.0, 3.0), (100.0, 4.0)], 2: [(50.0, 0.5)]}
    study = open_study(tmp_path, n_trials=3)
    run(study, stage, stopping=BelowQuantile(0.5, 0.5, 2))
    assert states(study) == ["complete", "complete", "stopped early"]
    assert records(study)[2].reason == (
        "best validation result 0.5 at step 50 is below the 50% quantile 2 of 2 trials that came as far"
    )
    assert [part.number for part in stage.stopped] == [2]
    assert stage.ends[-1][1] == "stopped early"


def test_trial_at_its_last_step_is_let_finish(tmp_path):
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD, 1 if part.number < 2 else 50))
    stage.curves = {0: [(100.0, 2.0)], 1: [(100.0, 4.0)], 2: [(100.0, 0.5)]}
    study = open_study(tmp_path, n_trials=3)
    run(study, stage, stopping=BelowQuantile(0.5, 0.5, 2))
    assert states(study) == ["complete"] * 3


def test_interruption_stops_what_is_at_work_and_leaves_it_unfinished(tmp_path):
    class Interrupted(Stage):
        def passed(self):
            raise KeyboardInterrupt

    stage = Interrupted(tmp_path, lambda part, attempt, params: End(0, GOOD, 99), capacity=2)
    study = open_study(tmp_path, n_trials=4)
    with pytest.raises(KeyboardInterrupt):
        run(study, stage)
    assert {part.number for part in stage.stopped} == {0, 1}
    assert states(study) == ["running", "running"]


def test_study_that_has_all_of_its_trials_starts_nothing(tmp_path):
    what = definition(objectives=(Objective("f1", "minimize", None, 1.0),))
    for expected in ([0], []):
        stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD))
        run(open_study(tmp_path, what, n_trials=1), stage)
        assert numbers(stage) == expected


def test_last_lines_are_of_the_end_of_a_long_log_whatever_its_bytes(tmp_path):
    log = tmp_path / "log"
    assert last_lines(log) == ""
    log.write_bytes(b"x" * 100_000 + b"\n\xff last\n")
    assert last_lines(log).splitlines()[-1] == "\ufffd last"
    assert len(last_lines(log)) < 20_000


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_trial_with_the_parameters_of_an_earlier_one_is_run_only_where_it_may_differ(tmp_path, is_repeatable):
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, {"f1": params["x"], "f2": 0.25}))
    stage.is_repeatable = is_repeatable
    study = open_study(tmp_path, definition(space=[Choice("x", (1, 2))]), n_trials=9)
    run(study, stage)
    found = records(study)
    first = {params["x"]: part.number for part, params in reversed(stage.started)}
    assert len(stage.started) == (2 if is_repeatable else 9)
    assert [record.state for record in found] == ["complete"] * 9
    assert [record.values for record in found] == [(record.params["x"], 0.25) for record in found]
    if is_repeatable:
        assert [record.folders[0].name for record in found] == [str(first[record.params["x"]]) for record in found]


def test_parameters_that_were_stopped_early_are_not_tried_again(tmp_path):
    """Trials of x = 2 have 0 at step 50, below the median of those that came as far as soon as two did."""
    stage = Stage(tmp_path, lambda part, attempt, params: End(0, GOOD, 3))
    stage.is_repeatable = True
    space, values = [Choice("x", (1, 2, 3, 4))], {1: 5.0, 2: 0.0, 3: 4.0, 4: 6.0}
    stage.curve = lambda part: [(50.0, values[dict(stage.started)[part]["x"]])] if part in dict(stage.started) else []
    study = open_study(tmp_path, definition(space=space), n_trials=40)
    run(study, stage, stopping=BelowQuantile(0.5, 0.5, 2))
    found = records(study)
    assert len(stage.started) == len({record.params["x"] for record in found if record.same_as is None})
    repeats = [record for record in found if record.same_as is not None]
    assert {record.state for record in found if record.params["x"] == 2} <= {"stopped early", "complete"}
    assert all(record.state == found[record.same_as].state for record in repeats)
    assert len(found) == 40
