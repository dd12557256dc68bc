"""One run in MLflow, written by a thread in the background, so that training never waits for the store.

Conventions: every call returns within microseconds; the import of MLflow, the creation of the store and all writing
happen in one thread fed by a queue. Make the tracker after the program's own heavy imports, so that two threads do
not import at once. Metrics are written in batches every FLUSH_SECONDS; a killed process loses at most
those. Times of metrics are the times of the calls. Tracking never ends a run: when the store fails, one line is
logged, the tracker turns itself off, and `finish` says once more what is missing. Values that are not finite are
counted, not stored, since MLflow keeps infinity as 1.8e308.
"""

from __future__ import annotations

import atexit
import logging
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from intraday_rl.tracking.params import MAX_TAG_LENGTH, UniqueNames, allowed_name, cut, flatten
from intraday_rl.tracking.store import (
    Store,
    ensure_experiment,
    first_line,
    open_client,
    process_tags,
    reap_stale_runs,
)

Status = Literal["FINISHED", "FAILED", "KILLED"]

FLUSH_SECONDS = 10.0
FINISH_SECONDS = 60.0  # how long `finish` waits for the thread
MAX_BATCH_METRICS = 1000  # MLflow's limits for one call
MAX_BATCH_PARAMS = 100
SIGNAL_STATUSES = (130, 143)  # what shells report after SIGINT and SIGTERM

_logger = logging.getLogger(__name__)


class _Point(NamedTuple):
    name: str
    value: float
    timestamp_ms: int
    step: int


class _Tags(NamedTuple):
    tags: dict[str, str]


class _Artifacts(NamedTuple):
    path: Path
    artifact_path: str | None


class _Finish(NamedTuple):
    status: Status


_Message = list[_Point] | _Tags | _Artifacts | _Finish


class _Start(NamedTuple):
    """What the run is created with."""

    store: Store
    experiment: str
    run_name: str
    params: dict[str, str]
    tags: dict[str, str]


