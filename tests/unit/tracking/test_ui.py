"""The command line of the pages; the server itself is tested with the store."""

from __future__ import annotations

import socket
import sys

import pytest

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.store import project_store
from intraday_rl.tracking.ui import free_port, ui_command, ui_environment


def test_ui_command_names_store_and_artifacts_by_absolute_paths(tmp_path):
    command = ui_command(project_store(tmp_path), "127.0.0.1", 5000)
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


def test_ui_environment_switches_off_telemetry_and_jobs(monkeypatch):
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")
    environment = ui_environment()
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_free_port_passes_over_a_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port("127.0.0.1", port)
    assert port < found <= port + 49


def test_free_port_refuses_an_address_of_another_machine():
    with pytest.raises(TrackingError, match=r"no port from 5000 on is free on 192\.0\.2\.1"):
        free_port("192.0.2.1", 5000)
