"""Runs of whole processes in the real MLflow store: how each end is recorded, and what comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from intraday_rl.tracking import mlflow_run
from intraday_rl.tracking.mlflow_tracker import MlflowTracker
from intraday_rl.tracking.store import Store, open_client, project_store, reap_stale_runs
from tests.support.mlflow_store import new_store, runs_of

PROJECT = Path(__file__).resolve().parents[2]

# Each program trains until its end comes: by itself, or by a signal once it has said "ready".
PROGRAM = """
import sys, time
from pathlib import Path
from intraday_rl.tracking import MlflowTracker, project_store, sigterm_interrupts

end, root = sys.argv[1], Path(sys.argv[2])
arguments = (project_store(root), "ends", end, {"end": end}, {"algo": "ppo"})

def train(tracker):
    tracker.log_metrics({"reward": 0.1}, 8)
    while tracker.run_id is None and tracker.problem is None:
        time.sleep(0.01)
    print("ready", flush=True)
    if end == "error":
        raise ValueError("no bars")
    if end == "exit outside a block":
        sys.exit(0)
    while end.startswith("SIG"):
        time.sleep(0.01)

if end == "exit outside a block":
    train(MlflowTracker(*arguments))
with sigterm_interrupts(), MlflowTracker(*arguments) as tracker:
    train(tracker)
