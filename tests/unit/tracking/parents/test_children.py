"""What is recorded on a run that another process made."""

from __future__ import annotations

import logging

import pytest

from intraday_rl.tracking.mlflow_tracker import MlflowTracker
from intraday_rl.tracking.parents import children, log_to_run, recorded_run_id, tag_run
from intraday_rl.tracking.store import Store
from tests.support.mlflow_store import new_store, runs_of


@pytest.fixture
def store(tmp_path) -> Store:
    return new_store(tmp_path)


@pytest.fixture
def trial(store, tmp_path) -> str:
    """The id of a finished run."""
    with MlflowTracker(store, "front", "0", {}, {}, tmp_path / "mlflow_run.json") as tracker:
        tracker.log_metrics({"test/profit_factor": 1.25}, 100)
    return str(tracker.run_id)


def test_run_of_a_trial_is_found_by_its_file(store, trial, tmp_path):
    assert recorded_run_id(tmp_path / "mlflow_run.json", store) == trial
    assert recorded_run_id(tmp_path / "elsewhere.json", store) is None
    assert recorded_run_id(tmp_path / "mlflow_run.json", Store(tmp_path / "another")) is None
    (tmp_path / "mlflow_run.json").write_text("[1]")
    assert recorded_run_id(tmp_path / "mlflow_run.json", store) is None


def test_objectives_and_tags_come_to_a_run_that_has_ended(store, trial):
    assert log_to_run(store, trial, {"objective/profit_factor": 1.5, "objective/max_drawdown": float("inf")})
    assert log_to_run(store, trial, {"objective/profit_factor": 1.25})  # once more: the last one is shown
    assert tag_run(store, trial, {"state": "feasible"})
    (run,) = runs_of(store)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"test/profit_factor": 1.25, "objective/profit_factor": 1.25}
    assert run.data.tags["state"] == "feasible"


def test_trouble_is_said_once_and_raised_never(store, caplog, monkeypatch):
    monkeypatch.setattr(children, "_said", set())
    with caplog.at_level(logging.WARNING):
        assert not log_to_run(store, "0" * 32, {"objective/profit_factor": 1.5})
        assert not tag_run(store, "0" * 32, {"state": "feasible"})
    (line,) = [record.getMessage() for record in caplog.records if "intraday_rl" in record.name]
    assert line.startswith(f"MLflow: run {'0' * 32} could not be written: ")
    assert "\n" not in line
