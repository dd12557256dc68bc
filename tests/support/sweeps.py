"""Sweeps over tests/support/slow_command.py, started as a user starts them, and what their study came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.sweeps.storage import open_storage

SLOW_COMMAND = PROJECT / "tests" / "support" / "slow_command.py"
PATIENCE_SECONDS = 50.0


def start_sweep(
    study: str, notes: Path, seconds: float, *arguments: str, name: str = "sweep", folder: Path = PROJECT
) -> subprocess.Popen[bytes]:
    """Start a sweep whose trials take so many seconds; what it says is in `NAME.out` of the notes."""
    command = f"hparams.command=['{sys.executable}','{SLOW_COMMAND}','{notes}','{seconds}']"
    objective = "+hparams.objectives.f1={direction: minimize, cap: null, reference: 1.0}"
    fixed = ["-m", "hparams=command", f"hparams.study={study}", command, objective, "x=interval(0.0,1.0)"]
    with (notes / f"{name}.out").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "train.py"), *fixed, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            process_group=0,
        )


def finish(sweeps: Sequence[subprocess.Popen[bytes]], notes: Path) -> None:
    """Wait for sweeps, and see that each ended well."""
    for sweep in sweeps:
        try:
            status = sweep.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            sweep.kill()
            status = None
        assert status == 0, "\n".join(file.read_text()[-3000:] for file in sorted(notes.glob("*.out")))


def notes_of(notes: Path, what: str) -> list[dict]:
    """Return what the commands noted, oldest first."""
    return [json.loads(file.read_text()) for file in sorted(notes.glob(f"*_{what}_*.json"))]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)


def alive(pids: Sequence[int]) -> list[int]:
    """Return the processes that still run."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def trials_of(storage: str | None, study: str) -> list[tuple[int, str, dict]]:
    """Return (number, state, attributes) of the trials that count."""
    opened = open_storage(storage, PROJECT / "multirun" / study)
    trials = opened.get_all_trials(opened.get_study_id_from_name(study))
    return [(t.number, t.state.name, {**t.user_attrs, **t.params}) for t in trials if not t.user_attrs.get("surplus")]


@contextmanager
def free_study(name: str) -> Iterator[str]:
    """Name a study whose folder is removed afterwards."""
    import shutil

    shutil.rmtree(PROJECT / "multirun" / name, ignore_errors=True)
    try:
        yield name
    finally:
        shutil.rmtree(PROJECT / "multirun" / name, ignore_errors=True)
