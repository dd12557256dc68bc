"""Look through a path for `check-data`: a bar store, a folder of LEAN or LOBSTER, or tables."""

from __future__ import annotations

from urllib.parse import unquote

from intraday_rl.app.data_tools.findings import Findings, Yardstick, findings_of, noting, with_progress
from intraday_rl.app.data_tools.tables import examine_tables
from intraday_rl.data import to_grid
from intraday_rl.data.files import read_symbol
from intraday_rl.data.importers import ImportRequest, import_bars
from intraday_rl.data.importers.lean_folder import is_lean
from intraday_rl.data.importers.lobster import is_lobster

PARTITION = "symbol="


def examine(request: ImportRequest, yardstick: Yardstick) -> Findings:
    """Return what was found at the request's path.

    Raises:
        DataError: nothing is there that could hold bars.
        ParameterError: the request is impossible.
    """
    request.check()
    if request.path.is_dir() and any(request.path.glob(f"{PARTITION}*")):
        return _examine_store(request, yardstick)
    for name, is_format in (("LEAN", is_lean), ("LOBSTER", is_lobster)):
        if request.path.exists() and is_format(request.path):
            return _examine_foreign(request, yardstick, name)
    return examine_tables(request, yardstick)


def _examine_store(request: ImportRequest, yardstick: Yardstick) -> Findings:
    found = Findings(how={str(request.path): ["bar store, one file for each session"]}, ready=True)
    held = sorted(unquote(path.name.removeprefix(PARTITION)) for path in request.path.glob(f"{PARTITION}*"))
    for symbol in with_progress([name for name in request.symbols or held], "checking"):
        with noting(found):
            bars = to_grid(read_symbol(request.path, symbol), symbol, request.calendar, str(request.path))
            found.symbols.append(findings_of(bars, {}, request.calendar, yardstick))
    return found


def _examine_foreign(request: ImportRequest, yardstick: Yardstick, name: str) -> Findings:
    """Return what an importer makes of a format whose stamps need no statement."""
    found = Findings(how={str(request.path): [f"{name}: the format itself tells columns, zone and side of the stamps"]})
    with noting(found):
        for imported in import_bars(request):
            bars = to_grid(imported.frame, imported.symbol, request.calendar, str(request.path))
            found.symbols.append(findings_of(bars, imported.counts, request.calendar, yardstick))
    return found