"""
ENDS = {
    "success": "FINISHED",
    "error": "FAILED",
    "exit outside a block": "FAILED",
    "SIGINT": "KILLED",
    "SIGTERM": "KILLED",
    "SIGKILL": "KILLED",
}


def start(program: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> tuple[Store, dict[str, tuple[int, str]], Path]:
    """One store after six processes wrote to it at once, each with its exit status and error output."""
    root, elsewhere = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("elsewhere")
    store = new_store(root)
    processes = {end: start(PROGRAM, end, str(root), folder=elsewhere) for end in ENDS}
    outcomes = {}
    for end, process in processes.items():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if end.startswith("SIG"):
            process.send_signal(signal.Signals[end])
        errors = process.communicate(timeout=60)[1]
        outcomes[end] = (process.returncode, errors)
    return store, outcomes, elsewhere


def statuses_of(store: Store) -> dict[str, str]:
    return {run.info.run_name: run.info.status for run in runs_of(store)}


@pytest.mark.slow
def test_status_is_right_after_every_end(ended):
    store, outcomes, _ = ended
    if statuses_of(store)["SIGKILL"] == "RUNNING":  # nobody could set it: the next start does
        assert len(reap_stale_runs(store)) == 1
    assert statuses_of(store) == ENDS
    assert {end: status for end, (status, _) in outcomes.items()} == {
        "success": 0,
        "error": 1,
        "exit outside a block": 0,
        "SIGINT": -signal.SIGINT,
        "SIGTERM": 1,  # `Interrupted` that nobody caught; a command line turns it into its `exit_status`
        "SIGKILL": -signal.SIGKILL,
    }
    assert reap_stale_runs(store) == []


@pytest.mark.slow
def test_values_reach_the_store_at_every_end_but_a_kill(ended):
    store, _, _ = ended
    stored = {run.info.run_name: run.data.metrics for run in runs_of(store)}
    assert {end for end, metrics in stored.items() if metrics == {"reward": 0.1}} >= set(ENDS) - {"SIGKILL"}


@pytest.mark.slow
def test_runs_write_nothing_to_the_screen_or_the_working_folder(ended):
    _, outcomes, elsewhere = ended
    assert outcomes["success"][1] == ""
    assert list(elsewhere.iterdir()) == []


def test_metrics_come_back_exactly_and_parameters_are_searchable(tmp_path, capsys):
    store = new_store(tmp_path)
    values = [(step * 8, 0.1 * step - 1 / 3) for step in range(800)]
    params = {"algo": {"learning_rate": 0.0003, "engine": "sb3"}, "seed": 7}
    longest = 0.0
    with MlflowTracker(store, "ppo", "first", params, {"algo": "ppo", "data_source": "simulated"}) as tracker:
        for step, value in values:
            before = time.perf_counter()
            tracker.log_metrics({"reward": value, "hit_rate_%": value / 3}, step)
            longest = max(longest, time.perf_counter() - before)
    with MlflowTracker(store, "ppo", "second", {**params, "seed": 8}, {"algo": "ppo"}):
        pass
    with capsys.disabled():
        print(f"[longest of 800 log_metrics calls: {longest * 1e3:.3f} ms]", end=" ")
    client = open_client(store)
    for name, divisor in (("reward", 1), ("hit_rate_percent", 3)):
        history = client.get_metric_history(tracker.run_id, name)
        assert sorted((point.step, point.value) for point in history) == [(s, v / divisor) for s, v in values]
    experiment = client.get_experiment_by_name("ppo").experiment_id

    def search(condition: str) -> list[str]:
        return sorted(run.info.run_name for run in client.search_runs([experiment], condition))

    assert search("params.`algo.learning_rate` = '0.0003'") == ["first", "second"]
    assert search("params.seed = '7' and params.`algo.engine` = 'sb3'") == ["first"]
    assert search("tags.data_source = 'simulated'") == ["first"]
    assert search("metrics.reward > 70") == ["first"]


def test_800_metrics_of_one_step_are_written_in_one_batch(tmp_path, monkeypatch):
    store = new_store(tmp_path)
    batches = []
    flush = mlflow_run.MlflowRun.flush

    def count(run: Any) -> None:
        batches.append(len(run.points))
        flush(run)

    monkeypatch.setattr(mlflow_run.MlflowRun, "flush", count)
    metrics = {f"metric_{number}": number / 7 for number in range(800)}
    with MlflowTracker(store, "ppo", "many", {}, {}) as tracker:
        tracker.log_metrics(metrics, 8)
    assert runs_of(store)[0].data.metrics == metrics
    assert batches == [800]


@pytest.mark.slow
def test_eight_processes_that_start_at_once_create_one_store(tmp_path):
    store = project_store(tmp_path / "a project")
    store.artifacts.mkdir(parents=True)
    (store.folder / "creating-1.db").write_text("the rest of a creation that was killed")
    arguments = ("success", str(tmp_path / "a project"))
    processes = [start(PROGRAM, *arguments, folder=tmp_path) for _ in range(8)]
    outcomes = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert outcomes == [("", 0)] * 8
    assert [(run.info.status, run.data.metrics) for run in runs_of(store)] == [("FINISHED", {"reward": 0.1})] * 8
    client = open_client(store)
    assert sorted(experiment.name for experiment in client.search_experiments()) == ["Default", "ends"]
    assert client.get_experiment("0").artifact_location.startswith(store.artifacts.as_uri())
    assert [path.name for path in store.folder.glob("*.db")] == ["mlflow.db"]


SERVER = """
import sys
from pathlib import Path
from intraday_rl.tracking import project_store, serve_ui
sys.exit(serve_ui(project_store(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_pages_are_served_with_the_run_and_end_with_all_children(tmp_path, end):
    psutil = pytest.importorskip("psutil")
    store = new_store(tmp_path)
    (tmp_path / "report.html").write_text("the report")
    with MlflowTracker(store, "ppo", "shown", {"seed": 7}, {}) as tracker:
        tracker.log_metrics({"sharpe": 1.25}, 8)
        tracker.log_artifacts(tmp_path / "report.html", None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start(SERVER, str(tmp_path), str(port), folder=tmp_path)
        try:
            assert server.stdout is not None
            address = next(line.split()[1] for line in server.stdout if line.startswith("MLflow: http"))
            assert address != f"http://127.0.0.1:{port}"
            opener = build_opener(ProxyHandler({}))
            query = json.dumps({"experiment_ids": ["0", "1", "2"], "filter": "params.seed = '7'"}).encode()
            request = Request(f"{address}/api/2.0/mlflow/runs/search", query, {"Content-Type": "application/json"})
            runs = json.load(opener.open(request, timeout=30))["runs"]
            assert [(run["info"]["run_name"], run["info"]["status"]) for run in runs] == [("shown", "FINISHED")]
            assert runs[0]["data"]["metrics"][0]["value"] == 1.25
            artifact = f"{address}/get-artifact?path=report.html&run_uuid={tracker.run_id}"
            assert opener.open(artifact, timeout=30).read() == b"the report"
            assert b"<html" in opener.open(address, timeout=30).read()
            children = psutil.Process(server.pid).children(recursive=True)
            assert 1 <= len(children) <= 3
            server.send_signal(end)
            assert server.wait(30) == 0
            assert psutil.wait_procs(children, timeout=5)[1] == []
        finally:
            server.kill()
            server.communicate()
    assert not (tmp_path / "mlruns").exists()