class MlflowTracker:
    """A run of one experiment. As a context manager it ends with the status that the block's outcome deserves.

    Attributes:
        run_id: MLflow's id, None until the thread has created the run.
        problem: why tracking is off or incomplete, None while all is well.
        non_finite: how many values of each metric were left out because they were NaN or infinite.
    """

    def __init__(
        self, store: Store, experiment: str, run_name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Start the run; returns before it exists.

        Args:
            store: the project's store; it is created if needed, and its stale runs are set to KILLED.
            experiment: name of the experiment, which is created if needed.
            run_name: the name shown.
            params: nested configuration, stored flat with dotted names, each value searchable as text.
            tags: searchable text about the run, such as algo, data_source, git_commit. Host and process are added.
        """
        self.run_id: str | None = None
        self.problem: str | None = None
        self.non_finite: Counter[str] = Counter()
        self._is_off = False
        self._refused_values = 0  # turned away by the calls
        self._unwritten_values = 0  # accepted, then lost by the thread
        self._names = UniqueNames()
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._finished = False
        start = _Start(store, experiment, run_name, flatten(params), _tags({**tags, **process_tags()}))
        self._thread = threading.Thread(target=self._work, args=(start,), name="mlflow", daemon=True)
        self._thread.start()
        atexit.register(self._finish_at_exit)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Store the finite values under their (allowed) names at `step`, the total of environment steps."""
        now_ms = time.time_ns() // 1_000_000
        points = []
        for name, value in metrics.items():
            number = float(value)
            if math.isfinite(number):
                points.append(_Point(self._names.allowed(name), number, now_ms, int(step)))
            else:
                self.non_finite[name] += 1
        self._send(points)

    def log_artifacts(self, path: Path, artifact_path: str | None) -> None:
        """Copy a file, or a folder's contents, into the run's artifacts, below `artifact_path` if given.

        The copy is made by the thread: leave the files in place until `finish` has returned.
        """
        self._send(_Artifacts(Path(path), artifact_path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set searchable text on the run; a tag set again is replaced."""
        self._send(_Tags(_tags(tags)))

    def finish(self, status: Status) -> bool:
        """Write what is left, set the run's status and say whether all of it reached the store.

        Waits FINISH_SECONDS at most. Further calls do nothing but give the same answer.
        """
        if not self._finished:
            self._finished = True
            atexit.unregister(self._finish_at_exit)
            self._messages.put(_Finish(status))
            self._thread.join(FINISH_SECONDS)
            if self._thread.is_alive() and self.problem is None:
                self.problem = f"the store did not answer within {FINISH_SECONDS:g} s"
            self._report()
        return self.problem is None

    def __enter__(self) -> Self:
        """Return the tracker."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the run as FINISHED, as KILLED after a signal, as FAILED after any other error."""
        self.finish(status_after(error))

    def _finish_at_exit(self) -> None:
        self.finish("FAILED")  # nobody said how the run ended

    def _send(self, message: list[_Point] | _Tags | _Artifacts) -> None:
        if not self._is_off and not self._finished:
            self._messages.put(message)
        elif isinstance(message, list):
            self._refused_values += len(message)

    def _report(self) -> None:
        if self.non_finite:
            names = ", ".join(f"{name} ({count})" for name, count in sorted(self.non_finite.items()))
            _logger.info("values that were not finite are not in MLflow: %s", names)
        if self.problem is not None:
            run = f"run {self.run_id}" if self.run_id else "this run"
            _logger.warning(
                "MLflow does not hold all of %s (%d metric values are missing): %s; the run folder has everything",
                run,
                self._refused_values + self._unwritten_values,
                self.problem,
            )

    # --- below: the background thread ---

    def _work(self, start: _Start) -> None:
        run: _Run | None = None
        status: Status | None = None
        try:
            run = _Run(start)
            self.run_id = run.run_id
            status = self._serve(run)
            run.flush()
            run.end(status, self.problem, self.non_finite)
        except Exception as error:
            self._is_off = True
            self._unwritten_values += len(run.points) if run is not None else 0
            self._note(f"tracking is off for this run: {first_line(error)}")
            self._end_after_failure(run, status)

    def _serve(self, run: _Run) -> Status:
        """Take in what arrives until the run is to end; return its status."""
        while True:
            try:
                message = self._messages.get(timeout=run.seconds_to_flush())
            except queue.Empty:
                run.flush()
                continue
            if isinstance(message, _Finish):
                return message.status
            self._store(run, message)

    def _store(self, run: _Run, message: list[_Point] | _Tags | _Artifacts) -> None:
        if isinstance(message, list):
            run.add(message)
        elif isinstance(message, _Tags):
            run.set_tags(message.tags)
        else:
            try:
                run.log_artifacts(message)
            except OSError as error:  # a file is gone or the disk is full: metrics may still be written
                self._note(f"{message.path} was not copied: {first_line(error)}")

    def _note(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            _logger.warning("MLflow: %s", problem)

    def _end_after_failure(self, run: _Run | None, status: Status | None) -> None:
        """Count what can no longer be stored, then try once to give the run its status."""
        while status is None:
            message = self._messages.get()
            if isinstance(message, _Finish):
                status = message.status
            elif isinstance(message, list):
                self._unwritten_values += len(message)
        if run is not None:
            try:
                run.end(status, self.problem, self.non_finite)
            except Exception as error:
                _logger.debug("the run's status was not stored either: %s", first_line(error))


class _Run:
    """The thread's side of the run: MLflow's client and the values that wait for the next batch."""

    def __init__(self, start: _Start) -> None:
        """Open the store, set stale runs right, create the run with its tags and parameters."""
        self._client = open_client(start.store)
        reap_stale_runs(start.store)
        experiment_id = ensure_experiment(self._client, start.store, start.experiment)
        run = self._client.create_run(experiment_id, run_name=start.run_name, tags=start.tags)
        self.run_id = str(run.info.run_id)
        self.points: list[_Point] = []
        self._flush_at = math.inf
        self._log_params(start.params)

    def seconds_to_flush(self) -> float | None:
        """Return how long the thread may wait for the next message, None for as long as it likes."""
        return max(0.0, self._flush_at - time.monotonic()) if self.points else None

    def add(self, points: list[_Point]) -> None:
        """Keep the values for the next batch; write when they fill one or have waited long enough."""
        if not self.points:
            self._flush_at = time.monotonic() + FLUSH_SECONDS
        self.points.extend(points)
        if len(self.points) >= MAX_BATCH_METRICS or time.monotonic() >= self._flush_at:
            self.flush()

    def flush(self) -> None:
        """Write the values that wait."""
        from mlflow.entities import Metric

        while self.points:
            batch = self.points[:MAX_BATCH_METRICS]
            metrics = [Metric(point.name, point.value, point.timestamp_ms, point.step) for point in batch]
            self._client.log_batch(self.run_id, metrics=metrics, synchronous=True)
            del self.points[:MAX_BATCH_METRICS]

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Write tags."""
        from mlflow.entities import RunTag

        for batch in _batches([RunTag(name, value) for name, value in tags.items()]):
            self._client.log_batch(self.run_id, tags=batch, synchronous=True)

    def log_artifacts(self, artifacts: _Artifacts) -> None:
        """Copy a file or the contents of a folder."""
        log = self._client.log_artifacts if artifacts.path.is_dir() else self._client.log_artifact
        log(self.run_id, str(artifacts.path), artifacts.artifact_path)

    def end(self, status: Status, problem: str | None, non_finite: Mapping[str, int]) -> None:
        """Write what went wrong as tags, then the status."""
        notes = {"tracking_problem": problem} if problem else {}
        if non_finite:
            notes["non_finite_metrics"] = ", ".join(f"{name}: {count}" for name, count in sorted(non_finite.items()))
        self.set_tags(_tags(notes))
        self._client.set_terminated(self.run_id, status=status)

    def _log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        for batch in _batches([Param(name, value) for name, value in params.items()]):
            self._client.log_batch(self.run_id, params=batch, synchronous=True)


def status_after(error: BaseException | None) -> Status:
    """Return the status of a run whose block ended with `error`, None for none.

    Ctrl-C, SIGTERM (`Interrupted`) and exits with a signal's status are KILLED; `sys.exit(0)` is FINISHED.
    """
    if error is None:
        return "FINISHED"
    if isinstance(error, KeyboardInterrupt):
        return "KILLED"
    if isinstance(error, SystemExit):
        if error.code in SIGNAL_STATUSES:
            return "KILLED"
        return "FINISHED" if error.code in (None, 0) else "FAILED"
    return "FAILED"


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {allowed_name(name): cut(str(value), MAX_TAG_LENGTH) for name, value in tags.items()}


def _batches(items: list[Any]) -> Iterable[list[Any]]:
    return (items[first : first + MAX_BATCH_PARAMS] for first in range(0, len(items), MAX_BATCH_PARAMS))
