"""The store's place, its creation and its stale runs."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking import store as store_module
from intraday_rl.tracking.store import (
    Store,
    ensure_experiment,
    ensure_store,
    open_client,
    process_is_gone,
    process_tags,
    project_store,
    reap_stale_runs,
)
from tests.support.mlflow_store import new_store


@pytest.fixture
def store(tmp_path) -> Store:
    return new_store(tmp_path)


@pytest.fixture
def ended_process() -> dict[str, str]:
    """Tags of a process of this host that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {"host": platform.node(), "pid": str(process.pid), "process_started": "1000000000.00"}


def test_project_store_lies_under_experiments_with_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = project_store(Path("."))
    assert store.database == tmp_path / "experiments" / "mlflow" / "mlflow.db"
    assert store.artifacts == tmp_path / "experiments" / "mlflow" / "artifacts"
    assert store.uri == f"sqlite:///{tmp_path}/experiments/mlflow/mlflow.db"


def test_ensure_store_leaves_an_existing_one_alone(store):
    before = store.database.read_bytes()
    ensure_store(store)
    assert store.database.read_bytes() == before


def test_ensure_store_waits_no_longer_than_the_lock_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.05)
    store = project_store(tmp_path)
    store.artifacts.mkdir(parents=True)
    with (
        store_module.FileLock(store.folder / "mlflow.lock"),
        pytest.raises(TrackingError, match=r"is locked by another process for over 0\.05 s"),
    ):
        ensure_store(store)


def test_ensure_store_refuses_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "experiments").write_text("a file")
    with pytest.raises(TrackingError, match="cannot be written"):
        ensure_store(project_store(tmp_path))


def test_open_client_refuses_a_file_that_is_no_database(tmp_path):
    store = project_store(tmp_path)
    store.artifacts.mkdir(parents=True)
    store.database.write_text("this is not a database" * 100)
    with pytest.raises(TrackingError, match=r"mlflow\.db cannot be opened") as caught:
        open_client(store)
    assert "\n" not in str(caught.value)


def test_open_client_refuses_the_schema_of_another_version_and_says_what_to_do(store):
    with sqlite3.connect(store.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    connection.close()
    with pytest.raises(TrackingError, match="mlflow db upgrade"):
        open_client(store)


def test_ensure_experiment_gives_one_id_and_restores_a_deleted_experiment(store):
    client = open_client(store)
    first = ensure_experiment(client, store, "ppo")
    assert ensure_experiment(client, store, "ppo") == first
    assert client.get_experiment(first).artifact_location == store.artifacts.as_uri()
    client.delete_experiment(first)
    assert ensure_experiment(client, store, "ppo") == first
    assert client.get_experiment(first).lifecycle_stage == "active"


def test_ensure_experiment_of_eight_threads_gives_one_id(store):
    client, ids = open_client(store), []
    threads = [threading.Thread(target=lambda: ids.append(ensure_experiment(client, store, "sac"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_process_is_gone_is_false_for_this_process():
    assert not process_is_gone(process_tags())


def test_process_is_gone_is_true_after_its_end(ended_process):
    assert process_is_gone(ended_process)


def test_process_is_gone_is_true_when_its_number_was_given_out_again():
    assert process_is_gone({**process_tags(), "process_started": "1000000000.00"})


@pytest.mark.parametrize(
    "change", [{"host": "elsewhere"}, {"pid": "many"}, {"process_started": ""}], ids=["host", "pid", "started"]
)
def test_process_is_gone_is_false_where_it_cannot_be_known(ended_process, change):
    assert not process_is_gone({**ended_process, **change})
    assert not process_is_gone({})


def test_reap_sets_only_runs_of_gone_processes_of_this_host_to_killed(store, ended_process):
    client = open_client(store)
    experiment = ensure_experiment(client, store, "ppo")

    def run(tags: dict[str, str]) -> str:
        return client.create_run(experiment, tags=tags).info.run_id

    gone, living, elsewhere = run(ended_process), run(process_tags()), run({**ended_process, "host": "elsewhere"})
    foreign, ended = run({}), run(ended_process)
    client.set_terminated(ended, "FAILED")

    assert reap_stale_runs(store) == [gone]
    statuses = {name: client.get_run(name).info.status for name in (gone, living, elsewhere, foreign, ended)}
    assert statuses == {gone: "KILLED", living: "RUNNING", elsewhere: "RUNNING", foreign: "RUNNING", ended: "FAILED"}
    assert f"process {ended_process['pid']} was found gone" in client.get_run(gone).data.tags["status_note"]
    assert reap_stale_runs(store) == []


def test_process_tags_name_this_process():
    assert process_tags()["pid"] == str(os.getpid())
    assert process_tags()["host"] == platform.node()
