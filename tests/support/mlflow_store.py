"""MLflow stores for tests: one template is migrated for each test process, each test gets a copy of it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from intraday_rl.tracking.store import Store, ensure_store, project_store


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="store-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = project_store(folder)
    ensure_store(store)
    return store.database


def new_store(project_root: Path) -> Store:
    """Return an empty store with the complete schema in `project_root`."""
    store = project_store(project_root)
    store.artifacts.mkdir(parents=True)
    shutil.copy(_template(), store.database)
    return store


def runs_of(store: Store) -> list[Any]:
    """Return all runs of all experiments, read with a client of our own."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments))
