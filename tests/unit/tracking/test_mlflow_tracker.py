"""What the tracker promises to a training run; what reaches the store is tested with whole processes elsewhere."""

from __future__ import annotations

import logging
import math
import os
import signal
import sqlite3
import time

import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.tracking import mlflow_run, mlflow_tracker
from intraday_rl.tracking.mlflow_tracker import MlflowTracker, status_after
from intraday_rl.tracking.signals import Interrupted, sigterm_interrupts
from intraday_rl.tracking.store import Store, project_store
from tests.support.mlflow_store import new_store, runs_of


@pytest.fixture
def store(tmp_path) -> Store:
    return new_store(tmp_path)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for 30 s"
        time.sleep(0.005)


def warnings_of(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and "intraday_rl" in r.name]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "FINISHED"),
        (DataError("no bars"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (Interrupted(15), "KILLED"),
        (SystemExit(), "FINISHED"),
        (SystemExit(0), "FINISHED"),
        (SystemExit(1), "FAILED"),
        (SystemExit("no bars"), "FAILED"),
        (SystemExit(130), "KILLED"),
        (SystemExit(143), "KILLED"),
        (GeneratorExit(), "FAILED"),
    ],
    ids=repr,
)
def test_status_after_each_kind_of_end(error, status):
    assert status_after(error) == status


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Interrupted)], ids=["SIGINT", "SIGTERM"]
)
def test_tracker_of_a_run_stopped_by_a_signal_ends_killed_with_its_values(store, number, error):
    def train() -> None:
        with sigterm_interrupts(), MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
            tracker.log_metrics({"sharpe": 1.0}, 8)
            os.kill(os.getpid(), number)
            time.sleep(10)

    with pytest.raises(error):
        train()
    run = runs_of(store)[0]
    assert (run.info.status, run.data.metrics) == ("KILLED", {"sharpe": 1.0})


def test_tracker_of_a_run_that_fails_ends_failed_and_passes_the_error_on(store):
    def train() -> None:
        with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
            tracker.log_metrics({"sharpe": 1.0}, 8)
            raise DataError("no bars")

    with pytest.raises(DataError, match="no bars"):
        train()
    run = runs_of(store)[0]
    assert (run.info.status, run.data.metrics) == ("FAILED", {"sharpe": 1.0})


def test_tracker_stores_values_that_are_finite_and_counts_the_others(store):
    with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
        tracker.log_metrics({"sharpe (30)": math.nan, "profit_factor": math.inf, "hit %": 0.5}, 8)
        tracker.log_metrics({"sharpe (30)": -1.25, "profit_factor": -math.inf}, 16)
    run = runs_of(store)[0]
    assert run.data.metrics == {"sharpe _30_": -1.25, "hit percent": 0.5}
    assert tracker.non_finite == {"profit_factor": 2, "sharpe (30)": 1}
    assert run.data.tags["non_finite_metrics"] == "profit_factor: 2, sharpe (30): 1"


def test_tracker_writes_waiting_values_without_being_asked(store, monkeypatch):
    monkeypatch.setattr(mlflow_run, "FLUSH_SECONDS", 0.05)
    with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
        tracker.log_metrics({"sharpe": 1.0}, 8)
        wait_until(lambda: any(run.data.metrics == {"sharpe": 1.0} for run in runs_of(store)))


def test_tracker_cuts_values_over_mlflows_limits(store):
    with MlflowTracker(store, "ppo", "name", {"long": "x" * 7000}, {"long": "y" * 9000}) as tracker:
        tracker.set_tags({"later %": "z"})
    run = runs_of(store)[0]
    assert len(run.data.params["long"]) == 6000
    assert len(run.data.tags["long"]) == 8000
    assert run.data.tags["later percent"] == "z"
    assert tracker.problem is None


