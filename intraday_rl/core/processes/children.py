"""Commands in processes of their own: how they are started, and how they are ended.

Conventions: a process is the leader of its own process group. Ctrl-C reaches the process that started it alone, which
stops it: so it is told once, and whoever started several stops them all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

GRACE_SECONDS = 30.0  # to save what there is after SIGTERM; then SIGKILL
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LEASH = Path(__file__).with_name("leash.py")


def usable_cores() -> int:
    """Return how many cores this process may use; where the system does not say, how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(
    command: Sequence[str],
    *,
    output: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    kept_open: Sequence[int] = (),
    on_leash: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a command.

    Args:
        command: program and arguments.
        output: where it writes what it says; None = to this process's own terminal.
        environment: variables besides those of this process.
        kept_open: file descriptors that stay open in it.
        on_leash: whether it is killed when this process dies, however that ends (on Linux).
    """
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())] if on_leash else []
    return subprocess.Popen(
        [*leash, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
        pass_fds=tuple(kept_open),
        process_group=0,
    )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the processes with all that they started: SIGTERM, and SIGKILL for what is still there after a while.

    A second Ctrl-C does not wait.
    """
    working = [process for process in processes if process.poll() is None]
    _signal(working, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        for process in working:
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(working, signal.SIGKILL)
        for process in working:
            process.wait()


def _signal(leaders: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    """Send a signal to the processes and to all that they started; those that are gone are left out."""
    for leader in leaders:
        with suppress(ProcessLookupError, PermissionError):  # macOS says the second of one that just ended
            os.killpg(leader.pid, number)
