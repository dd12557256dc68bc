"""The command line of MLflow's pages; the server itself is tested with the store."""

from __future__ import annotations

import sys

from intraday_rl.tracking.pages.mlflow_pages import mlflow_pages
from intraday_rl.tracking.store import project_store


def test_command_names_store_and_artifacts_by_absolute_paths(tmp_path):
    command = mlflow_pages(project_store(tmp_path)).command("127.0.0.1", 5000)
    folder = tmp_path / "experiments" / "mlflow"
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--backend-store-uri": f"sqlite:///{folder}/mlflow.db",
        "--default-artifact-root": f"file://{folder}/artifacts",
        "--artifacts-destination": f"file://{folder}/artifacts",
        "--host": "127.0.0.1",
        "--port": "5000",
        "--workers": "1",
    }


def test_telemetry_and_jobs_are_off(tmp_path):
    environment = mlflow_pages(project_store(tmp_path)).environment
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
