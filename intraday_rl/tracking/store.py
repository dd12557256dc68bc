"""The project's MLflow store: one sqlite file with its artifacts beside it.

Conventions: the database is `<project>/experiments/mlflow/mlflow.db` under its absolute path, artifacts lie in
`artifacts/` beside it. It is created once, under a file lock: built under another name and renamed when its schema
is complete, so a file of that name is always whole. MLflow is imported by the functions that need it (1.6 s). Its
telemetry is off, and its own log lines too: it raises what matters.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from intraday_rl.core.errors import TrackingError

LOCK_SECONDS = 120.0  # the first start of eight processes on a slow disk
CLOCK_TOLERANCE_SECONDS = 2.0  # a process's start time is read from a clock that may be set
PAGE_SIZE = 1000

HOST_TAG = "host"
PROCESS_TAG = "pid"
STARTED_TAG = "process_started"


@dataclass(frozen=True)
class Store:
    """Where the MLflow store lies.

    Attributes:
        folder: absolute path of the folder that holds database and artifacts.
    """

    folder: Path

    @property
    def database(self) -> Path:
        """The sqlite file."""
        return self.folder / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The folder of all runs' artifacts."""
        return self.folder / "artifacts"

    @property
    def uri(self) -> str:
        """The tracking address for MLflow, with the absolute path."""
        return f"sqlite:///{self.database.as_posix()}"


def project_store(project_root: Path) -> Store:
    """Return the store of the project in `project_root`, whether it exists or not."""
    return Store(project_root.resolve() / "experiments" / "mlflow")


def ensure_store(store: Store) -> None:
    """Create database and artifact folder unless they exist; safe when many processes start at once.

    Raises:
        TrackingError: another process holds the lock for too long, or the folder cannot be written.
    """
    if store.database.exists():
        return
    with _locked(store):
        if not store.database.exists():
            _create(store)


def open_client(store: Store) -> Any:
    """Return an `mlflow.MlflowClient` on the store, which is created if needed; imports MLflow.

    Raises:
        TrackingError: the store cannot be created or opened, or its schema belongs to another MLflow version.
    """
    ensure_store(store)
    mlflow = _import_mlflow()
    try:
        return mlflow.MlflowClient(tracking_uri=store.uri)
    except Exception as error:
        raise TrackingError(f"MLflow store {store.database} cannot be opened: {first_line(error)}") from error


def ensure_experiment(client: Any, store: Store, name: str) -> str:
    """Return the id of the experiment, which is created, or restored from MLflow's bin, if needed."""
    with _locked(store):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return str(client.create_experiment(name, artifact_location=store.artifacts.as_uri()))
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)


def process_tags() -> dict[str, str]:
    """Return the tags by which a later start finds out whether this process still lives."""
    started = psutil.Process().create_time()
    return {HOST_TAG: platform.node(), PROCESS_TAG: str(os.getpid()), STARTED_TAG: f"{started:.2f}"}


def process_is_gone(tags: Mapping[str, str]) -> bool:
    """Say whether the tags name a process of this host that has ended, even if its number was given out again."""
    if tags.get(HOST_TAG) != platform.node():
        return False
    try:
        number, started = int(tags[PROCESS_TAG]), float(tags[STARTED_TAG])
        process = psutil.Process(number)
        ended: bool = process.status() == psutil.STATUS_ZOMBIE
        successor: bool = abs(process.create_time() - started) > CLOCK_TOLERANCE_SECONDS
        return ended or successor
    except (KeyError, ValueError, psutil.AccessDenied):
        return False
    except psutil.NoSuchProcess:
        return True


def reap_stale_runs(store: Store) -> list[str]:
    """Set runs of this host whose process is gone from RUNNING to KILLED and return their ids.

    Runs of other hosts, and runs that carry no process tags, are left. The end time is the time of reaping; the tag
    `status_note` says so.
    """
    client = open_client(store)
    stale = [run for run in _running(client) if process_is_gone(run.data.tags)]
    for run in stale:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        note = f"process {run.data.tags[PROCESS_TAG]} was found gone at {now}; it ended earlier"
        client.set_tag(run.info.run_id, "status_note", note)
        client.set_terminated(run.info.run_id, status="KILLED")
    return [str(run.info.run_id) for run in stale]


def first_line(error: BaseException) -> str:
    """Return one line that says what happened: our own errors' text, or that of the error at the root of others."""
    while not isinstance(error, TrackingError):
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None:
            break
        error = earlier
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _running(client: Any) -> list[Any]:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    filter_string = "attributes.status = 'RUNNING'"
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs(experiments, filter_string, max_results=PAGE_SIZE, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


@contextmanager
def _locked(store: Store) -> Iterator[None]:
    try:
        store.artifacts.mkdir(parents=True, exist_ok=True)
        with FileLock(store.folder / "mlflow.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise TrackingError(
            f"MLflow store {store.folder} is locked by another process for over {LOCK_SECONDS:g} s; end that process"
        ) from error
    except OSError as error:
        raise TrackingError(f"MLflow store {store.folder} cannot be written: {first_line(error)}") from error


def _create(store: Store) -> None:
    """Build the schema under another name, then rename; the caller holds the lock."""
    _import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for left_over in store.folder.glob("creating-*"):
        left_over.unlink()
    building = store.folder / f"creating-{os.getpid()}.db"
    try:
        built = SqlAlchemyStore(f"sqlite:///{building.as_posix()}", store.artifacts.as_uri())  # type: ignore[no-untyped-call]
    except Exception as error:
        raise TrackingError(f"MLflow store {store.database} cannot be created: {first_line(error)}") from error
    built.engine.dispose()
    building.replace(store.database)


def _import_mlflow() -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before the import, which may send already
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    return mlflow
