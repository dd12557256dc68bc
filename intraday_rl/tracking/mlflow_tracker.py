"""One run in MLflow, written by a thread in the background, so that training never waits for the store.

Conventions: every call returns within microseconds; the import of MLflow, the creation of the store and all writing
happen in one thread fed by a queue. Make the tracker after the program's own heavy imports, so that two threads do
not import at once. Metrics are written in batches every `mlflow_run.FLUSH_SECONDS`; a killed process loses at most
those, and `unwritten` tells which they would be. A run whose run file exists is gone on with. Times of metrics are the
times of the calls. Tracking never ends a run: when the store fails, one line is logged, the tracker turns itself off,
and `finish` says once more what is missing. Values that are not finite are counted, not stored, since MLflow keeps
infinity as 1.8e308.
"""

from __future__ import annotations

import atexit
import logging
import math
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from intraday_rl.tracking.mlflow_run import Artifacts, MlflowRun, Point, Start, Status, allowed_tags
from intraday_rl.tracking.params import UniqueNames, flatten
from intraday_rl.tracking.store import Store, first_line, process_tags

FINISH_SECONDS = 60.0  # how long `finish` waits for the thread
SIGNAL_STATUSES = (130, 143)  # what shells report after SIGINT and SIGTERM

_logger = logging.getLogger(__name__)


class _Tags(NamedTuple):
    tags: dict[str, str]


class _Finish(NamedTuple):
    status: Status


_Message = list[Point] | _Tags | Artifacts | _Finish


class MlflowTracker:
    """A run of one experiment. As a context manager it ends with the status that the block's outcome deserves.

    Attributes:
        run_id: MLflow's id, None until the thread has created the run.
        problem: why tracking is off or incomplete, None while all is well.
        non_finite: how many values of each metric were left out because they were NaN or infinite.
    """

    def __init__(
        self,
        store: Store,
        experiment: str,
        run_name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        run_file: Path | None = None,
    ) -> None:
        """Start the run; returns before it exists.

        Args:
            store: the project's store; it is created if needed, and its stale runs are set to KILLED.
            experiment: name of the experiment, which is created if needed.
            run_name: the name shown.
            params: nested configuration, stored flat with dotted names, each value searchable as text.
            tags: searchable text about the run, such as algo, data_source, git_commit. Host and process are added.
            run_file: remembers MLflow's run; if it is there, that run goes on, and what it holds is not stored twice.
        """
        self.run_id: str | None = None
        self.problem: str | None = None
        self.non_finite: Counter[str] = Counter()
        self._is_off = False
        self._refused_values = 0  # turned away by the calls
        self._unwritten_values = 0  # accepted, then lost by the thread
        self._names = UniqueNames()
        self._waiting: deque[Point] = deque()  # accepted and not in the store yet
        self._waiting_lock = threading.Lock()
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._finished = False
        self._begun = threading.Event()  # the run exists, or never will
        all_tags = allowed_tags({**tags, **process_tags()})
        start = Start(store, experiment, run_name, flatten(params), all_tags, run_file)
        self._thread = threading.Thread(target=self._work, args=(start,), name="mlflow", daemon=True)
        self._thread.start()
        atexit.register(self._finish_at_exit)

    def wait_for_run_id(self, seconds: float) -> str | None:
        """Return the run's id, for which the first start of a store takes some seconds; None = there is none yet."""
        self._begun.wait(seconds)
        return self.run_id

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Store the finite values under their (allowed) names at `step`, the total of environment steps."""
        now_ms = time.time_ns() // 1_000_000
        points = []
        for name, value in metrics.items():
            number = float(value)
            if math.isfinite(number):
                points.append(Point(self._names.allowed(name), number, now_ms, int(step)))
            else:
                self.non_finite[name] += 1
        self._send(points)

    def unwritten(self) -> list[Point]:
        """Return the values that were accepted and are not in the store yet, in order."""
        with self._waiting_lock:
            return list(self._waiting)

    def log_again(self, values: Iterable[tuple[str, float, int, int]]) -> None:
        """Store values that `unwritten` told an earlier process of, at their own times."""
        self._send([Point(*value) for value in values])

    def log_artifacts(self, path: Path, artifact_path: str | None) -> None:
        """Copy a file, or a folder's contents, into the run's artifacts, below `artifact_path` if given.

        The copy is made by the thread: leave the files in place until `finish` has returned.
        """
        self._send(Artifacts(Path(path), artifact_path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set searchable text on the run; a tag set again is replaced."""
        self._send(_Tags(allowed_tags(tags)))

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

    def _send(self, message: list[Point] | _Tags | Artifacts) -> None:
        if not self._is_off and not self._finished:
            if isinstance(message, list):
                with self._waiting_lock:
                    self._waiting.extend(message)
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

    def _work(self, start: Start) -> None:
        run: MlflowRun | None = None
        status: Status | None = None
        try:
            run = MlflowRun(start, self._on_written)
            self.run_id = run.run_id
            self._begun.set()
            status = self._serve(run)
            run.flush()
            run.end(status, self.problem, self.non_finite)
        except Exception as error:
            self._is_off = True
            self._begun.set()
            self._unwritten_values += len(run.points) if run is not None else 0
            self._note(f"tracking is off for this run: {first_line(error)}")
            self._end_after_failure(run, status)

    def _serve(self, run: MlflowRun) -> Status:
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

    def _store(self, run: MlflowRun, message: list[Point] | _Tags | Artifacts) -> None:
        if isinstance(message, list):
            run.add(message)
        elif isinstance(message, _Tags):
            run.set_tags(message.tags)
        else:
            try:
                run.log_artifacts(message)
            except OSError as error:  # a file is gone or the disk is full: metrics may still be written
                self._note(f"{message.path} was not copied: {first_line(error)}")

    def _on_written(self, count: int) -> None:
        with self._waiting_lock:
            for _ in range(count):
                self._waiting.popleft()

    def _note(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            _logger.warning("MLflow: %s", problem)

    def _end_after_failure(self, run: MlflowRun | None, status: Status | None) -> None:
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
