"""How a study gets on, in the terminal: a line for each run that ends, and below them a bar with the time left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import PlannedRun
from intraday_rl.app.studies.records import Record


class StudyProgress:
    """A follower that shows runs done, running and failed, and an estimate of the time left."""

    def __init__(
        self, console: Console, waiting: Sequence[PlannedRun], durations: Mapping[str, list[float]], jobs: int
    ) -> None:
        """Begin.

        Args:
            console: where it is shown.
            waiting: runs to be done, in order.
            durations: seconds of earlier runs, by row.
            jobs: how many runs are at work at a time.
        """
        self._console, self._jobs = console, jobs
        self._waiting, self._total = [run.row for run in waiting], len(waiting)
        self._durations = {row: list(seconds) for row, seconds in durations.items()}
        self._running: dict[str, tuple[str, float]] = {}
        self._done = self._failed = 0
        self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console)
        self._task = self._bar.add_task("", total=self._total)

    def __enter__(self) -> StudyProgress:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def began(self, run: PlannedRun) -> None:
        """Count a run that has begun."""
        self._waiting.remove(run.row)
        self._running[run.label] = (run.row, time.monotonic())

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Count a run that has ended, and say how; of one that failed, its last lines too."""
        del self._running[run.label]
        failed = record.status == records.FAILED
        self._failed += failed
        self._done += not failed
        if record.wall_seconds is not None and not failed:
            self._durations.setdefault(run.row, []).append(record.wall_seconds)
        took = "" if record.wall_seconds is None else f" after {in_words(record.wall_seconds)}"
        self._say(f"{run.label}: {record.status}{took}")
        for line in records.last_lines(run.log) if failed else ():
            self._say(f"    {line}")
        if failed:
            self._say(f"    all of it is in {run.log}")

    def passed(self) -> None:
        """Show where the study stands now."""
        now = time.monotonic()
        running = [(row, now - began) for row, began in self._running.values()]
        left = seconds_left(self._durations, self._waiting, running, self._jobs)
        words = f"{self._done} of {self._total} done, {len(running)} running, {self._failed} failed"
        if self._waiting or running:
            words += ", time left not known yet" if left is None else f", about {in_words(left)} left"
        self._bar.update(self._task, completed=self._done + self._failed, description=words)

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


def seconds_left(
    durations: Mapping[str, Sequence[float]], waiting: Sequence[str], running: Sequence[tuple[str, float]], jobs: int
) -> float | None:
    """Return an estimate of the time until all runs have ended; None before any has.

    Args:
        durations: seconds of the runs that have ended, by row; a row without any is taken to be like all others.
        waiting: the row of each run that has not begun.
        running: row and seconds so far of each run at work.
        jobs: how many are at work at a time.
    """
    everything = [seconds for row in durations.values() for seconds in row]
    if not everything:
        return None
    usual = {row: statistics.fmean(seconds) for row, seconds in durations.items() if seconds}
    overall = statistics.fmean(everything)
    ahead = sum(usual.get(row, overall) for row in waiting)
    under_way = [max(0.0, usual.get(row, overall) - so_far) for row, so_far in running]
    return max((ahead + sum(under_way)) / jobs, *under_way, 0.0)


def in_words(seconds: float) -> str:
    """Return a duration such as '45 s', '12 min' or '2 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
