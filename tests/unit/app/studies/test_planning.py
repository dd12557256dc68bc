"""The runs of a study: overrides, folders, and what each of them still needs."""

import re

import pytest

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import CONTINUED, DONE, NEEDED, NEW, arguments_of, plan_runs, state_of
from intraday_rl.app.studies.records import Record, write_record
from intraday_rl.core.errors import ConfigError
from tests.support.study_runs import leave_overrides, leave_run, make_study


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "which")


def test_runs_are_rows_times_folds_times_seeds_with_every_row_early(study):
    runs = plan_runs(study)
    assert [(run.seed, run.fold, run.row) for run in runs] == [
        (0, "spring", "ppo"), (0, "spring", "small"), (0, "autumn", "ppo"), (0, "autumn", "small"),
        (1, "spring", "ppo"), (1, "spring", "small"), (1, "autumn", "ppo"), (1, "autumn", "small"),
    ]  # fmt: skip
    last = runs[-1]
    assert last.overrides == (
        "data=simulated", "data.source.seed=2", "algo=ppo", "algo.parameters.num_envs=4",
        "seed=1", "tracking.study=which", "+tracking.tags.row=small", "+tracking.tags.fold=autumn", "progress=false",
    )  # fmt: skip
    assert last.folder == study.folder / "runs" / "small" / "autumn_seed1"
    assert last.label == "small, autumn, seed 1"
    assert last.log.name == "autumn_seed1.log"
    assert last.record.name == "autumn_seed1.json"


def test_seeds_and_rows_can_be_chosen(study):
    runs = plan_runs(study, [7], ["small"])
    assert [(run.row, run.fold, run.seed) for run in runs] == [("small", "spring", 7), ("small", "autumn", 7)]
    with pytest.raises(ConfigError, match=r"there is no row smal \(did you mean small\?\); the rows are ppo, small"):
        plan_runs(study, rows=["smal"])
    with pytest.raises(ConfigError, match="--seeds must be a list of different"):
        plan_runs(study, [1, 1])


def test_run_that_is_not_there_begins(study):
    run = plan_runs(study)[0]
    assert state_of(run) == NEW
    assert arguments_of(run, NEW) == [*run.overrides, f'hydra.run.dir="{run.folder}"']


def test_finished_run_is_left_alone(study):
    run = plan_runs(study)[0]
    leave_run(run)
    assert state_of(run) == DONE
    write_record(run.record, Record(records.RUNNING, 0.0))  # its study was killed, it went on alone
    assert state_of(run) == DONE


@pytest.mark.parametrize("name", NEEDED)
def test_run_that_lacks_a_file_is_not_finished(study, name):
    run = plan_runs(study)[0]
    leave_run(run)
    (run.folder / name).write_text('{"torn": ')
    assert state_of(run) == NEW


def test_run_that_failed_after_its_metrics_begins_anew(study):
    run = plan_runs(study)[0]
    leave_run(run)
    write_record(run.record, Record(records.FAILED, 3.0))
    assert state_of(run) == NEW


def test_interrupted_run_goes_on_where_it_left_a_checkpoint(study):
    run = plan_runs(study)[0]
    leave_overrides(run.folder, run.overrides)
    assert state_of(run) == NEW
    (run.folder / "checkpoints" / "resume" / "2048.new").mkdir(parents=True)  # it was being written
    assert state_of(run) == NEW
    (run.folder / "checkpoints" / "resume" / "1024").mkdir()
    assert state_of(run) == CONTINUED
    assert arguments_of(run, CONTINUED) == [f'resume="{run.folder}"', "progress=false"]


def test_run_that_was_stopped_while_it_was_judged_goes_on(study):
    run = plan_runs(study)[0]
    leave_run(run)
    (run.folder / "checkpoints" / "resume" / "1024").mkdir(parents=True)
    assert state_of(run) == CONTINUED


def test_run_stopped_before_hydra_wrote_anything_begins_anew(study):
    run = plan_runs(study)[0]
    run.folder.mkdir(parents=True)
    assert state_of(run) == NEW


def test_other_overrides_are_refused_with_the_difference(study):
    run = plan_runs(study)[1]
    leave_run(run)
    leave_overrides(run.folder, ["data=simulated", "data.source.seed=3", "algo=ppo", "x=1", "seed=0"])
    words = (
        "holds a run with other overrides: data.source.seed=3 instead of data.source.seed=1; nothing instead of "
        "algo.parameters.num_envs=4; x=1 instead of nothing; remove the folder"
    )
    with pytest.raises(ConfigError, match=f"{re.escape(str(run.folder))} {re.escape(words)}"):
        state_of(run)


def test_what_shows_and_records_a_run_is_no_difference(study):
    run = plan_runs(study)[0]
    leave_run(run)
    same = [text for text in run.overrides if not text.startswith(("tracking", "progress"))]
    leave_overrides(run.folder, [same[0], "seed=5", *same[1:], "tracking=none"])  # the last seed= decides
    assert state_of(run) == DONE
