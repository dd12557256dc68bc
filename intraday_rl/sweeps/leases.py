"""Which process works on which trial, where several machines share a study.

Conventions: a process writes its name and a growing number on each of its trials every so many seconds. Clocks of
machines differ, so a trial counts as left alone when this process has seen the same number for `patience` intervals of
its own clock. Who takes it over writes its name and looks again: of two that do so, the later one has it.
"""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

HOLDER, BEAT = "holder", "beat"
PATIENCE = 3  # intervals without a sign of life
SETTLE_SECONDS = 1.0  # from a claim to the look at whether it held


class Leases:
    """The trials of this process, and those that nobody works on any more.

    Attributes:
        name: of this process: host, process number and a random part.
    """

    def __init__(self, write: Callable[[int, str, Any], None], interval_seconds: float) -> None:
        """Begin without trials.

        Args:
            write: sets an attribute of the trial with that id.
            interval_seconds: from one sign of life to the next.
        """
        self.name = f"{platform.node()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._write, self._interval = write, interval_seconds
        self._seen: dict[int, tuple[Any, float]] = {}  # trial number -> last sign of life, when it was new to us
        self._beaten = -interval_seconds
        self._count = 0

    def take(self, trial: FrozenTrial) -> None:
        """Put this process's name on a trial."""
        self._write(trial._trial_id, HOLDER, self.name)
        self._write(trial._trial_id, BEAT, self._count)

    def beat(self, trials: Iterable[FrozenTrial]) -> None:
        """Give a sign of life on this process's trials, if it is time."""
        if time.monotonic() - self._beaten < self._interval:
            return
        self._beaten, self._count = time.monotonic(), self._count + 1
        for trial in trials:
            self._write(trial._trial_id, BEAT, self._count)

    def is_mine(self, trial: FrozenTrial) -> bool:
        """Say whether this process's name is on the trial."""
        return bool(trial.user_attrs.get(HOLDER) == self.name)

    def is_left_alone(self, trial: FrozenTrial) -> bool:
        """Say whether no sign of life came from the trial's process for long."""
        sign = (trial.user_attrs.get(HOLDER), trial.user_attrs.get(BEAT))
        now = time.monotonic()
        if self._seen.get(trial.number, (None, 0.0))[0] != sign:
            self._seen[trial.number] = (sign, now)
        return now - self._seen[trial.number][1] > PATIENCE * self._interval
