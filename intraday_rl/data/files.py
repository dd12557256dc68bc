"""Bar files: a Parquet file, a folder with one file per symbol named SYMBOL.parquet, or a store (`data/store.py`).

Columns: timestamp (with time zone, START of the bar), symbol, session (date, optional), open, high, low, close, volume
and, where known, the optional ones of `Bars`: vwap, trade_count, bid, ask, bid_size, ask_size, buy_volume, sell_volume,
order_flow, effective_spread_bps, side_per_mid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import check_bars, report_crossed_quotes
from intraday_rl.data.storage.store import BarStore

SUFFIX = ".parquet"


def read_bars(path: str | Path) -> pd.DataFrame:
    """Return the bars of a Parquet file, or of all files of a folder or all symbols of a store, one below the other.

    The rows are those of the files, checked and in their order; time stamps become UTC nanoseconds. A file without a
    symbol column takes its name as the symbol. Bars whose bid is not below their ask are kept and logged.

    Raises:
        DataError: the path holds no bar file, a file cannot be read, or a row breaks a law of `check_bars`.
    """
    place = Path(path)
    if BarStore.is_store(place):
        frames = [read_symbol(place, symbol) for symbol in BarStore(place).symbols()]
    else:
        frames = [_read_file(file) for file in bar_files(place)]
    return pd.concat(frames, ignore_index=True)


def read_symbol(
    path: Path, symbol: str, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> pd.DataFrame:
    """Return one symbol's bars as `read_bars` gives them, labelled by their row numbers in the source.

    Args:
        path: a Parquet file, a folder or a store.
        symbol: the symbol.
        start: first day that is needed, None = the source's first. From a store only the sessions that are needed are
            read, from a file everything: whoever calls cuts it by sessions.
        end: last day that is needed, included.

    Raises:
        DataError: as `read_bars`, or the symbol is absent, or a store has no session in that time.
    """
    if BarStore.is_store(path):
        source = str(BarStore(path).folder_of(symbol))
        frame = BarStore(path).read(symbol, start, end)
        check_bars(frame, source)
        report_crossed_quotes(frame, source)
        return frame
    file = file_of_symbol(path, symbol)
    frame = _read_file(file)
    mine = (frame["symbol"] == symbol).to_numpy(dtype=bool)
    if not mine.any():
        known = sorted(map(str, frame["symbol"].unique()))
        raise DataError(f"{file}: has no symbol {symbol}{nearest(symbol, known)}; it holds {', '.join(known)}")
    return frame if mine.all() else frame[mine]


def source_files(
    path: Path, symbol: str, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> list[Path]:
    """Return the files that `read_symbol` would read, in time order; they are not opened.

    Raises:
        DataError: there are none.
    """
    if BarStore.is_store(path):
        return BarStore(path).files(symbol, start, end)
    return [file_of_symbol(path, symbol)]


def bar_files(path: Path) -> list[Path]:
    """Return the file itself, or the folder's Parquet files by name.

    Raises:
        DataError: nothing is there, the folder holds no Parquet file, or the file is of another kind.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix == SUFFIX)
        if not files:
            raise DataError(f"{path}: the folder must hold bar files named SYMBOL{SUFFIX}, holds none; add them")
        return files
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file or folder{nearest(path.name, siblings)}; correct the path")
    if path.suffix != SUFFIX:
        raise DataError(
            f"{path}: bar files must end in {SUFFIX}; python -m intraday_rl check-data {path} says how to import "
            "other tables"
        )
    return [path]


def file_of_symbol(path: Path, symbol: str) -> Path:
    """Return what should hold the symbol: the path itself, SYMBOL.parquet in the folder, the symbol's part of a store.

    Raises:
        DataError: as `bar_files`, or the folder or store has nothing of the symbol.
    """
    if BarStore.is_store(path):
        BarStore(path).files(symbol)  # refuses a symbol that the store does not have
        return BarStore(path).folder_of(symbol)
    files = bar_files(path)
    if not path.is_dir():
        return path
    by_symbol = {file.stem: file for file in files}
    if symbol not in by_symbol:
        raise DataError(
            f"{path}: has no file {symbol}{SUFFIX}{nearest(symbol, by_symbol)}; it holds {', '.join(by_symbol)}"
        )
    return by_symbol[symbol]


def _read_file(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{file}: cannot be read as Parquet ({reason}); write or download it again") from None
    if "symbol" not in frame:
        frame.insert(0, "symbol", file.stem)
    check_bars(frame, str(file))
    report_crossed_quotes(frame, str(file))
    frame["timestamp"] = frame["timestamp"].dt.tz_convert("UTC").dt.as_unit("ns")
    return frame
