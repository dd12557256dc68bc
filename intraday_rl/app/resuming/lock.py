"""One process at a time trains in a run folder.

Conventions: the system's own lock on a file decides, which ends with the process that holds it, however that ends. Who
holds it is written beside it, for the message.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from intraday_rl.app.resuming.places import RESUME, checkpoint_steps, refuse_nothing_left, refuse_taken
from intraday_rl.core.errors import ConfigError
from intraday_rl.tracking.store import HOST_TAG, PROCESS_TAG, STARTED_TAG, process_tags

LOCK, HOLDER = "lock", "process.json"


@contextmanager
def sole_process(run_folder: Path, resumes: bool) -> Iterator[None]:
    """Keep other processes out of the run folder within the block.

    Args:
        run_folder: of the run.
        resumes: whether the run there goes on; otherwise one begins.

    Raises:
        ConfigError: another one is at work there, a run to begin finds one there, or a run to go on with has nothing
            left to do or to go on from.
    """
    folder, refuse = run_folder / RESUME, refuse_nothing_left if resumes else refuse_taken
    refuse(run_folder)  # before anything is written
    if not resumes:
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{run_folder} is at work{_holder(folder)}: wait for it, or stop it") from error
    try:
        _refuse_again(refuse, run_folder)
        (folder / HOLDER).write_text(json.dumps(process_tags()) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _refuse_again(refuse: Callable[[Path], None], run_folder: Path) -> None:
    """Refuse with the lock held: another process may have come to its end meanwhile."""
    try:
        refuse(run_folder)
    except ConfigError:
        if not checkpoint_steps(run_folder):  # the lock's own trace: a finished run stays finished
            shutil.rmtree(run_folder / RESUME, ignore_errors=True)
        raise


def _holder(folder: Path) -> str:
    """Return ' in process …' as far as it is known."""
    try:
        tags = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        since = datetime.fromtimestamp(float(tags[STARTED_TAG])).astimezone().isoformat(" ", "seconds")
        return f" in process {tags[PROCESS_TAG]} on {tags[HOST_TAG]}, which began at {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return " in another process"
