"""What a process records on runs that other processes made: tags and numbers, known only after they ended.

Conventions: nothing here raises. A store that fails is said in one line of the log, the same trouble once; the answer
tells whether the store has it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from intraday_rl.tracking.mlflow_run import allowed_tags, remembered_id
from intraday_rl.tracking.params import allowed_name
from intraday_rl.tracking.store import Store, first_line, open_client

_logger = logging.getLogger(__name__)
_said: set[tuple[Path, str]] = set()  # troubles by store


def recorded_run_id(run_file: Path, store: Store) -> str | None:
    """Return the id of the run that a run folder's file remembers; None where none in this store is remembered."""
    try:
        return remembered_id(run_file, store)
    except (OSError, ValueError):
        return None


def tag_run(store: Store, run_id: str, tags: Mapping[str, str]) -> bool:
    """Set searchable text on a run and say whether the store has it; a tag set again is replaced."""

    def write(client: Any) -> None:
        from mlflow.entities import RunTag

        entries = [RunTag(name, value) for name, value in allowed_tags(tags).items()]
        client.log_batch(run_id, tags=entries, synchronous=True)

    return _written(store, run_id, write)


def log_to_run(store: Store, run_id: str, metrics: Mapping[str, float], step: int = 0) -> bool:
    """Record the finite ones of the numbers on a run and say whether the store has them.

    Of numbers recorded again, as after a restart, MLflow shows the last.
    """

    def write(client: Any) -> None:
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 1_000_000
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        entries = [Metric(allowed_name(name), value, now_ms, step) for name, value in finite.items()]
        client.log_batch(run_id, metrics=entries, synchronous=True)

    return _written(store, run_id, write)


def _written(store: Store, run_id: str, write: Callable[[Any], None]) -> bool:
    try:
        write(open_client(store))
    except Exception as error:  # whatever the store says: a record must not end what it records
        trouble = first_line(error)
        if (store.folder, trouble) not in _said:
            _said.add((store.folder, trouble))
            _logger.warning("MLflow: run %s could not be written: %s", run_id, trouble)
        return False
    return True
