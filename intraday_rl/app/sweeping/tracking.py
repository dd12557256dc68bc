"""The sweep in MLflow: a run of its own, under which the runs of its trials stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from intraday_rl.app.build import resolve_path
from intraday_rl.app.learning.tracker import RUN_FILE
from intraday_rl.app.sweeping.finish import ENSEMBLE
from intraday_rl.app.sweeping.request import SweepRequest
from intraday_rl.app.sweeping.results import PAGE, SUMMARY, TABLE
from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.results.records import COMPLETE, TrialRecord
from intraday_rl.sweeps.results.summary import SweepResults
from intraday_rl.tracking.parents.children import log_to_run, recorded_run_id, tag_run
from intraday_rl.tracking.parents.parent_run import ParentRun
from intraday_rl.tracking.store import Store

ARTIFACTS = (PAGE, TABLE, SUMMARY, ENSEMBLE)


class SweepTracking:
    """The sweep's run, told of each trial that ends; of a sweep that is not tracked it does nothing.

    Attributes:
        run_id: MLflow's id of the run; None where there is none.
    """

    def __init__(self, request: SweepRequest, store: Store | None, parent: ParentRun | None) -> None:
        """Take the run, which is there a little later."""
        self._request, self._store, self._parent = request, store, parent
        self.run_id = None if parent is None else parent.wait_for_id()

    def trial_ended(self, record: TrialRecord, hypervolume: float) -> None:
        """Record the hypervolume on the sweep's run; objectives and state on the trial's."""
        if self._parent is None or self._store is None:
            return
        self._parent.log_trial(record.number, {"hypervolume": hypervolume})
        names = [objective.name for objective in self._request.settings.objectives]
        is_feasible = record.state == COMPLETE and record.values is not None
        values = dict(zip(names, record.values or (), strict=True)) if is_feasible else {}
        if record.same_as is not None:  # it has no run of its own
            return
        tags = {"role": "trial", "trial_state": record.state, "trial_reason": record.reason}
        for folder in record.folders:
            self._add(folder, tags, {f"objective/{name}": value for name, value in values.items()})

    def results_written(self, results: SweepResults) -> None:
        """Record what the candidates came to on their runs, and the ensemble on the sweep's, with all files."""
        if self._parent is None:
            return
        for candidate in results.candidates:
            tags = {"role": "candidate", "chosen": str(candidate.chosen).lower()}
            for folder, metrics in zip(candidate.folders, candidate.test, strict=False):
                self._add(folder, tags, _numbers("test", metrics))
        self._parent.set_tags({"verdict": results.verdict or "no ensemble"})
        ensemble = {"validation_best": results.ensemble_validation, "test": results.ensemble_test}
        for part, found in ensemble.items():
            self._parent.log_trial(len(results.records), _numbers(part, found or {}))
        self._parent.log_results(self._request.settings.folder, ARTIFACTS)

    def _add(self, folder: Path, tags: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Add what is known of a run now to what it recorded itself."""
        assert self._store is not None
        run_id = recorded_run_id(folder / RUN_FILE, self._store)
        if run_id is not None:
            tag_run(self._store, run_id, tags)
            log_to_run(self._store, run_id, metrics)


def _numbers(part: str, metrics: Metrics) -> dict[str, float]:
    return {f"{part}/{key}": float(value) for key, value in metrics.items() if value is not None}


@contextmanager
def tracked(request: SweepRequest) -> Iterator[SweepTracking]:
    """Track the sweep within the block; its run ends with the status that the block's outcome deserves."""
    tracking = request.config["tracking"]
    if not tracking["enabled"] or request.settings.command:
        yield SweepTracking(request, None, None)
        return
    store = Store(resolve_path(tracking["store"]))
    settings, definition = request.settings, request.definition().to_json()
    params = {key: definition[key] for key in ("space", "objectives", "constraints", "seeds")}
    params |= {"n_trials": settings.n_trials, "sampler": settings.sampler._asdict(), "fixed": list(request.fixed)}
    tags = {"kind": "sweep", "algo": request.config["algo"]["name"]}
    run_file = settings.folder / RUN_FILE
    with ParentRun(store, request.experiment, settings.study, params, tags, run_file) as parent:
        yield SweepTracking(request, store, parent)
