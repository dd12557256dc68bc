"""The background thread's side of a run in MLflow: its client, the run, and the values that wait for the next batch.

A run that is gone on with is found again by its run file; what the store holds of it already is not written twice.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from intraday_rl.tracking.params import MAX_TAG_LENGTH, allowed_name, cut
from intraday_rl.tracking.store import Store, ensure_experiment, first_line, open_client, reap_stale_runs

Status = Literal["FINISHED", "FAILED", "KILLED"]

FLUSH_SECONDS = 10.0
MAX_BATCH_METRICS = 1000  # MLflow's limits for one call
MAX_BATCH_PARAMS = 100
STATUS_NOTE = "status_note"  # tag of a run whose process was found gone
PARENT_TAG = "mlflow.parentRunId"  # MLflow's own: the id of the run below which a run is shown

_logger = logging.getLogger(__name__)


class Point(NamedTuple):
    """A value of a metric, under its allowed name."""

    name: str
    value: float
    timestamp_ms: int
    step: int


class Artifacts(NamedTuple):
    """A file or folder to copy."""

    path: Path
    artifact_path: str | None


class Start(NamedTuple):
    """What the run is created with, and the file that remembers it; None = it is not remembered."""

    store: Store
    experiment: str
    run_name: str
    params: dict[str, str]
    tags: dict[str, str]
    run_file: Path | None


class MlflowRun:
    """The run.

    Attributes:
        run_id: MLflow's id.
        points: values that wait.
    """

    def __init__(self, start: Start, on_written: Callable[[int], None]) -> None:
        """Open the store, set stale runs right, and find the run again or create it with its tags and parameters.

        Args:
            start: the run.
            on_written: told how many more of the values, in their order, are in the store.
        """
        self._client = open_client(start.store)
        self._on_written = on_written
        reap_stale_runs(start.store)
        self.points: list[Point] = []
        self._flush_at = math.inf
        self._held: Counter[tuple[str, int]] = Counter()  # name and step of values that the store had when we came
        self.run_id = self._find(start) or self._create(start)

    def seconds_to_flush(self) -> float | None:
        """Return how long the thread may wait for the next message, None for as long as it likes."""
        return max(0.0, self._flush_at - time.monotonic()) if self.points else None

    def add(self, points: list[Point]) -> None:
        """Keep the values for the next batch; write when they fill one or have waited long enough."""
        if not self.points:
            self._flush_at = time.monotonic() + FLUSH_SECONDS
        self.points.extend(points)
        if len(self.points) >= MAX_BATCH_METRICS or time.monotonic() >= self._flush_at:
            self.flush()

    def flush(self) -> None:
        """Write the values that wait, but for those that the store has."""
        from mlflow.entities import Metric

        while self.points:
            batch = self.points[:MAX_BATCH_METRICS]
            new = [point for point in batch if not self._is_held(point)]
            metrics = [Metric(point.name, point.value, point.timestamp_ms, point.step) for point in new]
            if metrics:
                self._client.log_batch(self.run_id, metrics=metrics, synchronous=True)
            del self.points[:MAX_BATCH_METRICS]
            self._on_written(len(batch))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Write tags."""
        from mlflow.entities import RunTag

        for batch in _batches([RunTag(name, value) for name, value in tags.items()]):
            self._client.log_batch(self.run_id, tags=batch, synchronous=True)

    def log_artifacts(self, artifacts: Artifacts) -> None:
        """Copy a file or the contents of a folder."""
        log = self._client.log_artifacts if artifacts.path.is_dir() else self._client.log_artifact
        log(self.run_id, str(artifacts.path), artifacts.artifact_path)

    def end(self, status: Status, problem: str | None, non_finite: Mapping[str, int]) -> None:
        """Write what went wrong as tags, then the status."""
        notes = {"tracking_problem": problem} if problem else {}
        if non_finite:
            notes["non_finite_metrics"] = ", ".join(f"{name}: {count}" for name, count in sorted(non_finite.items()))
        self.set_tags(allowed_tags(notes))
        self._client.set_terminated(self.run_id, status=status)

    def _create(self, start: Start) -> str:
        experiment_id = ensure_experiment(self._client, start.store, start.experiment)
        run = self._client.create_run(experiment_id, run_name=start.run_name, tags=start.tags)
        run_id = str(run.info.run_id)
        if start.run_file is not None:
            _remember(start.run_file, start.store, run_id)
        self._log_params(run_id, start.params)
        return run_id

    def _find(self, start: Start) -> str | None:
        """Return the id of the run that the file remembers, which is at work again; None = there is none."""
        if start.run_file is None or not start.run_file.is_file():
            return None
        try:
            run_id = remembered_id(start.run_file, start.store)
            run = self._client.get_run(run_id)
            if run.info.lifecycle_stage == "deleted":
                raise ValueError("it was deleted")
        except Exception as error:  # whatever the store or the file says
            _logger.warning("the run's former part is not in MLflow (%s): it goes on as a new run", first_line(error))
            return None
        for name in run.data.metrics:
            history = self._client.get_metric_history(run_id, name)
            self._held.update((name, metric.step) for metric in history)
        for name, value in start.tags.items():  # those of this process first: a run at work without one is stale
            self._client.set_tag(run_id, name, value)
        self._client.update_run(run_id, status="RUNNING")
        if STATUS_NOTE in run.data.tags:
            self._client.delete_tag(run_id, STATUS_NOTE)
        return run_id

    def _is_held(self, point: Point) -> bool:
        """Say whether the store has the value, each of whose values is met again once."""
        key = (point.name, point.step)
        if self._held[key] == 0:
            return False
        self._held[key] -= 1
        return True

    def _log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        for batch in _batches([Param(name, value) for name, value in params.items()]):
            self._client.log_batch(run_id, params=batch, synchronous=True)


def allowed_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags with names and lengths that MLflow takes."""
    return {allowed_name(name): cut(str(value), MAX_TAG_LENGTH) for name, value in tags.items()}


def remembered_id(run_file: Path, store: Store) -> str:
    """Return the id of the run that the file remembers.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or its run is in another store.
    """
    try:
        remembered = json.loads(run_file.read_text(encoding="utf-8"))
        run_id, folder = str(remembered["run_id"]), remembered["store"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{run_file} is damaged") from error
    if folder != str(store.folder):
        raise ValueError(f"it is in {folder}")
    return run_id


def _remember(run_file: Path, store: Store, run_id: str) -> None:
    new = run_file.with_name(run_file.name + ".new")
    new.write_text(json.dumps({"store": str(store.folder), "run_id": run_id}) + "\n", encoding="utf-8")
    new.replace(run_file)


def _batches(items: list[Any]) -> Iterable[list[Any]]:
    return (items[first : first + MAX_BATCH_PARAMS] for first in range(0, len(items), MAX_BATCH_PARAMS))
