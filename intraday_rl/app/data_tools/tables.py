"""Look through tables of bars for `check-data`: everything that is wrong with them, not the first thing alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from intraday_rl.app.data_tools.findings import Findings, SymbolFindings, Yardstick, findings_of, noting, with_progress
from intraday_rl.core.errors import IntradayError
from intraday_rl.data import to_grid
from intraday_rl.data.bar_checks import broken_laws
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from intraday_rl.data.importers import ImportRequest
from intraday_rl.data.importers.table import (
    Table,
    bars_of,
    doubts_of,
    first_of_repeated,
    in_sessions,
    load_table,
    start_ns_of,
    symbol_of_file,
)
from intraday_rl.data.importers.table_parts.doubts import likely_zone
from intraday_rl.data.importers.table_parts.reading import PLAIN_PARQUET, table_files
from intraday_rl.data.importers.table_parts.stamps import MissingZoneError, check_zone


def examine_tables(request: ImportRequest, yardstick: Yardstick) -> Findings:
    """Return what was found in a table or a folder of tables.

    Raises:
        DataError: there is no table.
        ParameterError: the zone is unknown.
    """
    if request.zone is not None:
        check_zone(request.zone)
    found = Findings(is_table=True)
    ready: list[bool] = []
    for tables in _groups(request, found):
        for symbol in sorted({name for table in tables for name in table.symbols}):
            if request.symbols and symbol not in request.symbols:
                continue
            mine = [table for table in tables if symbol in table.symbols]
            wrong = [line for table in mine for line in _wrong_with(table, symbol, request.calendar)]
            found.problems += [line for line in wrong if line not in found.problems]
            if wrong:
                continue
            for table in mine:
                found.doubts += [_as_options(doubt) for doubt in doubts_of(table, symbol, request)]
            with noting(found):
                found.symbols.append(_table_findings(symbol, mine, request.calendar, yardstick))
        ready += [_is_own_form(table, request) for table in tables]
    seen = {findings.symbol for findings in found.symbols}
    if not found.problems:
        found.problems += [f"{request.path}: has no symbol {name}" for name in request.symbols if name not in seen]
    found.ready = bool(ready) and all(ready) and not any(findings.counts for findings in found.symbols)
    return found


def _table_findings(symbol: str, tables: list[Table], calendar: str, yardstick: Yardstick) -> SymbolFindings:
    imported = bars_of(symbol, tables, calendar)
    bars = to_grid(imported.frame, symbol, calendar, str(tables[0].file))
    return findings_of(bars, dict(imported.counts), calendar, yardstick)


def _groups(request: ImportRequest, found: Findings) -> Iterator[list[Table]]:
    """Yield the tables that hold one symbol, and in the end those that hold several; note how each was read."""
    waiting: dict[str, list[Table]] = {}
    files = table_files(request.path)
    names = [symbol_of_file(file) for file in files]
    several: list[Table] = []
    for i, file in enumerate(with_progress(files, "reading")):
        if (
            request.symbols
            and set(request.symbols) <= set(names)
            and names[i] not in request.symbols
            and len(files) > 1
        ):
            continue
        try:
            table = load_table(file, request)
        except MissingZoneError as error:
            found.problems.append(_with_likely_zone(str(error), file, request))
            continue
        except IntradayError as error:
            found.problems.append(str(error))
            continue
        found.how[str(file)] = _how_it_was_read(table, request)
        alone = "symbol" not in table.roles.found or list(table.symbols) == [names[i]]
        (waiting.setdefault(names[i], []) if alone else several).append(table)
        if names[i] not in names[i + 1 :] and names[i] in waiting:
            yield waiting.pop(names[i])
    yield from waiting.values()
    if several:
        yield several


def _how_it_was_read(table: Table, request: ImportRequest) -> list[str]:
    """Return what was recognised in a table, in three lines."""
    roles = dict(table.roles.found)
    stamp = " and ".join(roles.pop(name) for name in ("timestamp", "date", "time") if name in roles)
    columns = ", ".join(
        name if name == roles[name] else f"{name} from {roles[name]}"
        for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if name in roles
    )  # fmt: skip
    unused = f"; not used: {', '.join(table.roles.unused)}" if table.roles.unused else ""
    zone = "their own zone" if table.own_zone else f"taken as {request.zone} clock times"
    symbols = list(table.symbols)
    named = ", ".join(symbols[:8]) + (f" and {len(symbols) - 8} more" if len(symbols) > 8 else "")
    return [
        f"{table.form}, {len(table.frame):,} rows, {table.order}; {named} ({table.symbol_rule})",
        f"stamps: {stamp}, {table.stamps}; {zone}, marking the {request.stamp} of the bar",
        f"columns: {columns}{unused}",
    ]


def _with_likely_zone(error: str, file: Path, request: ImportRequest) -> str:
    """Add to a complaint about a missing zone which zone the rows speak for."""
    try:
        table = load_table(file, replace(request, zone="UTC"))
        zone, _ = likely_zone(start_ns_of(table.frame), table.frame["volume"].to_numpy(), request.calendar)
    except IntradayError:
        zone = ""
    option = _as_options(error)
    return f"{option}; they look like {zone}" if zone else option


def _as_options(text: str) -> str:
    """Return the text with this command's options in place of the overrides of collect.py."""
    return text.replace("data.zone=", "--zone ").replace("data.stamp=", "--stamp ")


def _wrong_with(table: Table, symbol: str, calendar: str) -> list[str]:
    """Return a line for each law that the rows of the sessions break."""
    rows, positions = table.rows_of(symbol)
    inside = in_sessions(rows["timestamp"], calendar)
    rows, positions = rows[inside].reset_index(drop=True), positions[inside]
    if table.problems:
        numbers = [name for name in rows.columns if name not in ("timestamp", "symbol")]
        whole = rows[numbers].notna().all(axis=1).to_numpy(dtype=bool)
        rows, positions = rows[whole].reset_index(drop=True), positions[whole]
    if not len(rows):
        return list(table.problems)
    found = list(table.problems)
    try:
        keep = first_of_repeated(rows, positions, str(table.file))
    except IntradayError as error:
        found.append(str(error))
        keep = ~rows.duplicated(["timestamp"]).to_numpy()
    return found + broken_laws(rows[keep].reset_index(drop=True), str(table.file), positions[keep])


def _is_own_form(table: Table, request: ImportRequest) -> bool:
    """Say whether `HistoricalFiles` reads the file as it is: Parquet, our names, stamps at the start with a zone."""
    roles = table.roles.found
    own = all(role == name for role, name in roles.items())
    named = not request.path.is_dir() or list(table.symbols) == [table.file.stem]
    stamped = "timestamp" in roles and table.own_zone is not None and request.stamp == "start"
    file = table.form == PLAIN_PARQUET and table.file.suffix == ".parquet"
    return file and own and named and stamped and table.order == "oldest first"
