"""Open a table: tell CSV from Parquet and from what is no table, find the separator and the header line, read the rows.

Conventions: nothing is told from a file's ending alone. Rows are counted from 0, the header not counted. Cells of time
and symbol columns stay text; the others become numbers where all of them are numbers.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.table_parts.columns import TEXT_ROLES, ColumnRoles, find_columns, headerless_columns

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars (|)", ",": "commas"}
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".csv.gz", ".tsv.gz", ".txt.gz")
HEAD_BYTES, HEAD_LINES = 65536, 50
NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none"]
GZIP, PARQUET, ZIP, OLD_EXCEL = b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
AGAIN = "download or export it again"
BEYOND = "beyond the last column"
PLAIN_PARQUET = "Parquet"


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as delivered.

    Attributes:
        frame: the recognised columns under their own names.
        roles: what each of them means.
        form: how the file is written, in words.
    """

    frame: pd.DataFrame
    roles: ColumnRoles
    form: str


@dataclass(frozen=True)
class _Layout:
    """How a text file is written."""

    separator: str
    names: list[str]
    skipped: int
    has_header: bool
    encoding: str
    compression: Literal["gzip"] | None


def table_files(path: Path) -> list[Path]:
    """Return the file itself, or the folder's files with the endings of tables, by name.

    Raises:
        DataError: nothing is there, or the folder holds no table.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(ENDINGS))
        if not files:
            raise DataError(f"{path}: the folder holds no table ({', '.join(ENDINGS)}); add one, or name another path")
        return files
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file or folder{nearest(path.name, siblings)}; correct the path")
    return [path]


def read_table(file: Path) -> RawTable:
    """Read a CSV or Parquet file.

    Raises:
        DataError: the file is empty, damaged, no table, or its columns cannot be told.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the path and its permissions") from None
    if not start.strip():
        raise DataError(f"{file}: is empty; {AGAIN}")
    if start.startswith(PARQUET):
        return _read_parquet(file)
    compression: Literal["gzip"] | None = "gzip" if start.startswith(GZIP) else None
    head = _unpacked_head(file) if compression else start
    _refuse_what_is_no_table(file, head)
    layout = _layout(file, head, compression)
    roles = find_columns(layout.names) if layout.has_header else headerless_columns(layout.names, str(file))
    return RawTable(_read_rows(file, layout, roles), roles, _words(layout))


def _unpacked_head(file: Path) -> bytes:
    try:
        with gzip.open(file) as stream:
            return stream.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{file}: is a damaged gzip file; {AGAIN}") from None


def _refuse_what_is_no_table(file: Path, head: bytes) -> None:
    text = head.lstrip()[:200].lower()
    kind = ""
    if not text:
        kind = f"is empty; {AGAIN}"
    elif head.startswith(ZIP) or head.startswith(OLD_EXCEL):
        excel = b"xl/" in head or b"[Content_Types]" in head or head.startswith(OLD_EXCEL)
        kind = "is an Excel workbook; save its sheet as CSV" if excel else "is a zip archive; unpack it first"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        kind = "is a web page and no table: the download went wrong; download the data themselves"
    elif text.startswith((b"{", b"[{", b"[[")):
        kind = "is JSON and no table; write it as CSV or Parquet"
    elif b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        kind = f"is a binary file and no table; {AGAIN} as CSV or Parquet"
    if kind:
        raise DataError(f"{file}: {kind}")


def _layout(file: Path, head: bytes, compression: Literal["gzip"] | None) -> _Layout:
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head.decode(encoding, errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        raise DataError(f"{file}: is neither UTF-8 nor UTF-16 text; {AGAIN} as UTF-8") from None
    lines = text.splitlines()[:-1] if len(head) == HEAD_BYTES else text.splitlines()
    skipped = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    lines = [line for line in lines[skipped : skipped + HEAD_LINES] if line.strip()]
    if not lines:
        raise DataError(f"{file}: holds no row; {AGAIN}")
    fields = {separator: [len(row) for row in csv.reader(lines, delimiter=separator)] for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda mark: (min(fields[mark]), max(fields[mark])))
    rows = list(csv.reader(lines, delimiter=separator))
    ends_in_separator = all(len(row) > 1 and not row[-1].strip() for row in rows)
    first = rows[0][:-1] if ends_in_separator else rows[0]
    if max(fields[separator]) < 2:
        raise DataError(f"{file}: is no table: no comma, semicolon, tab or bar stands between its values; {AGAIN}")
    has_header = not any(_is_number(cell) for cell in first)
    names = [cell.strip() or f"column {i}" for i, cell in enumerate(first)]
    if not has_header:
        names = [f"column {i}" for i in range(len(first))]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{file}: the header must name each column once, names {twice} twice; rename one")
    if has_header and len(lines) == 1:
        raise DataError(f"{file}: has a header but no row; {AGAIN}")
    return _Layout(separator, names, skipped + int(has_header), has_header, encoding, compression)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_rows(file: Path, layout: _Layout, roles: ColumnRoles) -> pd.DataFrame:
    texts = {name for role, name in roles.found.items() if role in TEXT_ROLES}
    numbers = [name for name in roles.found.values() if name not in texts]
    options: dict[str, Any] = {
        "dtype": dict.fromkeys({*texts, BEYOND}, str),
        "na_values": dict.fromkeys(numbers, NULLS),
    }
    try:
        frame: pd.DataFrame = pd.read_csv(
            file, sep=layout.separator, names=[*layout.names, BEYOND], header=None, index_col=False,
            skiprows=layout.skipped, keep_default_na=False, skipinitialspace=True, low_memory=False,
            encoding=layout.encoding, compression=layout.compression, **options,
        )  # fmt: skip
    except UnicodeError:
        raise DataError(f"{file}: is not UTF-8 text throughout; {AGAIN} as UTF-8") from None
    except (OSError, EOFError, zlib.error, ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).replace("Error tokenizing data. C error: ", "").split())
        raise DataError(f"{file}: cannot be read as CSV ({reason}); {AGAIN}") from None
    beyond = (frame[BEYOND].notna() & (frame[BEYOND] != "")).to_numpy(dtype=bool)
    if beyond.any():
        row, columns = int(np.argmax(beyond)), len(layout.names)
        raise DataError(
            f"{file}: row {row}: must have {columns} values as the first line has, has more; correct the row"
        )
    return frame[list(roles.found.values())]


def _words(layout: _Layout) -> str:
    header, packed = "with header" if layout.has_header else "no header", ", gzip" if layout.compression else ""
    return f"CSV, {SEPARATORS[layout.separator]} between the columns, {header}{packed}"


def _read_parquet(file: Path) -> RawTable:
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{file}: cannot be read as Parquet ({reason}); {AGAIN}") from None
    indexed = not isinstance(frame.index, pd.RangeIndex)
    if indexed:
        frame = frame.reset_index(names=[name or f"index {i}" for i, name in enumerate(frame.index.names)])
        if isinstance(frame.columns[0], str) and frame.columns[0] == "index 0" and "timestamp" not in frame:
            frame = frame.rename(columns={"index 0": "timestamp"})
    if frame.empty:
        raise DataError(f"{file}: holds no row; {AGAIN}")
    frame.columns = [str(name) for name in frame.columns]
    roles = find_columns(list(frame.columns))
    form = "Parquet, with an index" if indexed else PLAIN_PARQUET
    return RawTable(frame[list(roles.found.values())], roles, form)
