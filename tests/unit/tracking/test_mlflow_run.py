"""A run in MLflow that goes on in another process: found again, at work again, and nothing in it twice."""

from __future__ import annotations

import json
import logging
import time

import pytest

from intraday_rl.tracking.mlflow_run import MlflowRun
from intraday_rl.tracking.mlflow_tracker import MlflowTracker
from intraday_rl.tracking.store import Store, open_client
from tests.support.mlflow_store import new_store, runs_of


@pytest.fixture
def store(tmp_path) -> Store:
    return new_store(tmp_path)


@pytest.fixture
def run_file(tmp_path):
    return tmp_path / "mlflow_run.json"


def begin(store, run_file, params=None) -> MlflowTracker:
    return MlflowTracker(store, "ppo", "name", params or {"seed": 1}, {"algo": "ppo"}, run_file)


def leave(store, run_file, logged) -> str:
    """Log values (step, metrics) in a first part that ends as if it had been killed and reaped; return the run's id."""
    tracker = begin(store, run_file)
    for step, metrics in logged:
        tracker.log_metrics(metrics, step)
    tracker.finish("KILLED")
    client = open_client(store)
    client.set_tag(tracker.run_id, "status_note", "process 1 was found gone")
    return str(tracker.run_id)


def values_of(store, run_id, name):
    history = open_client(store).get_metric_history(run_id, name)
    return sorted((metric.step, metric.value) for metric in history)


def test_run_is_remembered_in_its_file(store, run_file):
    run_id = leave(store, run_file, [])
    assert json.loads(run_file.read_text()) == {"store": str(store.folder), "run_id": run_id}


def test_run_goes_on_as_the_same_and_ends_as_it_should(store, run_file):
    run_id = leave(store, run_file, [(8, {"loss": 1.0})])
    tracker = begin(store, run_file, {"seed": 2})  # parameters are not logged again: MLflow would refuse another value
    deadline = time.monotonic() + 30
    while tracker.run_id is None and time.monotonic() < deadline:
        time.sleep(0.01)
    (running,) = runs_of(store)
    assert (running.info.run_id, running.info.status) == (run_id, "RUNNING")
    assert "status_note" not in running.data.tags
    tracker.log_metrics({"loss": 0.5}, 16)
    assert tracker.finish("FINISHED")
    (run,) = runs_of(store)
    assert (run.info.status, run.data.params) == ("FINISHED", {"seed": "1"})
    assert values_of(store, run_id, "loss") == [(8, 1.0), (16, 0.5)]


def test_values_that_the_store_has_are_not_stored_again(store, run_file):
    """The killed part got to step 24; the checkpoint was of step 8. At step 24 two values are meant to be there."""
    killed = [(8, {"loss": 1.0}), (16, {"loss": 0.5, "gain": 0.0}), (24, {"loss": 0.25}), (24, {"loss": 0.125})]
    run_id = leave(store, run_file, killed)
    with begin(store, run_file) as tracker:
        for step, metrics in [*killed[1:], (32, {"loss": 0.0, "gain": 1.0})]:
            tracker.log_metrics(metrics, step)
    assert values_of(store, run_id, "loss") == [(8, 1.0), (16, 0.5), (24, 0.125), (24, 0.25), (32, 0.0)]
    assert values_of(store, run_id, "gain") == [(16, 0.0), (32, 1.0)]
    assert tracker.unwritten() == []


def test_values_that_were_lost_with_the_process_are_stored_by_the_next(store, run_file):
    run_id = leave(store, run_file, [(8, {"loss": 1.0})])
    lost = [("loss", 1.0, 1_000, 8), ("loss", 0.5, 2_000, 16)]  # the first one reached the store after all
    with begin(store, run_file) as tracker:
        tracker.log_again(lost)
    assert values_of(store, run_id, "loss") == [(8, 1.0), (16, 0.5)]
    times = {m.step: m.timestamp for m in open_client(store).get_metric_history(run_id, "loss")}
    assert times[16] == 2_000


def test_unwritten_values_are_those_that_wait(store, monkeypatch):
    flushes = []
    flush = MlflowRun.flush
    monkeypatch.setattr(MlflowRun, "flush", lambda run: flushes.append(len(run.points)) or flush(run))
    tracker = MlflowTracker(store, "ppo", "name", {}, {})
    tracker.log_metrics({"loss": 1.0, "not": float("nan")}, 8)
    tracker.log_metrics({"loss": 0.5}, 16)
    assert [(point.name, point.value, point.step) for point in tracker.unwritten()] == [
        ("loss", 1.0, 8),
        ("loss", 0.5, 16),
    ]
    tracker.finish("FINISHED")
    assert sum(flushes) == 2
    assert tracker.unwritten() == []


@pytest.mark.parametrize("loss", ["deleted", "gone", "another store", "a damaged file"])
def test_run_that_is_not_there_any_more_goes_on_as_a_new_one_and_says_so(store, run_file, loss, caplog, tmp_path):
    run_id = leave(store, run_file, [(8, {"loss": 1.0})])
    if loss == "deleted":
        open_client(store).delete_run(run_id)
    elif loss == "gone":
        run_file.write_text(json.dumps({"store": str(store.folder), "run_id": "0" * 32}))
    elif loss == "another store":
        run_file.write_text(json.dumps({"store": str(tmp_path / "other"), "run_id": run_id}))
    else:
        run_file.write_text("{")
    with caplog.at_level(logging.WARNING), begin(store, run_file) as tracker:
        tracker.log_metrics({"loss": 0.5}, 16)
    assert tracker.run_id != run_id
    assert values_of(store, tracker.run_id, "loss") == [(16, 0.5)]
    assert json.loads(run_file.read_text())["run_id"] == tracker.run_id
    (line,) = [record.getMessage() for record in caplog.records if "intraday_rl" in record.name]
    assert "it goes on as a new run" in line
    assert "\n" not in line
