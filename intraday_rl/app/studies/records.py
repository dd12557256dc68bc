"""What became of the process of a run: how it ended and how long it worked, as a small file beside the run's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

RUNNING, STOPPED, FAILED, FINISHED = "running", "stopped", "failed", "finished"
LAST_LINES = 5


class Record(NamedTuple):
    """What became of a run's process.

    A run that still is `running` although no study is at work was cut off with its study: how long it worked is not
    known.
    """

    status: str
    wall_seconds: float | None  # of all its processes; None = not known


def read_record(file: Path) -> Record | None:
    """Return the record, None where there is none that can be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Record(content["status"], content["wall_seconds"])
    except (OSError, ValueError, KeyError):
        return None


def write_record(file: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(record._asdict()) + "\n", encoding="utf-8")
    os.replace(new, file)


def worked(record: Record | None) -> float | None:
    """Return the seconds that a run has worked, while no study is at work; None = not known."""
    return None if record is None or record.status == RUNNING else record.wall_seconds


def last_lines(log: Path) -> list[str]:
    """Return the last lines of what a process said."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.rstrip() for line in lines if line.strip()][-LAST_LINES:]
