"""Processes of this machine, one thread each; they die with the sweep, however it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from intraday_rl.core import processes
from intraday_rl.sweeps.executors.base import Command


class Local(NamedTuple):
    """Parameters of the executor: it has none besides the number of workers."""

    def open(self, n_workers: int | None) -> LocalExecutor:
        """Return the executor.

        Args:
            n_workers: how many trials at a time; None = as many as this process has cores.
        """
        return LocalExecutor(processes.usable_cores() if n_workers is None else n_workers)


class LocalExecutor:
    """Processes of this machine.

    Attributes:
        capacity: how many at a time.
    """

    def __init__(self, n_workers: int) -> None:
        """Begin with none."""
        self.capacity = n_workers

    def start(self, command: Command) -> subprocess.Popen[bytes]:
        """Start a process."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as output:
            return processes.start(
                command.arguments,
                output=output,
                environment={**processes.ONE_THREAD, **command.environment},
                on_leash=True,
            )

    def stop(self, handles: Sequence[subprocess.Popen[bytes]]) -> None:
        """End processes with all that they started."""
        processes.stop(handles)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
