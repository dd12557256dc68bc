"""The bar store: Parquet files partitioned by symbol and day, one for each session, each with the hash of its values.

Conventions: `<root>/symbol=SPY/year=2024/month=07/day=03/SPY.parquet`, which readers of hive partitions understand
(the symbol is percent-encoded). The day is the exchange's trading day. Columns are `COLUMNS`, optional ones only in
sessions where they are known; a bar without a value of them holds null. The hash is over symbol, day and values, not
over bytes, so compression does not change it, and a file that was moved is found as well. A file appears whole or not
at all, and nothing is shared between files, so several writers do not disturb each other.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.core.hashing import hash_arrays, hash_json
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Bars
from intraday_rl.data.grid import to_grid
from intraday_rl.data.sessions import DateArray

FORMAT = 1
METADATA_KEY = b"intraday_rl"  # in the Parquet file: JSON with format, symbol, session, calendar, origin, content_hash
COLUMNS = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("ns", tz="UTC"), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in REQUIRED_COLUMNS),
        *(pa.field(name, pa.float64()) for name in OPTIONAL_COLUMNS),
    ]
)
DAY_FOLDERS = "year=[0-9][0-9][0-9][0-9]/month=[0-9][0-9]/day=[0-9][0-9]"
PARTITION = "symbol="


@dataclass(frozen=True)
class Written:
    """What a call of `BarStore.write` wrote.

    Attributes:
        sessions: number of files.
        bars: number of rows in them.
        revised: rows that a later row of the same minute replaced.
        held: sessions that the store had with the same bars; their files were left as they were.
        replaced: days of the written sessions that the store had with other bars.
    """

    sessions: int
    bars: int
    revised: int
    held: int
    replaced: tuple[str, ...]


@dataclass(frozen=True)
class BarStore:
    """The bars below a folder, whether it exists or not.

    Attributes:
        root: the folder.
    """

    root: Path

    @staticmethod
    def is_store(path: Path) -> bool:
        """Say whether the path is a folder with at least one symbol's partition."""
        return path.is_dir() and any(child.is_dir() for child in path.glob(f"{PARTITION}*"))

    def symbols(self) -> list[str]:
        """Return the symbols, sorted."""
        folders = (path for path in self.root.glob(f"{PARTITION}*") if path.is_dir())
        return sorted(unquote(path.name.removeprefix(PARTITION)) for path in folders)

    def folder_of(self, symbol: str) -> Path:
        """Return the folder that holds, or would hold, the symbol's sessions."""
        return self.root / f"{PARTITION}{quote(symbol, safe='')}"

    def sessions(self, symbol: str) -> DateArray:
        """Return the days of the symbol's files in time order, (S,); empty where it has none."""
        return np.array([_day_of(file) for file in self._files(symbol)], dtype="datetime64[D]")

    def intact_sessions(self, symbol: str) -> DateArray:
        """Return the days whose files can be read and hold what was written, in time order, (S,)."""
        return np.array([_day_of(f) for f in self._files(symbol) if not _damage(f, symbol)], dtype="datetime64[D]")

    def verify(self) -> list[str]:
        """Return a line for each file that cannot be read or does not hold what was written; [] = all are sound."""
        lines = (_damage(file, symbol) for symbol in self.symbols() for file in self._files(symbol))
        return [line for line in lines if line]

    def files(self, symbol: str, start: np.datetime64 | None = None, end: np.datetime64 | None = None) -> list[Path]:
        """Return the symbol's files from the day `start` to the day `end`, both included, in time order.

        Raises:
            DataError: the store has no session of the symbol in that time.
        """
        files = self._files(symbol)
        if not files:
            known = self.symbols()
            held = ", ".join(known) or "nothing"
            raise DataError(f"{self.root}: has no symbol {symbol}{nearest(symbol, known)}; it holds {held}")
        days = [_day_of(file) for file in files]
        chosen = [
            file
            for file, day in zip(files, days, strict=True)
            if (start is None or day >= start) and (end is None or day <= end)
        ]
        if not chosen:
            raise DataError(
                f"{self.root}: {symbol} has no session from {start or 'its start'} to {end or 'its end'}; "
                f"it covers {days[0]} to {days[-1]}"
            )
        return chosen

    def read(self, symbol: str, start: np.datetime64 | None = None, end: np.datetime64 | None = None) -> pd.DataFrame:
        """Return the bars of the sessions from `start` to `end`, both included, with the columns of `read_bars`.

        Time stamps are UTC nanoseconds; columns that none of the sessions has are absent. Every hash is compared.

        Raises:
            DataError: as `files`, or a file is damaged.
        """
        tables = [_read_file(file, symbol)[0] for file in self.files(symbol, start, end)]
        table = pa.concat_tables(tables, promote_options="default").replace_schema_metadata(None)
        known = [name for name in COLUMNS.names if name in table.schema.names]
        frame: pd.DataFrame = table.select(known).to_pandas()
        frame.insert(1, "symbol", symbol)
        return frame

    def write(self, frame: pd.DataFrame, symbol: str, calendar: str, origin: Mapping[str, str]) -> Written:
        """Write the symbol's bars; each session that the frame has other rows of replaces the stored one as a whole.

        Of several rows of one minute the last one counts: a bar that is sent again is a revision. Nothing is written
        unless all rows obey the laws of `to_grid`.

        Args:
            frame: bars with the columns of `read_bars`, in any order of time.
            symbol: the symbol to take; rows of others are left out.
            calendar: name of the exchange calendar that says which session a bar belongs to.
            origin: where the bars come from, kept in every file.

        Raises:
            DataError: a row breaks a law of `to_grid`.
            OSError: a file cannot be written; sessions written before stay.
        """
        latest = _latest(frame)
        bars = to_grid(latest, symbol, calendar, f"bars of {symbol}")
        rows, replaced, held = 0, [], 0
        for number in range(len(bars.sessions)):
            session = bars.take_sessions(number, number + 1)
            table, day = _to_table(session), session.sessions.date[0]
            file = self._file_of(symbol, day)
            former, content = _hash_of(file, symbol), content_hash(table, symbol, day)
            if former == content:
                held += 1
                continue
            _write_session(table, file, symbol, calendar, origin, content)
            rows += table.num_rows
            replaced += [str(day)] if former else []
        return Written(len(bars.sessions) - held, rows, len(frame) - len(latest), held, tuple(replaced))

    def _file_of(self, symbol: str, day: np.datetime64) -> Path:
        year, month, date = str(day).split("-")
        folder = self.folder_of(symbol) / f"year={year}" / f"month={month}" / f"day={date}"
        return folder / f"{quote(symbol, safe='')}.parquet"

    def _files(self, symbol: str) -> list[Path]:
        return sorted(self.folder_of(symbol).glob(f"{DAY_FOLDERS}/{quote(symbol, safe='')}.parquet"))