def test_tracker_stores_more_parameters_and_tags_than_fit_one_call(store):
    params = {f"p{number}": number for number in range(250)}
    with MlflowTracker(store, "ppo", "name", params, {}) as tracker:
        tracker.set_tags({f"t{number}": str(number) for number in range(150)})
    run = runs_of(store)[0]
    assert run.data.params == {name: str(value) for name, value in params.items()}
    assert {run.data.tags[f"t{number}"] for number in range(150)} == {str(number) for number in range(150)}


def test_tracker_copies_files_and_folders(store, tmp_path):
    (tmp_path / "report.html").write_text("report")
    (tmp_path / "bundle" / "parts").mkdir(parents=True)
    (tmp_path / "bundle" / "parts" / "model.npz").write_text("model")
    with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
        tracker.log_artifacts(tmp_path / "report.html", None)
        tracker.log_artifacts(tmp_path / "bundle", "bundle")
    folder = store.artifacts / str(tracker.run_id) / "artifacts"
    assert (folder / "report.html").read_text() == "report"
    assert (folder / "bundle" / "parts" / "model.npz").read_text() == "model"


def test_tracker_reports_a_missing_artifact_and_goes_on(store, tmp_path, caplog):
    with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
        tracker.log_artifacts(tmp_path / "nothing", None)
        tracker.log_metrics({"sharpe": 1.0}, 8)
    run = runs_of(store)[0]
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"sharpe": 1.0})
    assert "nothing was not copied" in run.data.tags["tracking_problem"]
    first, last = warnings_of(caplog)
    assert "nothing was not copied" in first
    assert "0 metric values are missing" in last


def test_tracker_with_a_broken_store_warns_once_and_reports_at_the_end(tmp_path, caplog):
    (tmp_path / "experiments").write_text("a file where a folder should be")
    with MlflowTracker(project_store(tmp_path), "ppo", "name", {}, {}) as tracker:
        tracker.log_metrics({"sharpe": 1.0, "drawdown": 0.1}, 8)
        wait_until(lambda: tracker.problem is not None)
        tracker.log_metrics({"sharpe": 2.0}, 16)
        tracker.log_artifacts(tmp_path / "experiments", None)
        tracker.set_tags({"late": "yes"})
        assert len(warnings_of(caplog)) == 1
    assert tracker.run_id is None
    assert tracker.finish("FINISHED") is False
    first, last = warnings_of(caplog)
    assert "cannot be written" in first
    assert "3 metric values are missing" in last
    assert "\n" not in first + last


def test_tracker_whose_store_breaks_midway_still_sets_the_status_if_it_can(store, caplog):
    with MlflowTracker(store, "ppo", "name", {}, {}) as tracker:
        wait_until(lambda: tracker.run_id is not None)
        with sqlite3.connect(store.database) as connection:
            connection.execute("ALTER TABLE metrics RENAME TO elsewhere")
        connection.close()
        tracker.log_metrics({"sharpe": 1.0}, 8)
    with sqlite3.connect(store.database) as connection:
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]
    connection.close()
    assert tracker.problem is not None
    assert "no such table" in tracker.problem
    assert "1 metric values are missing" in warnings_of(caplog)[-1]


def test_tracker_waits_for_a_stuck_store_no_longer_than_it_says(store, monkeypatch, caplog):
    monkeypatch.setattr(mlflow_tracker, "FINISH_SECONDS", 0.1)
    monkeypatch.setattr(mlflow_run, "open_client", lambda store: time.sleep(3))
    tracker = MlflowTracker(store, "ppo", "name", {}, {})
    assert tracker.finish("FINISHED") is False
    assert tracker.problem == "the store did not answer within 0.1 s"
    assert len(warnings_of(caplog)) == 1


def test_tracker_finished_twice_keeps_the_first_status_and_takes_nothing_more(store):
    tracker = MlflowTracker(store, "ppo", "name", {}, {})
    assert tracker.finish("KILLED") is True
    tracker.log_metrics({"sharpe": 1.0}, 8)
    assert tracker.finish("FINISHED") is True
    run = runs_of(store)[0]
    assert (run.info.status, run.data.metrics) == ("KILLED", {})
