"""Tables of one-minute bars from anywhere, CSV or Parquet: told apart, placed in time, checked.

Conventions: a stamp marks the start or the end of its bar, as stated; ends are moved back one minute. Rows outside the
exchange's sessions and repeated rows are dropped and counted, two different rows for one minute are refused. Rows are
counted from 0 in their file, the header not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import check_bars
from intraday_rl.data.bars import OPTIONAL_COLUMNS, PRICE_COLUMNS, REQUIRED_COLUMNS, BoolArray
from intraday_rl.data.importers.base import ImportedBars, ImportRequest
from intraday_rl.data.importers.table_parts.columns import ColumnRoles, refuse_missing, refuse_timeless
from intraday_rl.data.importers.table_parts.doubts import doubt_side, doubt_zone
from intraday_rl.data.importers.table_parts.reading import RawTable, read_table, table_files
from intraday_rl.data.importers.table_parts.stamps import (
    Stamps,
    check_zone,
    how_many,
    join_date_and_time,
    parse_stamps,
    place,
)
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray, exchange_sessions

DAY_NS = 24 * 60 * MINUTE_NS
SECOND_NS = 1_000_000_000
OUTSIDE, REPEATED = "outside the sessions", "repeated row"
COMMON_STEPS = {60: "hourly", 1440: "daily"}
MANY_ROWS = 5  # from so many steps on, a common multiple of minutes is the step
VWAP_BAND = 0.01  # a vwap lies in [low, high] widened by so much, fraction of the price
VWAP_SHARE = 0.99  # in so many of the bars
MESSAGE_ROWS = 3


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was told apart and placed in time; its rows are in time order for each symbol.

    Attributes:
        file: where it stands.
        form: how the file is written, in words.
        roles: which column is what.
        stamps: how the stamps are written, in words.
        own_zone: zone that the stamps themselves tell; None = the stated one was used.
        order: the order of the file's rows, in words.
        symbol_rule: where the symbols come from, in words.
        frame: (T, ...) rows with the columns of bars.
        positions: (T,) row numbers in the file.
        problems: what the cells themselves have wrong, one line each.
    """

    file: Path
    form: str
    roles: ColumnRoles
    stamps: str
    own_zone: str | None
    order: str
    symbol_rule: str
    frame: pd.DataFrame
    positions: IntegerArray
    problems: tuple[str, ...]

    @cached_property
    def symbols(self) -> dict[str, slice]:
        """Symbol -> its rows, which lie side by side; in alphabetical order."""
        names = self.frame["symbol"].to_numpy()
        starts = np.flatnonzero(np.append(True, names[1:] != names[:-1])).tolist()
        spans = zip(starts, [*starts[1:], len(names)], strict=True)
        return {name: slice(*span) for name, span in sorted(zip(names[starts], spans, strict=True))}

    def rows_of(self, symbol: str) -> tuple[pd.DataFrame, IntegerArray]:
        """Return one symbol's rows, and their numbers in the file."""
        rows = self.symbols[symbol]
        return self.frame.iloc[rows].reset_index(drop=True), self.positions[rows]


def import_table(request: ImportRequest) -> Iterator[ImportedBars]:
    """Yield the bars of each symbol of a table or of a folder of tables.

    Raises:
        DataError: a file is no table of one-minute bars, a row breaks a law, or a symbol is not there.
        ParameterError: the request is impossible.
    """
    request.check()
    if request.zone is not None:
        check_zone(request.zone)
    seen: list[str] = []
    for tables in table_groups(request):
        symbols = sorted({name for table in tables for name in table.symbols})
        seen += symbols
        for symbol in symbols:
            if not request.symbols or symbol in request.symbols:
                bars = bars_of(symbol, tables, request.calendar)
                mine = [table for table in tables if symbol in table.symbols]
                doubts = [doubt for table in mine for doubt in doubts_of(table, symbol, request)]
                yield replace(bars, doubts=tuple(doubts))
    absent = [symbol for symbol in request.symbols if symbol not in seen]
    if absent:
        raise DataError(
            f"{request.path}: has no symbol {absent[0]}{nearest(absent[0], seen)}; it holds {', '.join(seen) or 'none'}"
        )