def content_hash(table: pa.Table, symbol: str, day: np.datetime64) -> str:
    """Return the sha256 over symbol, day, names of the columns and their values."""
    times = table.column("timestamp").cast(pa.int64()).to_numpy()
    names = [name for name in table.schema.names if name != "timestamp"]
    values = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in names]
    return hash_json([symbol, str(day), names, hash_arrays(times, *values)])


def _latest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in time order, of each minute the last; frames without usable times are left as they are."""
    if "timestamp" not in frame or not pd.api.types.is_datetime64_any_dtype(frame["timestamp"]):
        return frame
    times = frame["timestamp"]
    ordered = frame if times.is_monotonic_increasing else frame.sort_values("timestamp", kind="stable")
    keys = ["symbol", "timestamp"] if "symbol" in frame else ["timestamp"]
    return ordered[~ordered.duplicated(keys, keep="last")]


def _to_table(bars: Bars) -> pa.Table:
    known = [name for name in COLUMNS.names[1:] if name in REQUIRED_COLUMNS or bars.has(name)]
    schema = pa.schema([COLUMNS.field(name) for name in ("timestamp", *known)])
    times = pa.array(bars.start_ns[bars.traded]).cast(schema.field("timestamp").type)
    values = [pa.array(getattr(bars, name)[bars.traded], from_pandas=True) for name in known]
    return pa.table([times, *values], schema=schema)


def _write_session(
    table: pa.Table, file: Path, symbol: str, calendar: str, origin: Mapping[str, str], content: str
) -> None:
    description = {
        "format": FORMAT,
        "symbol": symbol,
        "session": str(_day_of(file)),
        "calendar": calendar,
        "origin": dict(origin),
        "content_hash": content,
    }
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(description, sort_keys=True).encode()})
    file.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(table, file)


def _write_whole(table: pa.Table, file: Path) -> None:
    """Write beside the file, then rename, so that it is whole whenever it is there."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("wb") as sink:
            pq.write_table(table, sink, compression="snappy", use_dictionary=False)  # a third of zstd's reading time
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


def _day_of(file: Path) -> np.datetime64:
    year, month, day = (part.partition("=")[2] for part in file.parts[-4:-1])
    return np.datetime64(f"{year}-{month}-{day}", "D")


def _hash_of(file: Path, symbol: str) -> str:
    """Return the content hash of a sound file, '' where there is none."""
    try:
        return _read_file(file, symbol)[1] if file.exists() else ""
    except DataError:
        return ""


def _damage(file: Path, symbol: str) -> str:
    """Return what is wrong with the file in one line, '' where nothing is."""
    try:
        _read_file(file, symbol)
    except DataError as error:
        return str(error)
    return ""


def _read_file(file: Path, symbol: str) -> tuple[pa.Table, str]:
    """Return the bars of a file that holds what was written, and their content hash.

    Raises:
        DataError: it does not.
    """
    remedy = "remove it and collect this session again"
    try:
        table = pq.ParquetFile(pa.BufferReader(file.read_bytes())).read(use_threads=False)
        description = _description(table)
        names = [name for name in table.schema.names if name in COLUMNS.names]
        written = table.select(names)
        typed = all(written.schema.field(name).type == COLUMNS.field(name).type for name in names)
        found = content_hash(written, symbol, _day_of(file)) if typed else "other types"
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{file}: cannot be read as a session of the store ({reason}); {remedy}") from None
    if description.get("format") != FORMAT or description.get("content_hash") != found:
        raise DataError(f"{file}: does not hold what was written to it for {symbol} (another hash); {remedy}")
    return written, found


def _description(table: pa.Table) -> dict[str, Any]:
    text = (table.schema.metadata or {}).get(METADATA_KEY, b"{}")
    description = json.loads(text)
    return description if isinstance(description, dict) else {}
