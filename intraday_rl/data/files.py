"""Bar files: Parquet, one file per symbol, named SYMBOL.parquet.

Columns: timestamp (with time zone, START of the bar), symbol, session (date, optional), open, high, low, close, volume
and, where known, the optional ones of `Bars`: vwap, trade_count, bid, ask, bid_size, ask_size, buy_volume, sell_volume,
order_flow, effective_spread_bps, side_per_mid.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import check_bars, report_crossed_quotes

SUFFIX = ".parquet"


def read_bars(path: str | Path) -> pd.DataFrame:
    """Return the bars of a Parquet file, or of all Parquet files of a folder one below the other.

    The rows are those of the files, checked and in their order; time stamps become UTC nanoseconds. A file without a
    symbol column takes its name as the symbol. Bars whose bid is not below their ask are kept and logged.

    Raises:
        DataError: the path holds no bar file, a file cannot be read, or a row breaks a law of `check_bars`.
    """
    return pd.concat([_read_file(file) for file in bar_files(Path(path))], ignore_index=True)


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
        raise DataError(f"{path}: bar files must end in {SUFFIX}; write it with DataFrame.to_parquet")
    return [path]


def file_of_symbol(path: Path, symbol: str) -> Path:
    """Return the file that should hold the symbol: the path itself, or SYMBOL.parquet in the folder.

    Raises:
        DataError: as `bar_files`, or the folder has no file for the symbol.
    """
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
