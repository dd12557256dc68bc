"""How a sweep gets on, in the terminal: a line for each trial that ends, and below them counts and the time left."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from intraday_rl.app.studies.progress import in_words
from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.front import feasible, hypervolume, values_of
from intraday_rl.sweeps.results.records import COMPLETE, FAILED, INFEASIBLE, RUNNING, STOPPED_EARLY, TrialRecord

SHOWN = (INFEASIBLE, STOPPED_EARLY, FAILED)
Ended = Callable[[TrialRecord, float], None]


class SweepProgress:
    """A follower that shows trials done, running and failed, the hypervolume, and an estimate of the time left."""

    def __init__(
        self,
        console: Console,
        records: Callable[[], Sequence[TrialRecord]],
        objectives: Sequence[Objective],
        n_trials: int,
        n_workers: int,
        on_ended: Ended,
    ) -> None:
        """Begin with what the study has already.

        Args:
            console: where it is shown.
            records: gives every trial of the study.
            objectives: in their order.
            n_trials: how many trials the study is to have.
            n_workers: how many are at work at a time.
            on_ended: told of each trial that ends, and of the hypervolume then.
        """
        self._console, self._records, self._objectives = console, records, objectives
        self._n_trials, self._n_workers, self._on_ended = n_trials, n_workers, on_ended
        self._running: dict[int, float] = {}
        self._seconds: list[float] = []
        self._bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console)
        self._task = self._bar.add_task("", total=n_trials)
        self._shown_at = 0.0
        self._look()

    def __enter__(self) -> SweepProgress:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is."""
        self._show()
        self._bar.stop()

    def began(self, number: int, params: Mapping[str, Any]) -> None:
        """Count a trial that has begun, or goes on."""
        self._running[number] = time.monotonic()

    def ended(self, number: int, state: str, reason: str) -> None:
        """Say how a trial ended; of one that failed, its last lines too."""
        took = time.monotonic() - self._running.pop(number)
        self._look()
        record = self._by_number[number]
        if record.same_as is None:
            self._seconds.append(took)
        self._say(f"trial {number}: {state} after {in_words(took)}{self._numbers(record)}")
        lines = reason.splitlines()
        for line in lines:
            self._say(f"    {line}")
        self._on_ended(record, self._hypervolume)

    def passed(self) -> None:
        """Show where the sweep stands, now and then."""
        if time.monotonic() - self._shown_at > 0.5:
            self._show()

    def _look(self) -> None:
        """Read the study again."""
        records = self._records()
        self._by_number = {record.number: record for record in records}
        self._states = Counter(record.state for record in records)
        self._hypervolume = hypervolume(values_of(feasible(records), self._objectives), self._objectives)

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        done = sum(count for state, count in self._states.items() if state != RUNNING)
        words = [f"{done} of {self._n_trials} done", f"{len(self._running)} running"]
        words += [f"{self._states[state]} {state}" for state in SHOWN if self._states[state] or state == FAILED]
        if self._states[COMPLETE]:
            words.append(f"hypervolume {self._hypervolume:.4g}")
        left = self._seconds_left(done)
        if left is not None and done < self._n_trials:
            words.append(f"about {in_words(left)} left")
        self._bar.update(self._task, completed=min(done, self._n_trials), description=", ".join(words))

    def _seconds_left(self, done: int) -> float | None:
        if not self._seconds:
            return None
        mean = statistics.fmean(self._seconds)
        now = time.monotonic()
        begun = sum(max(0.0, mean - (now - began)) for began in self._running.values())
        waiting = max(0, self._n_trials - done - len(self._running))
        return (begun + waiting * mean) / self._n_workers

    def _numbers(self, record: TrialRecord) -> str:
        if record.values is None:
            return ""
        pairs = zip(self._objectives, record.values, strict=True)
        return ": " + ", ".join(f"{objective.name} {value:.4g}" for objective, value in pairs)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
