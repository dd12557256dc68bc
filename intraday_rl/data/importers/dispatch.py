"""From what a user names to the importer that reads it."""

from __future__ import annotations

from collections.abc import Iterator

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import check_bars
from intraday_rl.data.importers.base import ImportedBars, ImportRequest
from intraday_rl.data.importers.lean import import_lean
from intraday_rl.data.importers.lean_folder import is_lean
from intraday_rl.data.importers.lobster import import_lobster, is_lobster


def import_bars(request: ImportRequest) -> Iterator[ImportedBars]:
    """Yield the bars of each symbol; the format `auto` is told from the names of files and folders.

    Files are read while the symbols are taken one by one, so an error of a later symbol comes after the earlier ones.

    Raises:
        ParameterError: a field of the request breaks its law, or its calendar is unknown.
        DataError: nothing is there, a symbol is absent, a file cannot be read or breaks a law, or a symbol has no bar
            inside the sessions.
    """
    request.check()
    path = request.path
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file or folder{nearest(path.name, siblings)}; correct the path")
    for bars in _importer(request):
        if bars.frame.empty:
            raise DataError(
                f"{path}: {bars.symbol} must have bars inside the sessions of {request.calendar}, has none; choose "
                f"another calendar"
            )
        check_bars(bars.frame, str(path))
        yield bars


def _importer(request: ImportRequest) -> Iterator[ImportedBars]:
    chosen = request.format
    if chosen == "auto":
        chosen = "lean" if is_lean(request.path) else "lobster" if is_lobster(request.path) else "table"
    if chosen == "lean":
        return import_lean(request)
    if chosen == "lobster":
        return import_lobster(request)
    from intraday_rl.data.importers.table import import_table

    return import_table(request)
