"""Historical bars of one symbol from a Parquet file, a folder of them, or a store."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.bars import OPTIONAL_COLUMNS, Bars
from intraday_rl.data.files import file_of_symbol, read_symbol, source_files
from intraday_rl.data.grid import to_grid
from intraday_rl.data.quality import QualityLimits, assess_bars
from intraday_rl.data.quality.limits import CHECK_NAMES
from intraday_rl.data.sessions import parse_date
from intraday_rl.data.storage.prepared import prepared_bars

logger = logging.getLogger(__name__)

SESSIONS_NAMED = 3
QUOTES = ("bid", "ask", "bid_size", "ask_size")


@dataclass(frozen=True, kw_only=True)
class HistoricalFiles:
    """One symbol's bars from files.

    Attributes:
        path: a Parquet file, a folder that holds SYMBOL.parquet, or a store.
        symbol: the symbol to load.
        start: first trading day, YYYY-MM-DD; None = the file's first.
        end: last trading day, YYYY-MM-DD, included; None = the file's last.
        calendar: name of the exchange calendar, such as XNYS.
        exclude: quality checks; sessions that fail one of them are left out. () = none is left out.
        quality: limits of the checks.
        without: optional columns of the files that are left unused.
    """

    path: Path
    symbol: str
    start: str | None
    end: str | None
    calendar: str
    exclude: tuple[str, ...]
    quality: QualityLimits
    without: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.without:
            checks.one_of("HistoricalFiles", "without", name, OPTIONAL_COLUMNS)
        for name in self.exclude:
            checks.one_of("HistoricalFiles", "exclude", name, CHECK_NAMES)
        first, last = self._day("start"), self._day("end")
        if first is not None and last is not None and first > last:
            raise ParameterError(f"HistoricalFiles.start must be <= end, was {first} after {last}")

    def _day(self, name: str) -> np.datetime64 | None:
        value = getattr(self, name)
        return None if value is None else parse_date("HistoricalFiles", name, value)

    def load(self) -> Bars:
        """Return the bars of the sessions from `start` to `end`, from the cache where they were read before.

        Sessions that fail a quality check are named in the log, whether they are kept or, by `exclude`, left out.

        Raises:
            DataError: the file is missing or breaks a law of the data, or has no session in that time.
        """
        files = source_files(Path(self.path), self.symbol, self._day("start"), self._day("end"))
        question = [asdict(self) | {"path": None}, "checked"]
        bars, notes = prepared_bars(files, question, self._checked)
        for note in notes:
            logger.warning("%s", note)
        return bars

    def _checked(self) -> tuple[Bars, Sequence[str]]:
        """Return the bars without the sessions that are to be left out, and notes on all that fail a check.

        A record has a column in all sessions or in none: what features are computed from is decided for the whole
        record, and must not change with the sessions that come later.
        """
        bars = self._read()
        quality = assess_bars(bars, self.quality)
        left_out = quality.failed(self.exclude)
        if left_out.all():
            raise DataError(
                f"{self.path}: {self.symbol}: all {len(left_out)} sessions fail {', '.join(self.exclude)}; leave "
                "fewer checks in data.exclude, or change the limits in data.quality"
            )
        kept = bars.keep_sessions(~left_out) if left_out.any() else bars
        self._refuse_mixed(kept)
        notes = []
        for name, fails in quality.fails.items():
            if fails.any():
                what = f"kept; data.exclude=[{name}] leaves them out"
                if name in self.exclude:
                    what = "left out, as the whole record has them judged: a live run would not know it beforehand"
                named = ", ".join(bars.sessions.date[fails][:SESSIONS_NAMED].astype(str))
                more = f" and {int(fails.sum()) - SESSIONS_NAMED} more" if fails.sum() > SESSIONS_NAMED else ""
                count = f"{int(fails.sum())} of {len(fails)} sessions"
                notes.append(f"{self.symbol}: {count} fail the check {name} ({named}{more}): {what}")
        return kept, notes

    def _refuse_mixed(self, bars: Bars) -> None:
        mixed = bars.mixed_columns()
        if mixed:
            name, having = next(iter(mixed.items()))
            dates = bars.sessions.date[~having]
            quotes = ", the sessions (data.exclude=[missing_quotes])" if name in QUOTES else ""
            raise DataError(
                f"{self.path}: {self.symbol}: {name} must be in every session or in none, {len(dates)} of "
                f"{len(having)} are without it ({dates[0]} first); leave out days (data.start, data.end){quotes} "
                f"or the column: data.without=[{','.join(mixed)}]"
            )

    def _read(self) -> Bars:
        start, end = self._day("start"), self._day("end")
        file = file_of_symbol(Path(self.path), self.symbol)
        frame = read_symbol(Path(self.path), self.symbol, start, end).drop(columns=list(self.without), errors="ignore")
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
