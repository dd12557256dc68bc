"""Carry out runs: each in a process of its own, so many at a time; one that fails does not stop the others.

Conventions: a process has one thread. While runs of a study are at work, they hold a lock on its runs, also when the
study itself was killed: no second study begins in the same folders.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from intraday_rl.app.command_line.processes import start_training
from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import CONTINUED, PlannedRun, arguments_of
from intraday_rl.app.studies.records import Record
from intraday_rl.core.errors import ConfigError
from intraday_rl.core.processes import ONE_THREAD, stop

POLL_SECONDS = 0.2
LOCK = ".lock"


class Work(NamedTuple):
    """A run that has something left to do, and its state as `planning.state_of` gives it."""

    run: PlannedRun
    state: str


class Active(NamedTuple):
    """A run at work."""

    work: Work
    process: Any
    began: float  # seconds, as time.monotonic
    before: float | None  # seconds that it worked before; None = not known


class Launcher(Protocol):
    """Starts processes and stops them."""

    def start(self, arguments: Sequence[str], output: IO[bytes]) -> Any:
        """Start train.py; what it returns has `poll()`, the exit status or None."""

    def stop(self, processes: Sequence[Any]) -> None:
        """End processes, also those that have ended."""


class Follower(Protocol):
    """Is told how the runs get on."""

    def began(self, run: PlannedRun) -> None:
        """A run has begun."""

    def ended(self, run: PlannedRun, record: Record) -> None:
        """A run has ended."""

    def passed(self) -> None:
        """Some time has passed."""


class Trainings:
    """Processes of train.py that hold the study's lock."""

    def __init__(self, lock: int) -> None:
        """Keep the lock's file descriptor."""
        self._lock = lock

    def start(self, arguments: Sequence[str], output: IO[bytes]) -> Any:
        """Start train.py."""
        return start_training(arguments, output=output, environment=ONE_THREAD, kept_open=[self._lock])

    def stop(self, processes: Sequence[Any]) -> None:
        """End the processes with all that they started."""
        stop(processes)


@contextmanager
def locked(runs: Path) -> Iterator[int]:
    """Hold the lock on a study's runs and give its file descriptor.

    Raises:
        ConfigError: runs of the study are at work.
    """
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"runs of {runs.parent} are at work already; wait for them, or end them") from error
        yield file.fileno()


def carry_out(work: Sequence[Work], jobs: int, launcher: Launcher, follower: Follower) -> int:
    """Carry out the runs in order and return how many failed.

    Args:
        work: what is to be done.
        jobs: how many processes at a time.
        launcher: starts and stops them.
        follower: is told.
    """
    waiting, active, failed = list(work), list[Active](), 0
    try:
        while waiting or active:
            while waiting and len(active) < jobs:
                active.append(_begin(waiting.pop(0), launcher))
                follower.began(active[-1].work.run)
            ended = [one for one in active if one.process.poll() is not None]
            for one in ended:
                active.remove(one)
                failed += _end(one, follower)
            follower.passed()
            if not ended:
                time.sleep(POLL_SECONDS)
    finally:  # nothing is active here unless the study is being stopped
        launcher.stop([one.process for one in active])
        for one in active:
            records.write_record(one.work.run.record, Record(records.STOPPED, _seconds(one)))
    return failed


def _begin(work: Work, launcher: Launcher) -> Active:
    run, goes_on = work.run, work.state == CONTINUED
    before = records.worked(records.read_record(run.record)) if goes_on else 0.0
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    if not goes_on and run.folder.exists():
        shutil.rmtree(run.folder)
    records.write_record(run.record, Record(records.RUNNING, before))
    with run.log.open("ab" if goes_on else "wb") as output:
        process = launcher.start(arguments_of(run, work.state), output)
    return Active(work, process, time.monotonic(), before)


def _end(one: Active, follower: Follower) -> bool:
    """Record how a run ended, and say whether it failed."""
    failed = bool(one.process.poll())
    record = Record(records.FAILED if failed else records.FINISHED, _seconds(one))
    records.write_record(one.work.run.record, record)
    follower.ended(one.work.run, record)
    return failed


def _seconds(one: Active) -> float | None:
    return None if one.before is None else one.before + time.monotonic() - one.began
