"""A CSV file that rows are appended to, and that can be cut back to what it held at an earlier moment."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from intraday_rl.core.errors import CheckpointError


class CsvFile:
    """Writer of rows, with the column names on the first line; rows that are there already stay."""

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        """Open the file; the columns are written into an empty one."""
        self._path = path
        self._file = path.open("a", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        if self._file.tell() == 0:
            self.write(columns)
            self.flush()

    def write(self, row: Iterable[Any]) -> None:
        """Append a row; it may wait in memory until `flush` or `close`."""
        self._rows.writerow(row)

    def flush(self) -> None:
        """Hand what waits to the system, so that it survives this process."""
        self._file.flush()

    def close(self) -> None:
        """Write what waits and close the file."""
        self._file.close()

    def secured_size(self) -> int:
        """Bring all rows to the disk and return the file's size, bytes."""
        self.flush()
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def cut(self, size: int) -> None:
        """Drop everything behind the first `size` bytes.

        Raises:
            CheckpointError: the file does not have so many.
        """
        self.flush()
        present = os.fstat(self._file.fileno()).st_size
        if not 0 <= size <= present:
            raise CheckpointError(f"{self._path} must have at least {size} bytes, had {present}; put it back as it was")
        os.ftruncate(self._file.fileno(), size)
