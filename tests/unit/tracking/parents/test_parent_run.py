"""The run above others: it stands there at once, holds what is told after each trial, and goes on after a restart."""

from __future__ import annotations

import logging

import pytest

from intraday_rl.tracking.parents import ParentRun
from intraday_rl.tracking.store import Store, open_client, project_store
from tests.support.mlflow_store import new_store, runs_of

PARAMS = {"n_trials": 3, "space": {"algo.gamma": "interval(0.9,1)"}}


@pytest.fixture
def store(tmp_path) -> Store:
    return new_store(tmp_path)


def begin(store: Store, folder) -> ParentRun:
    return ParentRun(store, "front", "sweep", PARAMS, {"algo": "ppo"}, folder / "mlflow_run.json")


def values_of(store, run_id, name):
    history = open_client(store).get_metric_history(run_id, name)
    return sorted((metric.step, metric.value) for metric in history)


def test_parent_holds_parameters_tags_progress_and_results(store, tmp_path):
    (tmp_path / "pareto.csv").write_text("trial\n")
    (tmp_path / "ensemble" / "members").mkdir(parents=True)
    (tmp_path / "ensemble" / "members" / "a.json").write_text("{}")
    with begin(store, tmp_path) as parent:
        parent.log_trial(0, {"hypervolume": 0.25, "never": float("nan")})
        parent.log_trial(1, {"hypervolume": 0.5})
        parent.set_tags({"front": "0, 1"})
        parent.log_results(tmp_path, ("pareto.csv", "pareto.html", "ensemble"))
    (run,) = runs_of(store)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "sweep")
    assert run.data.params == {"n_trials": "3", "space.algo.gamma": "interval(0.9,1)"}
    assert {name: run.data.tags[name] for name in ("study", "algo", "front")} == {
        "study": "front",
        "algo": "ppo",
        "front": "0, 1",
    }
    assert values_of(store, run.info.run_id, "hypervolume") == [(0, 0.25), (1, 0.5)]
    client = open_client(store)
    assert [entry.path for entry in client.list_artifacts(run.info.run_id)] == ["ensemble", "pareto.csv"]
    assert [entry.path for entry in client.list_artifacts(run.info.run_id, "ensemble/members")] == [
        "ensemble/members/a.json"
    ]


def test_parent_is_known_before_anything_else_is_recorded(store, tmp_path):
    with begin(store, tmp_path) as parent:
        run_id = parent.wait_for_id(60.0)
        (run,) = runs_of(store)
        assert (run.info.run_id, run.info.status) == (run_id, "RUNNING")


def test_parent_goes_on_after_a_restart_and_holds_every_trial_once(store, tmp_path):
    def sweep() -> None:
        with begin(store, tmp_path) as parent:
            parent.log_trial(0, {"hypervolume": 0.25})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep()
    assert [run.info.status for run in runs_of(store)] == ["KILLED"]
    with begin(store, tmp_path) as parent:
        parent.log_trial(0, {"hypervolume": 0.25})
        parent.log_trial(1, {"hypervolume": 0.5})
    (run,) = runs_of(store)
    assert run.info.status == "FINISHED"
    assert values_of(store, run.info.run_id, "hypervolume") == [(0, 0.25), (1, 0.5)]


def test_store_that_cannot_be_used_ends_nothing(tmp_path, caplog):
    store = project_store(tmp_path)
    store.folder.parent.mkdir(parents=True)
    store.folder.write_text("a file where the store should be")
    with caplog.at_level(logging.WARNING), begin(store, tmp_path) as parent:
        assert parent.wait_for_id(60.0) is None
        parent.log_trial(0, {"hypervolume": 0.25})
        parent.log_results(tmp_path, ("pareto.csv",))
        assert not parent.finish("FINISHED")
    said = [record.getMessage() for record in caplog.records if "intraday_rl" in record.name]
    assert len(said) == 2  # when it happens, and at the end what is missing
    assert "cannot be written" in said[0]
