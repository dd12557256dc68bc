"""The run of a process that starts other runs, such as a sweep: it stands above theirs in MLflow.

Conventions: as for `MlflowTracker`, which does the work. No call waits for the store but `wait_for_id` and `finish`;
trouble with the store is a line in the log, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from intraday_rl.tracking.mlflow_run import Status
from intraday_rl.tracking.mlflow_tracker import MlflowTracker, status_after
from intraday_rl.tracking.store import Store

START_SECONDS = 120.0  # the import of MLflow and the creation of a store on a slow disk


class ParentRun:
    """The run above others. As a context manager it ends with the status that the block's outcome deserves."""

    def __init__(
        self,
        store: Store,
        experiment: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        run_file: Path,
    ) -> None:
        """Begin the run, or go on with the one that the run file remembers.

        Args:
            store: the project's store.
            experiment: MLflow's experiment; the runs below must be of the same one to be shown there.
            name: shown.
            params: nested settings of the search, such as space, objectives and number of trials.
            tags: searchable text.
            run_file: remembers MLflow's run; what that run holds of a step is not stored twice.
        """
        self._tracker = MlflowTracker(store, experiment, name, params, {"study": experiment, **tags}, run_file)

    def wait_for_id(self, seconds: float = START_SECONDS) -> str | None:
        """Return MLflow's id of the run, for `tracking.parent` of those below; None where there is none yet."""
        return self._tracker.wait_for_run_id(seconds)

    def log_trial(self, number: int, metrics: Mapping[str, float]) -> None:
        """Record what is known after a trial, such as the hypervolume so far, with the trial's number as the step."""
        self._tracker.log_metrics(metrics, number)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set searchable text; a tag set again is replaced."""
        self._tracker.set_tags(tags)

    def log_results(self, folder: Path, names: tuple[str, ...]) -> None:
        """Copy files and folders of `folder` to the run's artifacts, under their names; what is not there is left out.

        Leave them in place until `finish` has returned.
        """
        for path in (folder / name for name in names):
            if path.is_dir():
                self._tracker.log_artifacts(path, path.name)
            elif path.is_file():
                self._tracker.log_artifacts(path, None)

    def finish(self, status: Status) -> bool:
        """Write what is left, set the status and say whether all of it reached the store."""
        return self._tracker.finish(status)

    def __enter__(self) -> Self:
        """Return the run."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End as FINISHED, as KILLED after a signal, as FAILED after any other error."""
        self.finish(status_after(error))
