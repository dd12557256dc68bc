"""Sweeps as processes of their own on the command line, and what their trials noted (`slow_command.py`)."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.sweeps.storage import open_storage

SLOW_COMMAND = PROJECT / "tests" / "support" / "slow_command.py"
MINIMIZED = "{direction: minimize, cap: null, reference: 1.1}"
PATIENCE_SECONDS = 120.0


@contextmanager
def study_folder() -> Iterator[Path]:
    """Give the folder of a study that nobody has, and remove it."""
    folder = PROJECT / "multirun" / f"test_{secrets.token_hex(6)}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def of_command(folder: Path, command: Sequence[object], objectives: Sequence[str], *overrides: str) -> list[str]:
    """Return the arguments of a sweep over a command."""
    return [
        "-m",
        "hparams=command",
        f"hparams.study={folder.name}",
        f"hparams.command={json.dumps([str(part) for part in (sys.executable, *command)])}",
        *(f"+hparams.objectives.{name}={MINIMIZED}" for name in objectives),
        "tracking=none",
        "progress=false",
        *overrides,
    ]


def start(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start train.py; what it says goes to the end of the log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "train.py"), *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def run(arguments: Sequence[str], log: Path) -> None:
    """Run train.py to its end."""
    assert start(arguments, log).wait() == 0, log.read_text()[-3000:]


def wait_for(has_come: Callable[[], object], process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until it has come; say False if the process ended before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not has_come():
        assert time.monotonic() < deadline, "it did not come"
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def trials(folder: Path) -> list[Any]:
    """Return Optuna's trials of the study in the folder."""
    import optuna

    return optuna.load_study(study_name=folder.name, storage=open_storage(None, folder)).trials


class Notes:
    """What `slow_command.py` wrote into a folder."""

    def __init__(self, folder: Path) -> None:
        """Begin with none."""
        self.folder = folder
        folder.mkdir()

    def read(self, what: str) -> list[dict[str, Any]]:
        """Return all notes of the kind, `begin` or `end`, in order, each with its `at` in seconds."""
        files = sorted(self.folder.glob(f"*_{what}_*.json"))
        return [{**json.loads(file.read_text()), "at": int(file.name.partition("_")[0]) / 1e9} for file in files]

    def at_work(self) -> list[dict[str, Any]]:
        """Return the beginnings whose process has not ended."""
        return [note for note in self.read("begin") if is_alive(note["pid"])]

    def left(self) -> list[int]:
        """Return the numbers of processes that are still there, of all that the notes name."""
        return [pid for note in self.read("begin") for pid in (note["pid"], note["helper"]) if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Say whether the process is there, and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