def doubts_of(table: Table, symbol: str, request: ImportRequest) -> list[str]:
    """Return a line if the symbol's rows speak against the zone or the side of the bar that was stated."""
    mine, _ = table.rows_of(symbol)
    start_ns, volume = start_ns_of(mine), mine["volume"].to_numpy()
    shift = MINUTE_NS if request.stamp == "end" else 0
    clock_ns = start_ns + shift
    if table.own_zone is None and request.zone is not None:
        local = mine["timestamp"].dt.tz_convert(request.zone).dt.tz_localize(None)
        clock_ns = np.asarray(local.dt.as_unit("ns").astype("int64")) + shift
    if zone := doubt_zone(clock_ns, start_ns, volume, request.calendar):
        remedy = f"try data.zone={zone}" if table.own_zone is None else "write the stamps again with their true zone"
        return [
            f"{table.file}: {symbol}: much of the volume lies outside the sessions of {request.calendar}; the stamps "
            f"look like {zone} clock times; {remedy}"
        ]
    if reason := doubt_side(start_ns, volume, request.calendar, request.stamp):
        other = "start" if request.stamp == "end" else "end"
        return [
            f"{table.file}: {symbol}: {reason}: the stamps seem to mark the {other} of the bars; try data.stamp={other}"
        ]
    return []


def start_ns_of(frame: pd.DataFrame) -> IntegerArray:
    """Return the time stamps of the rows, UTC nanoseconds, (T,)."""
    return np.asarray(frame["timestamp"].dt.as_unit("ns").astype("int64"))


def table_groups(request: ImportRequest) -> Iterator[list[Table]]:
    """Yield the tables that have to be seen together: those of one symbol, or all where rows name their symbols."""
    files = table_files(request.path)
    if len(files) == 1:
        yield [load_table(files[0], request)]
        return
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(symbol_of_file(file), []).append(file)
    if request.symbols and set(request.symbols) <= set(groups):
        groups = {symbol: groups[symbol] for symbol in request.symbols}
    named: list[Table] = []
    for members in groups.values():
        tables = [load_table(file, request) for file in members]
        named += [table for table in tables if "symbol" in table.roles.found]
        if others := [table for table in tables if "symbol" not in table.roles.found]:
            yield others
    if named:
        yield named


def load_table(file: Path, request: ImportRequest) -> Table:
    """Read one file, tell its columns and stamps apart, and place its rows in time.

    Raises:
        DataError: the file is no table of one-minute bars, or its stamps cannot be placed.
    """
    source = str(file)
    raw = read_table(file)
    refuse_timeless(raw.roles, source)
    refuse_missing(raw.roles, source, PRICE_COLUMNS)
    stamps = parse_stamps(_stamp_column(raw), source)
    symbols, rule = _symbols(raw, file, request)
    refuse_other_steps(stamps, symbols, source)
    refuse_missing(raw.roles, source, REQUIRED_COLUMNS)  # daily files often lack the volume: they are told before
    start_ns = place(stamps, request.zone, source) - (MINUTE_NS if request.stamp == "end" else 0)
    columns, problems = _numbers(raw, source)
    problems = (*_off_the_minute(start_ns, source), *problems)
    roles = raw.roles
    if "perhaps_vwap" in columns:
        columns, roles = _settle_vwap(columns, roles)
    times = pd.DatetimeIndex(start_ns.astype("datetime64[ns]")).tz_localize("UTC")
    frame = pd.DataFrame({"timestamp": times, "symbol": symbols, **columns})
    order = np.lexsort([start_ns, pd.factorize(symbols)[0]])
    return Table(
        file, raw.form, roles, stamps.words, stamps.zone, _order_words(start_ns, symbols), rule,
        frame.iloc[order].reset_index(drop=True), order.astype(np.int64), problems,
    )  # fmt: skip


def bars_of(symbol: str, tables: Sequence[Table], calendar: str) -> ImportedBars:
    """Return one symbol's checked bars from the tables that hold it.

    Raises:
        DataError: no row lies in a session, or a row breaks a law.
    """
    parts, outside, repeated = [], 0, 0
    holders = [table for table in tables if symbol in table.symbols]
    for table in holders:
        if table.problems:
            raise DataError(table.problems[0])
        rows, positions = table.rows_of(symbol)
        inside = in_sessions(rows["timestamp"], calendar)
        outside += int((~inside).sum())
        if inside.any():
            rows, positions = rows[inside].reset_index(drop=True), positions[inside]
            keep = first_of_repeated(rows, positions, str(table.file))
            check_bars(rows[keep].reset_index(drop=True), str(table.file), positions[keep])
            parts.append(rows[keep])
            repeated += int((~keep).sum())
    if not parts:
        raise DataError(_all_outside(symbol, holders, calendar))
    frame = pd.concat(parts, ignore_index=True)
    if len(parts) > 1:
        frame = frame.sort_values("timestamp", kind="stable", ignore_index=True)
        keep = first_of_repeated(frame, np.arange(len(frame)), f"{holders[0].file.parent} ({len(parts)} files)")
        repeated += int((~keep).sum())
        frame = frame[keep].reset_index(drop=True)
    return ImportedBars(symbol, frame, {OUTSIDE: outside, REPEATED: repeated})


