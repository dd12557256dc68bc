"""The sweep at work: propose, start, collect, until the study has all of its trials.

Conventions: a trial consists of parts, one for each seed, each a command of its own. A free worker takes the next part
that waits, else the first part of a new trial. A part that was stopped from outside, by a signal that asks to end, is
started again under the same number; one that ends by itself without a result makes its trial fail.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from intraday_rl.core import checks
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.executors.base import Command, Executor
from intraday_rl.sweeps.outcomes import Outcome, outcome_of
from intraday_rl.sweeps.results.records import COMPLETE, FAILED, INFEASIBLE, STOPPED_EARLY
from intraday_rl.sweeps.stopping import Stopping
from intraday_rl.sweeps.study import CURVE, REASON, SAME_AS, SECONDS, Curve, SweepStudy

if TYPE_CHECKING:
    from optuna.trial import Trial

POLL_SECONDS = 0.02
WATCH_SECONDS = 2.0  # between looks at the curves, and at what other machines do
MOST_STOPS = 5  # of one part by signals from outside, in one go; then its trial has failed
LOG_LINES, LOG_BYTES = 20, 16_384  # of a failed part that are kept as the reason
TAKEN_OVER = "taken over by another machine"  # how a trial ended for this one
OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
STOPPED_STATUSES = {-number for number in OUTSIDE} | {128 + number for number in OUTSIDE}


class Part(NamedTuple):
    """One seed of a trial.

    Attributes:
        number: of the trial.
        seed: the repetition's.
        folder: its run folder.
        log: what its commands say.
    """

    number: int
    seed: int
    folder: Path
    log: Path


class Tasks(Protocol):
    """What the trials of a sweep do.

    Attributes:
        is_repeatable: whether the same parameters and seed give the same result again, so that nothing is run twice.
    """

    is_repeatable: bool

    def parts(self, number: int) -> list[Part]:
        """Return the parts of a trial."""

    def command(self, part: Part, params: Mapping[str, Any]) -> Command:
        """Return the command that begins the part or goes on with it; its folder is made ready."""

    def result(self, part: Part) -> Metrics | None:
        """Return what a part came to, None while it has no result."""

    def curve(self, part: Part) -> Curve:
        """Return the numbers by which the part is watched so far."""

    def last_step(self, params: Mapping[str, Any]) -> float:
        """Return the step at which a part with these parameters ends."""


class Follower(Protocol):
    """Is told how the sweep gets on."""

    def began(self, number: int, params: Mapping[str, Any]) -> None:
        """A trial has begun, or goes on."""

    def ended(self, number: int, state: str, reason: str) -> None:
        """A trial has ended in that state; why, if it is not complete."""

    def passed(self) -> None:
        """Some time has passed."""


class FailureLimit(NamedTuple):
    """When a sweep is taken for broken: so many trials failed, and they are such a share of those that ended."""

    failures: int
    share: float

    def check(self) -> None:
        """Refuse impossible numbers."""
        checks.at_least("hparams.failure_limit", "failures", self.failures, 1, "trials")
        checks.fraction("hparams.failure_limit", "share", self.share)


@dataclass
class _Active:
    """A part at work."""

    part: Part
    handle: Any
    stops: int


@dataclass
class _Begun:
    """A trial that has no end yet."""

    trial: Trial
    began: float
    parts: list[Part]
    results: dict[int, Metrics] = field(default_factory=dict)


class Runner:
    """The sweep at work."""

    def __init__(
        self,
        study: SweepStudy,
        tasks: Tasks,
        executor: Executor,
        stopping: Stopping,
        limit: FailureLimit,
        follower: Follower,
    ) -> None:
        """Take what works together; nothing begins yet."""
        self._study, self._tasks, self._executor = study, tasks, executor
        self._stopping, self._limit, self._follower = stopping, limit, follower
        self._waiting: deque[tuple[Part, int]] = deque()  # parts without a process, and how often each was stopped
        self._active: list[_Active] = []
        self._begun: dict[int, _Begun] = {}
        self._ended = self._failed = 0
        self._is_full = False  # the study has all of its trials
        self._watched = 0.0

    def run(self) -> None:
        """Work until every trial of the study has an end.

        Raises:
            SweepError: too many trials failed.
            KeyboardInterrupt: the sweep was told to stop; trials at work stay unfinished in the study.
        """
        try:
            self._take_over()
            while True:
                self._collect()
                self._fill()
                if not self._active and not self._waiting and self._is_full and not self._others_work():
                    return
                self._watch()
                self._follower.passed()
                time.sleep(POLL_SECONDS)
        finally:
            self._executor.stop([active.handle for active in self._active])

    # --- beginning ---

    def _take_over(self) -> None:
        for trial in self._study.take_over(list(self._begun)):
            self._begin(trial)

    def _begin(self, trial: Trial) -> None:
        parts = self._tasks.parts(trial.number)
        begun = self._begun[trial.number] = _Begun(trial, time.monotonic(), parts)
        self._follower.began(trial.number, trial.params)
        twin = self._study.twin(trial) if self._tasks.is_repeatable else None
        if twin is not None:
            self._end_as_twin(begun, *twin)
            return
        for part in parts:
            result = self._kept(part)
            if result is None:
                self._waiting.append((part, 0))
            else:  # it had come to its end when the sweep was killed
                begun.results[part.seed] = result
        self._finish_if_whole(begun)

    def _end_as_twin(self, begun: _Begun, number: int, outcome: Outcome | None) -> None:
        """Let a trial end as the earlier one of its parameters did, without running it."""
        reason = f"the same parameters as trial {number}"
        if outcome is not None:
            self._complete(begun, outcome, {SAME_AS: number, REASON: reason})
        else:
            self._stop_early(begun, reason, {SAME_AS: number})

    def _kept(self, part: Part) -> Metrics | None:
        """Return the part's result; None if its process was killed while it wrote it."""
        try:
            return self._tasks.result(part)
        except SweepError:
            return None

    def _fill(self) -> None:
        while len(self._active) < self._executor.capacity:
            if not self._waiting and not self._is_full:
                trial = self._study.propose()
                self._is_full = trial is None
                if trial is not None:
                    self._begin(trial)
            if not self._waiting:
                return
            part, stops = self._waiting.popleft()
            params = self._begun[part.number].trial.params
            handle = self._executor.start(self._tasks.command(part, params))
            self._active.append(_Active(part, handle, stops))

    # --- ending ---

    def _collect(self) -> None:
        for active in list(self._active):
            status = active.handle.poll()
            if status is not None and active in self._active:
                self._active.remove(active)
                self._end_part(active, status)

    def _end_part(self, active: _Active, status: int) -> None:
        begun, was_stopped = self._begun[active.part.number], status in STOPPED_STATUSES
        try:
            result = self._kept(active.part) if was_stopped else self._tasks.result(active.part)
        except SweepError as error:
            self._fail(begun, str(error))
            return
        if result is not None and (status == 0 or was_stopped):
            begun.results[active.part.seed] = result
            self._finish_if_whole(begun)
        elif was_stopped and active.stops + 1 < MOST_STOPS:
            self._waiting.append((active.part, active.stops + 1))
        elif was_stopped:
            self._fail(begun, f"it was stopped by a signal {MOST_STOPS} times: is there too little memory?")
        else:
            ended = "it ended without a result" if status == 0 else f"exit status {status}"
            self._fail(begun, f"{ended}\n{last_lines(active.part.log)}")

    def _finish_if_whole(self, begun: _Begun) -> None:
        if len(begun.results) < len(begun.parts):
            return
        definition = self._study.definition
        results = [begun.results[part.seed] for part in begun.parts]
        try:
            outcome = outcome_of(results, definition.objectives, definition.constraints)
        except SweepError as error:
            self._fail(begun, str(error))
            return
        curve = self._tasks.curve(begun.parts[0]) if len(begun.parts) == 1 else []
        self._complete(begun, outcome, {CURVE: curve})

    def _complete(self, begun: _Begun, outcome: Outcome, facts: dict[str, Any]) -> None:
        if not self._study.complete(begun.trial, outcome, {**self._facts(begun), **facts}):
            self._leave(begun, TAKEN_OVER, "")
            return
        self._ended += 1
        self._leave(begun, COMPLETE if outcome.is_feasible else INFEASIBLE, facts.get(REASON, ""))

    def _fail(self, begun: _Begun, reason: str) -> None:
        if not self._study.fail(begun.trial, reason, self._facts(begun)):
            self._leave(begun, TAKEN_OVER, "")
            return
        self._ended, self._failed = self._ended + 1, self._failed + 1
        self._leave(begun, FAILED, reason)
        if self._failed >= self._limit.failures and self._failed >= self._limit.share * self._ended:
            raise SweepError(
                f"{self._failed} of {self._ended} trials failed; the last: {reason.strip().splitlines()[-1].strip()} "
                f"(log: {begun.parts[0].log}); mend it and give the same command again"
            )

    def _leave(self, begun: _Begun, state: str, reason: str) -> None:
        """Forget a trial that has its end, and what is still at work of it."""
        number = begun.trial.number
        late = [active for active in self._active if active.part.number == number]
        self._active = [active for active in self._active if active.part.number != number]
        self._waiting = deque(item for item in self._waiting if item[0].number != number)
        self._executor.stop([active.handle for active in late])
        del self._begun[number]
        self._follower.ended(number, state, reason)

    def _facts(self, begun: _Begun) -> dict[str, Any]:
        return {SECONDS: time.monotonic() - begun.began}

    # --- meanwhile ---

    def _watch(self) -> None:
        """Stop what is hopeless; tell other machines of our trials, and take over what they left."""
        if time.monotonic() - self._watched < WATCH_SECONDS:
            return
        self._watched = time.monotonic()
        if self._study.leases is not None:
            for number in self._study.taken_away(list(self._begun)):
                self._leave(self._begun[number], TAKEN_OVER, "")
            self._study.beat(list(self._begun))
            self._take_over()
        finished = self._study.curves()
        for active in list(self._active):
            begun = self._begun.get(active.part.number)
            if begun is None or len(begun.parts) > 1:
                continue
            last = self._tasks.last_step(begun.trial.params)
            curve = self._tasks.curve(active.part)
            reason = self._stopping.reason(begun.trial, curve, finished, last) if curve else None
            if reason is not None and curve[-1][0] < last:
                self._stop_early(begun, reason, {CURVE: curve})

    def _stop_early(self, begun: _Begun, reason: str, facts: dict[str, Any]) -> None:
        was_ours = self._study.stop_early(begun.trial, reason, {**self._facts(begun), **facts})
        self._ended += was_ours
        self._leave(begun, STOPPED_EARLY if was_ours else TAKEN_OVER, reason if was_ours else "")

    def _others_work(self) -> bool:
        """Say whether other machines work on trials of the study; a machine that is gone leaves them to us."""
        if self._study.leases is None or self._study.num_elsewhere(list(self._begun)) == 0:
            return False
        time.sleep(WATCH_SECONDS)
        return True


def last_lines(log: Path) -> str:
    """Return the end of a log."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_LINES:])
