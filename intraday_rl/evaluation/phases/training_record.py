"""What training showed, number by number: written during training, read when its criteria are judged.

Conventions: one CSV of step, metric and value, in time order; `episode.<name>` once for each finished episode, all
others as the learner logs them (`train/entropy_loss`). Numbers that are not finite are kept: they are counted.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import DataError
from intraday_rl.core.persistence.csv_file import CsvFile

FILE = "training.csv"
COLUMNS = ("step", "metric", "value")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainingRecord:
    """The numbers of one training.

    Attributes:
        series: steps (n,) and values (n,) of each metric.
        last_step: of the last number.
    """

    series: dict[str, tuple[Floats, Floats]]
    last_step: int

    def values(self, metric: str, first_steps: int | None) -> Floats | None:
        """Return a metric's values within the first steps (None = all), (m,); None where it was never recorded."""
        if metric not in self.series:
            return None
        steps, values = self.series[metric]
        return values if first_steps is None else values[steps <= first_steps]


def read_record(path: Path) -> TrainingRecord:
    """Return the record of a file.

    Raises:
        DataError: the file is not such a record.
    """
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != COLUMNS:
                raise ValueError("its columns")
            for step, metric, value in reader:
                rows[metric].append((int(step), float(value)))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must be a record of step, metric and value; remove it, or copy it anew") from error
    series = {metric: tuple(np.array(pairs, dtype=np.float64).T) for metric, pairs in rows.items()}
    last = max((int(steps[-1]) for steps, _ in series.values()), default=0)
    return TrainingRecord({name: (steps, values) for name, (steps, values) in series.items()}, last)


class RecordWriter:
    """Writer of the file; rows are handed to the system when it is closed and now and then before."""

    def __init__(self, path: Path) -> None:
        """Open the file; numbers of an interrupted run that is continued stay and new ones follow."""
        self._file = CsvFile(path, COLUMNS)

    def add(self, step: int, metric: str, value: float) -> None:
        """Write one number."""
        text = format(value, ".10g") if math.isfinite(value) else str(value)
        self._file.write((step, metric, text))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def state(self) -> dict[str, Any]:
        """Return the file's size."""
        return {"size": self._file.secured_size()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Drop what was written after that state.

        Raises:
            CheckpointError: numbers are missing.
        """
        self._file.cut(state["size"])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