def in_sessions(times: pd.Series[Any], calendar: str) -> BoolArray:
    """Return for each instant whether it lies in a session of the exchange."""
    ns = times.dt.as_unit("ns").astype("int64").to_numpy()
    days = [np.datetime64(int(ns.min()) - DAY_NS, "ns"), np.datetime64(int(ns.max()) + DAY_NS, "ns")]
    known = exchange_sessions(calendar, *(str(day.astype("datetime64[D]")) for day in days))
    session = np.searchsorted(known.open_ns, ns, side="right") - 1
    inside: BoolArray = (session >= 0) & (ns < np.append(known.close_ns, 0)[session])
    return inside


def symbol_of_file(file: Path) -> str:
    """Return the symbol that a file's name begins with: SPY of SPY.csv, SPY_1min.csv and SPY-2024.csv.gz.

    A name that does not begin with capitals, or goes on with capitals (BRK-B), is the symbol as a whole.
    """
    stem = re.sub(r"(?i)(\.(csv|tsv|txt|parquet|pq|gz))+$", "", file.name)
    match = re.match(r"([A-Z][A-Z0-9.]*)[ _\-][0-9a-z]", stem)
    return match[1] if match else stem


def refuse_other_steps(stamps: Stamps, symbols: pd.Series[Any], source: str) -> None:
    """Refuse daily, hourly, five-minute and one-second bars.

    Raises:
        DataError: the bars are not one-minute bars.
    """
    order = np.lexsort([stamps.ns, pd.factorize(symbols)[0]])
    same = np.diff(pd.factorize(symbols)[0][order]) == 0
    steps = np.diff(stamps.ns[order])[same]
    steps = steps[steps > 0]
    kind = "daily" if stamps.date_only or (len(steps) and int(steps.min()) >= DAY_NS - 60 * MINUTE_NS) else ""
    common_ns = int(np.gcd.reduce(steps)) if len(steps) else 0
    if not kind and common_ns % MINUTE_NS:
        part = (stamps.ns % MINUTE_NS != 0).mean()
        kind = f"{common_ns / 1e9:g}-second" if part > 0.5 and common_ns >= SECOND_NS else ""
    elif not kind and len(steps) >= MANY_ROWS and common_ns > MINUTE_NS:
        kind = COMMON_STEPS.get(common_ns // MINUTE_NS, f"{common_ns // MINUTE_NS}-minute")
    if kind:
        remedy = "aggregate them to one minute first" if kind.endswith("second") else "get bars of one minute"
        raise DataError(f"{source}: holds {kind} bars, but one-minute bars are needed; {remedy}")


def _off_the_minute(start_ns: IntegerArray, source: str) -> tuple[str, ...]:
    """Return one line about the rows that do not start on a whole minute; () where all do."""
    odd = start_ns % MINUTE_NS != 0
    if not odd.any():
        return ()
    row = int(np.argmax(odd))
    time = pd.Timestamp(start_ns[row], tz="UTC")
    return (f"{source}: row {row} ({time}): the stamp must be a whole minute{how_many(odd)}; write the bars' minutes",)


def _stamp_column(raw: RawTable) -> pd.Series[Any]:
    found = raw.roles.found
    if "timestamp" in found:
        return raw.frame[found["timestamp"]]
    return join_date_and_time(raw.frame[found["date"]], raw.frame[found["time"]])


def _symbols(raw: RawTable, file: Path, request: ImportRequest) -> tuple[pd.Series[Any], str]:
    """Return each row's symbol and where it comes from."""
    column = raw.roles.found.get("symbol")
    if column is not None:
        symbols = raw.frame[column].astype(str).str.strip()
        missing = raw.frame[column].isna().to_numpy(dtype=bool) | (symbols == "").to_numpy(dtype=bool)
        if missing.any():
            row = int(np.argmax(missing))
            raise DataError(f"{file}: row {row}: {column} must name the symbol of the row, is empty; complete it")
        return symbols.astype(object), f"column {column}"
    if raw.roles.prefix:
        symbol, rule = raw.roles.prefix, "the prefix of the columns"
    elif len(request.symbols) == 1 and not request.path.is_dir():
        symbol, rule = request.symbols[0], "the name asked for"
    else:
        symbol, rule = symbol_of_file(file), "the file's name"
    return pd.Series([symbol] * len(raw.frame), dtype=object), rule


def _numbers(raw: RawTable, source: str) -> tuple[dict[str, pd.Series[Any]], tuple[str, ...]]:
    """Return the number columns by their role, NaN where a cell is no number, and a line for each such column."""
    columns: dict[str, pd.Series[Any]] = {}
    problems = []
    for role in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, "perhaps_vwap"):
        if role not in raw.roles.found:
            continue
        given = raw.frame[raw.roles.found[role]].reset_index(drop=True)
        values = pd.to_numeric(given, errors="coerce").astype(np.float64)
        wrong = (values.isna() & given.notna()).to_numpy(dtype=bool)
        if wrong.any() and role != "perhaps_vwap":
            row = int(np.argmax(wrong))
            problems.append(
                f"{source}: row {row}: {given.name} must be a number, was {str(given.iloc[row])[:40]!r}"
                f"{how_many(wrong)}; write numbers with a decimal point and nothing else"
            )
        columns[role] = values
    prices = [columns[name] for name in PRICE_COLUMNS]
    empty = np.logical_and.reduce([values.isna().to_numpy() for values in prices])
    if empty.any():
        row = int(np.argmax(empty))
        problems.append(f"{source}: row {row}: holds no price{how_many(empty)}; a cut line? complete or drop it")
    return columns, tuple(problems)


