"""Prepared bars: read, checked and laid on their grid once, then kept on disk.

Conventions: the key holds everything that the bars depend on: the bytes of the files, what was asked of them, and the
sources and libraries that read them. Columns that a record does not have are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intraday_rl.core.array_cache import Entry, cached, code_digest
from intraday_rl.core.hashing import hash_file, hash_json
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Bars
from intraday_rl.data.sessions import Sessions

KIND = "bars"


def prepared_bars(
    files: Sequence[Path], question: Any, load: Callable[[], tuple[Bars, Sequence[str]]]
) -> tuple[Bars, Sequence[str]]:
    """Return the bars and notes that `load` makes, from the cache where the same files were asked the same before.

    Args:
        files: the files that `load` reads.
        question: what is asked of them, plain JSON values.
        load: reads them; the notes say what a user should know of the bars.
    """
    contents = [[file.name, hash_file(file)] for file in files]
    key = hash_json([contents, question, code_digest("core", "data")])
    entry = cached(KIND, key, lambda: _to_entry(*load()))
    return _from_entry(entry), entry.facts["notes"]


def _to_entry(bars: Bars, notes: Sequence[str]) -> Entry:
    names = [*REQUIRED_COLUMNS, *(name for name in OPTIONAL_COLUMNS if bars.has(name))]
    arrays = {name: getattr(bars, name) for name in (*names, "traded")}
    arrays |= {"open_ns": bars.sessions.open_ns, "close_ns": bars.sessions.close_ns}
    arrays["date"] = bars.sessions.date.astype(np.int64)
    return Entry(arrays, {"symbol": bars.symbol, "fingerprint": bars.fingerprint, "notes": list(notes)})


def _from_entry(entry: Entry) -> Bars:
    arrays = dict(entry.arrays)
    date = arrays.pop("date").astype("datetime64[D]")
    sessions = Sessions.from_times(date, arrays.pop("open_ns"), arrays.pop("close_ns"))
    bars = Bars.on_grid(entry.facts["symbol"], sessions, arrays, arrays.pop("traded"))
    bars.__dict__["fingerprint"] = entry.facts["fingerprint"]  # where the property keeps it, once asked for
    return bars
