"""One process at a time trains in a run folder.

Conventions: the system's own lock on a file decides, which ends with the process that holds it, however that ends. Who
holds it is written beside it, for the message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from intraday_rl.app.resuming.places import RESUME
from intraday_rl.core.errors import ConfigError
from intraday_rl.tracking.store import HOST_TAG, PROCESS_TAG, STARTED_TAG, process_tags

LOCK, HOLDER = "lock", "process.json"


@contextmanager
def sole_process(run_folder: Path) -> Iterator[None]:
    """Keep other processes out of the run folder within the block.

    Raises:
        ConfigError: another one is at work there.
    """
    folder = run_folder / RESUME
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{run_folder} is at work{_holder(folder)}: wait for it, or stop it") from error
    try:
        (folder / HOLDER).write_text(json.dumps(process_tags()) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    """Return ' in process …' as far as it is known."""
    try:
        tags = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        since = datetime.fromtimestamp(float(tags[STARTED_TAG])).astimezone().isoformat(" ", "seconds")
        return f" in process {tags[PROCESS_TAG]} on {tags[HOST_TAG]}, which began at {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return " in another process"