def _settle_vwap(
    columns: dict[str, pd.Series[Any]], roles: ColumnRoles
) -> tuple[dict[str, pd.Series[Any]], ColumnRoles]:
    """Take a column named price or average as the vwap if its values are those of one, else leave it out."""
    values = columns.pop("perhaps_vwap")
    name = roles.found["perhaps_vwap"]
    band = VWAP_BAND * columns["close"]
    inside = (values >= columns["low"] - band) & (values <= columns["high"] + band)
    rest = {role: other for role, other in roles.found.items() if role != "perhaps_vwap"}
    if inside[values.notna()].mean() >= VWAP_SHARE:
        return columns | {"vwap": values}, ColumnRoles(rest | {"vwap": name}, roles.unused, roles.prefix)
    return columns, ColumnRoles(rest, (*roles.unused, name), roles.prefix)


def _order_words(start_ns: IntegerArray, symbols: pd.Series[Any]) -> str:
    codes = pd.factorize(symbols)[0]
    by_symbol = np.argsort(codes, kind="stable")
    steps = np.diff(start_ns[by_symbol])[np.diff(codes[by_symbol]) == 0]
    if (steps >= 0).all():
        return "oldest first"
    return "newest first" if (steps <= 0).all() else "unordered, sorted by time"


def first_of_repeated(rows: pd.DataFrame, positions: IntegerArray, source: str) -> BoolArray:
    """Return which rows to keep of one symbol's: the first of equal ones, (T,).

    Args:
        rows: (T, ...) of one symbol.
        positions: (T,) row numbers in the source.
        source: what the message calls it.

    Raises:
        DataError: two different rows stand for one minute.
    """
    again = rows.duplicated(["timestamp"]).to_numpy()
    different = again & ~rows.duplicated().to_numpy()
    if different.any():
        row = int(np.argmax(different))
        time = rows["timestamp"].iloc[row]
        first = int(np.argmax((rows["timestamp"] == time).to_numpy()))
        name = next(name for name in rows.columns if not rows[name].iloc[[first, row]].duplicated().any())
        raise DataError(
            f"{source}: {rows['symbol'].iloc[row]}: rows {positions[first]} and {positions[row]} both stand for {time} "
            f"and differ ({name} {rows[name].iloc[first]} and {rows[name].iloc[row]}){how_many(different)}; drop the "
            f"wrong one"
        )
    return ~again


def _all_outside(symbol: str, tables: Sequence[Table], calendar: str) -> str:
    times = pd.concat([table.rows_of(symbol)[0]["timestamp"] for table in tables])
    source = str(tables[0].file) if len(tables) == 1 else f"{tables[0].file.parent} ({len(tables)} files)"
    return (
        f"{source}: {symbol}: none of the {len(times)} rows from {times.min()} to {times.max()} lies in a session of "
        f"{calendar}; the zone, the calendar or the kind of bars is another one"
    )
