"""`python train.py -m hparams=…`: run a study of trials, then show what came of it.

Conventions: a study lies in `multirun/<study>/`. The same command again, after whatever ended the first, goes on to the
same total of trials. On one machine one sweep at a time works on a study; with a storage that is shared, any number.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from intraday_rl.app.sweeping.finish import Finish
from intraday_rl.app.sweeping.judgements import Verdict
from intraday_rl.app.sweeping.progress import SweepProgress
from intraday_rl.app.sweeping.request import SweepRequest, read_request
from intraday_rl.app.sweeping.results import collect, show, write
from intraday_rl.app.sweeping.tasks import Commands, Trainings, parts_of, refuse_foreign_trials
from intraday_rl.app.sweeping.tracking import SweepTracking, tracked
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.executors.base import Executor
from intraday_rl.sweeps.results.records import Candidate, TrialRecord
from intraday_rl.sweeps.results.summary import SweepResults
from intraday_rl.sweeps.runner import Runner
from intraday_rl.sweeps.stopping import Never
from intraday_rl.sweeps.storage import kept_in_reach, open_storage
from intraday_rl.sweeps.study import SweepStudy

LOCK, FINISH_LOCK = ".sweep.lock", ".finish.lock"


def sweep(overrides: Sequence[str]) -> None:
    """Run the sweep that the command line asks for until its study has all of its trials, and write the results.

    Raises:
        IntradayError: the sweep cannot begin, or is taken for broken.
        KeyboardInterrupt: it was told to stop.
    """
    request = read_request(overrides)
    settings = request.settings
    console = Console(quiet=not request.config["progress"])
    settings.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.callback(drop_if_empty, settings.folder)
        if settings.storage is None:
            stack.enter_context(sole_sweep(settings.folder))
        stack.enter_context(kept_in_reach(settings.storage))
        study = open_study(request)
        refuse_foreign_trials(settings.folder, study.next_number)
        tracking = stack.enter_context(tracked(request))
        Sweeping(request, study, tracking, console).run()


def drop_if_empty(folder: Path) -> None:
    """Remove the folder of a sweep that was refused before anything was written there."""
    if all(path.name in (LOCK, FINISH_LOCK) for path in folder.iterdir()):
        shutil.rmtree(folder)


@contextmanager
def sole_sweep(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of the study's folder within the block.

    Raises:
        SweepError: another one is at work there.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise SweepError(f"{folder} is at work in another sweep: wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def open_study(request: SweepRequest) -> SweepStudy:
    """Return the study, made or gone on with.

    Raises:
        SweepError: the storage cannot be opened, or its study searches something else.
    """
    settings = request.settings
    return SweepStudy(
        open_storage(settings.storage, settings.folder),
        request.definition(),
        settings.sampler,
        settings.n_trials,
        None if settings.storage is None else settings.heartbeat_seconds,
        settings.early_stop.pruner(),
    )


class Sweeping:
    """A sweep at work."""

    def __init__(self, request: SweepRequest, study: SweepStudy, tracking: SweepTracking, console: Console) -> None:
        """Take what the sweep consists of."""
        self._request, self._study, self._tracking, self._console = request, study, tracking, console

    def run(self) -> None:
        """Carry out what is missing of the study, then write what came of it."""
        settings = self._request.settings
        tasks = Commands(self._request) if settings.command else Trainings(self._request, self._tracking.run_id)
        executor = settings.executor.open(settings.n_workers)
        try:
            self._introduce(executor.capacity)
            had_all = self._study.num_begun() >= settings.n_trials
            with self._progress(executor.capacity) as progress:
                Runner(self._study, tasks, executor, settings.early_stop, settings.failure_limit, progress).run()
            if not (had_all or self._study.claims_finish()):
                self._say("another machine writes the results")
                return
            with FileLock(self._request.settings.folder / FINISH_LOCK):  # a second process waits, then finds all done
                self._finish(tasks, executor)
        finally:
            executor.close()

    def _progress(self, capacity: int) -> SweepProgress:
        settings = self._request.settings
        return SweepProgress(
            self._console,
            self.records,
            settings.objectives,
            settings.n_trials,
            capacity,
            self._tracking.trial_ended,
        )

    def _finish(self, tasks: Trainings | Commands, executor: Executor) -> None:
        records = self.records()
        if isinstance(tasks, Commands):
            self._write(records, [], [])
            return
        self._draw(records, [], [])  # there during the hours that follow
        finish = Finish(self._request, tasks, executor, self._console)
        candidates = finish.candidates(records)
        candidates, verdicts = finish.judge(*finish.ensemble(finish.chosen(candidates)))
        self._write(records, candidates, verdicts)

    def _draw(
        self, records: Sequence[TrialRecord], candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> SweepResults:
        results = collect(self._request, self._study, records, candidates, verdicts)
        with self._console.status("drawing the front"):
            write(self._request.settings.folder, results)
        return results

    def _write(
        self, records: Sequence[TrialRecord], candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> None:
        results = self._draw(records, candidates, verdicts)
        self._tracking.results_written(results)
        show(self._console, self._request.settings.folder, results)

    def records(self) -> list[TrialRecord]:
        """Return every trial of the study."""
        folder, seeds = self._request.settings.folder, self._request.seeds
        return self._study.records(lambda number: tuple(part.folder for part in parts_of(folder, number, seeds)))

    def _introduce(self, n_workers: int) -> None:
        settings = self._request.settings
        begun = self._study.num_begun()
        budget = settings.sampler.budget(settings.n_trials, self._request.space)
        at_once = "one trial at a time" if n_workers == 1 else f"{n_workers} trials at a time"
        self._say(f"study {settings.study} in {settings.folder}" + (f", {begun} trials begun" if begun else ""))
        self._say(f"{budget}; {at_once}; seeds {', '.join(map(str, self._request.seeds))}")
        if len(self._request.seeds) > 1 and not isinstance(settings.early_stop, Never):
            self._say("no trial is stopped early: that is for trials of one seed")
        for dimension in self._request.space:
            fields = ", ".join(
                f"{k} {v}" for k, v in dimension._asdict().items() if k != "key" and v is not None and v is not False
            )
            self._say(f"    {dimension.key}: {fields}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
