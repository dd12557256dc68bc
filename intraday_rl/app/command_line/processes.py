"""A training in a process of its own: train.py with arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.core import processes


def training_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs train.py with the arguments."""
    return [sys.executable, str(PROJECT / "train.py"), *arguments]


def start_training(
    arguments: Sequence[str],
    *,
    output: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    kept_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start train.py.

    Args:
        arguments: of its command line.
        output: where it writes what it says; None = to this process's own terminal.
        environment: variables besides those of this process.
        kept_open: file descriptors that stay open in it.
    """
    return processes.start(training_command(arguments), output=output, environment=environment, kept_open=kept_open)
