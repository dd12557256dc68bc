"""Delimited tables as exchanges and vendors write them: headerless columns of numbers, plain or in a zip.

A table that breaks a law is refused in one line with its file and first bad row, counted from 0; nothing is repaired.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import DataError

MILLISECONDS_A_DAY = 86_400_000
TEXT_COLUMNS = ("exchange", "condition")


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip that holds at least one CSV.

    Raises:
        DataError: the file is absent, no zip, damaged or without a CSV.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if not csv_members(archive):
                raise DataError(f"{path}: must hold a CSV file, holds none; download it again")
            yield archive
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a zip ({reason}); download it again") from None


def csv_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the zip's CSV files, sorted."""
    return sorted(name for name in archive.namelist() if name.lower().endswith(".csv"))


def read_table(
    source: IO[bytes] | Path, place: str, columns: Sequence[str], first_columns_only: bool = False
) -> pd.DataFrame:
    """Return a headerless table with these columns; `exchange` and `condition` are text, the others numbers.

    Args:
        source: an open file or a path.
        place: what messages call it.
        columns: the names of the columns, in the file's order.
        first_columns_only: the file has more columns than are named.

    Raises:
        DataError: the table is empty or damaged, has another number of columns, or holds text where a number is due.
    """
    text = {number: "str" for number, name in enumerate(columns) if name in TEXT_COLUMNS}
    chosen = list(range(len(columns))) if first_columns_only else None
    try:
        frame = pd.read_csv(source, header=None, dtype=text, usecols=chosen, low_memory=False)
    except pd.errors.EmptyDataError:
        raise DataError(f"{place}: must hold rows, is empty; download it again") from None
    except (
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:  # pandas' parser errors are ValueErrors
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{place}: cannot be read as a table ({reason}); download it again") from None
    if frame.shape[1] != len(columns):
        raise DataError(
            f"{place}: must have {len(columns)} columns ({', '.join(columns)}), has {frame.shape[1]}; export it again"
        )
    frame.columns = pd.Index(columns)
    for name in columns:
        if name not in TEXT_COLUMNS and not pd.api.types.is_numeric_dtype(frame[name]):
            numbers = pd.to_numeric(frame[name], errors="coerce")
            refuse_rows(frame, name, (numbers.isna() & frame[name].notna()).to_numpy(), "be a number", place)
            frame[name] = numbers
    return frame


def refuse_rows(frame: pd.DataFrame, column: str, bad: npt.NDArray[np.bool_], law: str, place: str) -> None:
    """Refuse a table of which a row is bad.

    Raises:
        DataError: a row is bad; the line names the first one.
    """
    if bad.any():
        row = int(np.argmax(bad))
        count = f" ({int(bad.sum())} rows)" if bad.sum() > 1 else ""
        raise DataError(
            f"{place}: row {row}: {column} must {law}, was {frame[column].iloc[row]}{count}; export it again"
        )


def require(frame: pd.DataFrame, columns: Sequence[str], holds: Callable[[Any], Any], law: str, place: str) -> None:
    """Refuse the first row in which the law does not hold for a column."""
    for name in columns:
        refuse_rows(frame, name, ~np.asarray(holds(frame[name]), dtype=bool), law, place)
