"""The contract of an importer: what is asked of it, and what it gives back for each symbol.

An importer yields frames with the columns of `read_bars`: timestamp (START of the bar, UTC nanoseconds), symbol, open,
high, low, close, volume, and those of the optional columns that its format tells. Nothing is filled in. What is left
out is counted by its reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from intraday_rl.core import checks

FORMATS = ("auto", "lean", "lobster", "table")
STAMPS = ("start", "end")
PATIENT_FILES = 5  # more files than these show their progress

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What to import.

    Attributes:
        path: a file or a folder.
        format: one of `FORMATS`; auto = told from the path. A table is a CSV or Parquet file of bars.
        symbols: the symbols to take; () = all that are found.
        zone: time zone of a table's stamps that have none, such as America/New_York; None = they must have one.
        stamp: which end of the bar a table's stamps mark, start or end.
        calendar: name of the exchange calendar; rows outside its sessions are left out and counted.
    """

    path: Path
    format: str
    symbols: tuple[str, ...]
    zone: str | None
    stamp: str
    calendar: str

    def check(self) -> None:
        """Refuse an unknown format or side.

        Raises:
            ParameterError: a field breaks its law.
        """
        checks.one_of("ImportRequest", "format", self.format, FORMATS)
        checks.one_of("ImportRequest", "stamp", self.stamp, STAMPS)


@dataclass(frozen=True, eq=False)
class ImportedBars:
    """One symbol's bars.

    Attributes:
        symbol: its name.
        frame: (T, ...) bars in time order, as `check_bars` demands.
        counts: reason -> how many rows of the source were left out or changed for it, such as
            {"outside the sessions": 240, "suspicious tick": 12}.
        doubts: a line for each thing stated of the source that its rows speak against.
    """

    symbol: str
    frame: pd.DataFrame
    counts: Mapping[str, int]
    doubts: tuple[str, ...] = ()


def with_progress(files: Sequence[T], description: str) -> Iterable[T]:
    """Return the files; many of them draw a progress bar on a terminal while they are taken."""
    if len(files) <= PATIENT_FILES or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, description=description, console=Console(stderr=True))
