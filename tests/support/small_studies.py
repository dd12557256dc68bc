"""Small studies, and workers that carry out nothing: how each part of a trial ends is said beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Constraint, Metrics, Objective
from intraday_rl.sweeps.executors.base import Command
from intraday_rl.sweeps.results.records import TrialRecord
from intraday_rl.sweeps.runner import FailureLimit, Part, Runner
from intraday_rl.sweeps.samplers import Tpe
from intraday_rl.sweeps.space import Dimension, Interval
from intraday_rl.sweeps.stopping import Never
from intraday_rl.sweeps.storage import open_storage
from intraday_rl.sweeps.study import Curve, Definition, SweepStudy

F1, F2 = Objective("f1", "minimize", None, 1.1), Objective("f2", "minimize", None, 1.1)
X, Y = Interval("x", 0.0, 1.0, False, False, None), Interval("y", 0.0, 1.0, False, False, None)
LENIENT, NEVER, TPE = FailureLimit(10_000, 1.0), Never(), Tpe(0, 10)


def definition(
    space: Sequence[Dimension] = (X, Y),
    objectives: Sequence[Objective] = (F1, F2),
    constraints: Sequence[Constraint] = (),
    seeds: Sequence[int] = (0,),
    **facts: Any,
) -> Definition:
    return Definition("study", tuple(space), tuple(objectives), tuple(constraints), tuple(seeds), facts)


def open_study(
    folder: Path, what: Definition | None = None, n_trials: int = 10, sampler: Any = TPE, pruner: Any = None
) -> SweepStudy:
    return SweepStudy(open_storage(None, folder), what or definition(), sampler, n_trials, None, pruner)


def records(study: SweepStudy) -> list[TrialRecord]:
    return study.records(lambda number: (Path(str(number)),))


class End(NamedTuple):
    """How a process ends: exit status, what it leaves as a result, and after how many looks."""

    status: int = 0
    result: Metrics | SweepError | None = None
    looks: int = 1


class Handle:
    """A process that ends as it was told."""

    def __init__(self, part: Part, end: End, leave: Callable[[Part, End], None]) -> None:
        self.part, self._end, self._leave, self._looks = part, end, leave, 0

    def poll(self) -> int | None:
        self._looks += 1
        if self._looks < self._end.looks:
            return None
        self._leave(self.part, self._end)
        return self._end.status


class Stage:
    """Tasks, executor and follower in one; `play` says how the n-th process of a part ends."""

    is_repeatable = False

    def __init__(
        self,
        folder: Path,
        play: Callable[[Part, int, Mapping[str, Any]], End],
        seeds: Sequence[int] = (0,),
        capacity: int = 1,
    ) -> None:
        self._folder, self._play, self._seeds, self.capacity = folder, play, seeds, capacity
        self.results: dict[Part, Any] = {}
        self.curves: dict[int, Curve] = {}
        self.started: list[tuple[Part, dict[str, Any]]] = []
        self.stopped: list[Part] = []
        self.ends: list[tuple[int, str, str]] = []
        self.at_work = self.most_at_work = 0
        self._next: tuple[Part, dict[str, Any]]

    def parts(self, number: int) -> list[Part]:
        return [
            Part(number, seed, self._folder / f"{number}_{seed}", self._folder / f"{number}_{seed}.log")
            for seed in self._seeds
        ]

    def command(self, part: Part, params: Mapping[str, Any]) -> Command:
        self._next = (part, dict(params))
        return Command(("nothing",), {}, part.log)

    def start(self, command: Command) -> Handle:
        part, params = self._next
        attempt = sum(part == other for other, _ in self.started)
        self.started.append((part, params))
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        return Handle(part, self._play(part, attempt, params), self._leave)

    def _leave(self, part: Part, end: End) -> None:
        self.at_work -= 1
        if end.result is not None:
            self.results[part] = end.result

    def result(self, part: Part) -> Metrics | None:
        result = self.results.get(part)
        if isinstance(result, SweepError):
            raise result
        return result

    def curve(self, part: Part) -> Curve:
        return self.curves.get(part.number, [])

    def last_step(self, params: Mapping[str, Any]) -> float:
        return 100.0

    def stop(self, handles: Sequence[Handle]) -> None:
        self.stopped += [handle.part for handle in handles]
        self.at_work -= len(handles)

    def close(self) -> None:
        pass

    def began(self, number: int, params: Mapping[str, Any]) -> None:
        pass

    def ended(self, number: int, state: str, reason: str) -> None:
        self.ends.append((number, state, reason))

    def passed(self) -> None:
        pass


def run(study: SweepStudy, stage: Stage, limit: FailureLimit = LENIENT, stopping: Any = NEVER) -> None:
    Runner(study, stage, stage, stopping, limit, stage).run()
