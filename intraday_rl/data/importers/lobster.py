"""LOBSTER files: messages and order-book rows of NASDAQ become one-minute bars with the true side of each trade.

A message file and its order-book file run in parallel, row by row; the book row is the state after the message. Trades
are executions of visible (type 4) and hidden (type 5) orders; the direction is that of the resting order, so the
aggressor is on the other side. A cross trade (type 6) has no aggressor: it sets prices and counts in the volume, and
stays out of the measured columns. Halt messages (type 7) are no trades. Times are seconds after midnight in New York,
prices dollars times 10,000. The volume is NASDAQ's alone.

Source: LOBSTER, sample files' readme (2013).
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.aggregate import QUOTE_COLUMNS, inside_sessions
from intraday_rl.data.importers.base import ImportedBars, ImportRequest, with_progress
from intraday_rl.data.importers.headerless import csv_members, open_zip, read_table, refuse_rows, require
from intraday_rl.data.importers.lean import as_bars
from intraday_rl.data.importers.ticks import bars_of_ticks

NAME = re.compile(r"(?P<symbol>[^_/]+)_(?P<date>\d{4}-\d\d-\d\d)_\d+_\d+_(?P<kind>message|orderbook)_\d+\.csv")
ZONE = "America/New_York"
KINDS = ("message", "orderbook")
MESSAGE = ("seconds", "type", "order", "size", "price", "direction")
BOOK = ("ask", "ask_size", "bid", "bid_size")
EXECUTIONS, CROSS, HALT = (4, 5), 6, 7
PRICE_DIVISOR = 10_000.0
NO_PRICE = 9_999_999_999  # written, with either sign, where a level of the book is empty

Nanoseconds = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class _Table:
    """One table: a file, or a member of a zip."""

    path: Path
    member: str | None = None

    @property
    def place(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}: {self.member}"

    def read(self, columns: Sequence[str], first_columns_only: bool = False) -> pd.DataFrame:
        if self.member is None:
            return read_table(self.path, self.place, columns, first_columns_only)
        with open_zip(self.path) as archive:
            return read_table(archive.open(self.member), self.place, columns, first_columns_only)


def is_lobster(path: Path) -> bool:
    """Say whether a file or zip is named as LOBSTER names them, or a folder holds such a file."""
    if path.is_dir():
        return any(is_lobster(file) for file in path.iterdir() if file.is_file())
    if path.suffix.lower() == ".zip":
        return path.name.startswith("LOBSTER") or (zipfile.is_zipfile(path) and _holds_tables(path))
    return NAME.fullmatch(path.name) is not None


def _holds_tables(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(NAME.fullmatch(name.rpartition("/")[2]) for name in archive.namelist())


def import_lobster(request: ImportRequest) -> Iterator[ImportedBars]:
    """Yield the one-minute bars of each symbol of a zip, a folder, or one file and its partner beside it.

    Raises:
        DataError: there is no pair of files, a symbol is absent, or a file cannot be read or breaks a law.
    """
    found = _find(request.path)
    for symbol in request.symbols:
        if symbol not in found:
            raise DataError(
                f"{request.path}: has no symbol {symbol}{nearest(symbol, found)}; it holds {', '.join(found)}"
            )
    for symbol in request.symbols or sorted(found):
        counts: Counter[str] = Counter()
        frames = [
            _bars_of_day(kinds["message"], kinds["orderbook"], date, request.calendar, counts)
            for date, kinds in with_progress(sorted(found[symbol].items()), f"{symbol} days")
        ]
        yield ImportedBars(symbol, as_bars(pd.concat(frames), symbol), {k: n for k, n in counts.items() if n})


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _find(path: Path) -> dict[str, dict[str, dict[str, _Table]]]:
    """Return symbol -> date -> kind -> table; each date has both kinds."""
    found: dict[str, dict[str, dict[str, _Table]]] = defaultdict(lambda: defaultdict(dict))
    for name, table in _named_tables(path):
        match = NAME.fullmatch(name)
        if match and _is_date(match["date"]):
            kinds = found[match["symbol"].upper()][match["date"]]
            if match["kind"] in kinds:
                twin = kinds[match["kind"]].place
                raise DataError(f"{table.place}: is there a second time, as {twin}; name one of them")
            kinds[match["kind"]] = table
    if not found:
        raise DataError(
            f"{path}: must hold SYMBOL_DATE_START_END_message_LEVEL.csv and the same of orderbook, holds none; "
            f"correct the path"
        )
    for symbol, dates in found.items():
        for date, kinds in dates.items():
            for absent in set(KINDS) - set(kinds):
                raise DataError(f"{path}: {symbol} {date} has no {absent} file; put it beside the other one")
    return found


def _named_tables(path: Path) -> Iterator[tuple[str, _Table]]:
    if path.suffix.lower() == ".zip":
        with open_zip(path) as archive:
            yield from [(member.rpartition("/")[2], _Table(path, member)) for member in csv_members(archive)]
    elif path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix.lower() == ".zip" and is_lobster(file):
                yield from _named_tables(file)
            elif file.is_file():
                yield file.name, _Table(file)
    elif match := NAME.fullmatch(path.name):
        twins = [path.with_name(path.name.replace(f"_{match['kind']}_", f"_{kind}_")) for kind in KINDS]
        yield from [(twin.name, _Table(twin)) for twin in twins if twin.exists()]


def _bars_of_day(message: _Table, book: _Table, date: str, calendar: str, counts: Counter[str]) -> pd.DataFrame:
    messages = message.read(MESSAGE)
    rows = book.read(BOOK, first_columns_only=True)
    if len(messages) != len(rows):
        raise DataError(
            f"{book.place}: must have a row for each of the {len(messages)} messages, has {len(rows)}; download both "
            f"again"
        )
    time_ns = _time_ns(messages, message.place, date)
    trades, outside = inside_sessions(_trades(messages, message.place, time_ns, counts), calendar)
    counts["outside the sessions"] += outside
    quotes, outside = inside_sessions(_quotes(rows, book.place, time_ns), calendar)
    counts["quote outside the sessions"] += outside
    bars, left_out = bars_of_ticks(trades, quotes)
    counts.update(left_out)
    return bars


def _time_ns(messages: pd.DataFrame, place: str, date: str) -> Nanoseconds:
    seconds = messages["seconds"].to_numpy(dtype=np.float64)
    refuse_rows(messages, "seconds", ~((seconds >= 0) & (seconds < 86_400)), "be in [0, 86400)", place)
    refuse_rows(messages, "seconds", np.diff(seconds, prepend=seconds[:1]) < 0, "not decrease from row to row", place)
    wall = pd.Timestamp(date) + pd.to_timedelta(np.round(seconds * 1e9).astype(np.int64), unit="ns")
    return np.asarray(wall.tz_localize(ZONE).as_unit("ns").astype("int64"))


def _trades(messages: pd.DataFrame, place: str, time_ns: Nanoseconds, counts: Counter[str]) -> pd.DataFrame:
    """Return executions and crosses: time_ns, price, size, priced and side."""
    kind = messages["type"].to_numpy()
    counts["message of a trading halt"] += int((kind == HALT).sum())
    chosen = np.isin(kind, (*EXECUTIONS, CROSS))
    executed = messages[chosen]
    require(executed, ("price", "size"), lambda column: column > 0, "be > 0 for a trade", place)
    require(executed, ("direction",), lambda column: column.abs() == 1, "be 1 or -1", place)
    return pd.DataFrame(
        {
            "time_ns": time_ns[chosen],
            "price": executed["price"].to_numpy() / PRICE_DIVISOR,
            "size": executed["size"].to_numpy(),
            "priced": True,
            "side": np.where(kind[chosen] == CROSS, 0, -executed["direction"].to_numpy()),
        }
    )


def _quotes(book: pd.DataFrame, place: str, time_ns: Nanoseconds) -> pd.DataFrame:
    """Return the best bid and ask after each message; null where the book's side is empty."""
    require(book, ("bid_size", "ask_size"), lambda column: column >= 0, "be >= 0", place)
    quotes = {"time_ns": time_ns}
    for side in ("bid", "ask"):
        there = (book[side].abs() < NO_PRICE).to_numpy()
        refuse_rows(book, side, there & (book[side] <= 0).to_numpy(), "be > 0", place)
        quotes[side] = np.where(there, book[side].to_numpy() / PRICE_DIVISOR, np.nan)
        quotes[f"{side}_size"] = np.where(there, book[f"{side}_size"].to_numpy(dtype=np.float64), np.nan)
    return pd.DataFrame(quotes)[["time_ns", *QUOTE_COLUMNS]]
