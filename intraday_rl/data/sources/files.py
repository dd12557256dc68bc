"""Historical bars of one symbol from a Parquet file, a folder of them or a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.bars import Bars
from intraday_rl.data.files import file_of_symbol, read_symbol, source_files
from intraday_rl.data.grid import to_grid
from intraday_rl.data.sessions import parse_date
from intraday_rl.data.storage.prepared import prepared_bars


@dataclass(frozen=True, kw_only=True)
class HistoricalFiles:
    """One symbol's bars from files.

    Attributes:
        path: a Parquet file, a folder that holds SYMBOL.parquet, or a store.
        symbol: the symbol to load.
        start: first trading day, YYYY-MM-DD; None = the file's first.
        end: last trading day, YYYY-MM-DD, included; None = the file's last.
        calendar: name of the exchange calendar, such as XNYS.
    """

    path: Path
    symbol: str
    start: str | None
    end: str | None
    calendar: str

    def __post_init__(self) -> None:
        first, last = self._day("start"), self._day("end")
        if first is not None and last is not None and first > last:
            raise ParameterError(f"HistoricalFiles.start must be <= end, was {first} after {last}")

    def _day(self, name: str) -> np.datetime64 | None:
        value = getattr(self, name)
        return None if value is None else parse_date("HistoricalFiles", name, value)

    def load(self) -> Bars:
        """Return the bars of the sessions from `start` to `end`, from the cache where they were read before.

        Raises:
            DataError: the file is missing or breaks a law of the data, or has no session in that time.
        """
        files = source_files(Path(self.path), self.symbol, self._day("start"), self._day("end"))
        return prepared_bars(files, [self.symbol, self.start, self.end, self.calendar], self._read)

    def _read(self) -> Bars:
        start, end = self._day("start"), self._day("end")
        file = file_of_symbol(Path(self.path), self.symbol)
        frame = read_symbol(Path(self.path), self.symbol, start, end)
        bars = to_grid(frame, self.symbol, self.calendar, str(file))
        dates = bars.sessions.date
        first = 0 if start is None else int(np.searchsorted(dates, start, side="left"))
        stop = len(dates) if end is None else int(np.searchsorted(dates, end, side="right"))
        if first == stop:
            raise DataError(
                f"{file}: {self.symbol} has no session from {start or 'its start'} to {end or 'its end'}; "
                f"it covers {dates[0]} to {dates[-1]}"
            )
        return bars.take_sessions(first, stop)
