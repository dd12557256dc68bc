"""What is no table is refused in one line that says what it is instead."""

import zipfile

import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.table_parts.reading import read_table, table_files

HEADER = "time,open,high,low,close,volume\n"
ROW = "1719927000,1,1,1,1,1\n"
JUNK = bytes(range(256)) * 20

NO_TABLES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n \n", "is empty"),
    "packed nothing": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", "is empty"),
    "damaged gzip": (b"\x1f\x8b" + JUNK, "is a damaged gzip file"),
    "web page": (b"\n<!DOCTYPE html><html></html>", "is a web page and no table"),
    "json": (b'{"bars": []}', "is JSON and no table"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + JUNK, "is an Excel workbook; save its sheet as CSV"),
    "binary": (JUNK, "is a binary file and no table"),
    "latin-1": (HEADER.encode() + "Stück".encode("latin-1"), "is neither UTF-8 nor UTF-16 text"),
    "damaged parquet": (b"PAR1" + JUNK, "cannot be read as Parquet"),
    "prose": (b"This is a readme\nof two lines\n", "is no table: no comma, semicolon, tab or bar"),
    "comments": (b"# one\n# two\n", "holds no row"),
    "header alone": (HEADER.encode(), "has a header but no row"),
    "a name twice": (b"time,open,open\n1,2,3\n", "the header must name each column once, names open twice"),
    "a value too many": ((HEADER + ROW + ROW.strip() + ",7\n").encode(), "row 1: must have 6 values as the first line"),
    "two values too many": (
        (HEADER + ROW + ROW.strip() + ",7,8\n").encode(),
        "cannot be read as CSV (Expected 7 fields",
    ),
}


@pytest.mark.parametrize("case", NO_TABLES)
def test_read_table_says_what_the_file_is_instead(tmp_path, case):
    content, words = NO_TABLES[case]
    file = tmp_path / "SPY.csv"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(file)
    assert str(caught.value).startswith(f"{file}: {words}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("member", "words"), [("xl/workbook.xml", "is an Excel workbook"), ("SPY.csv", "is a zip")])
def test_read_table_tells_a_workbook_from_a_zip(tmp_path, member, words):
    with zipfile.ZipFile(tmp_path / "SPY.csv", "w") as archive:
        archive.writestr(member, "x")
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "SPY.csv")


def test_read_table_passes_over_comments_and_the_byte_order_mark(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeff# made by hand\n\n" + HEADER + ROW, encoding="utf-8")
    (tmp_path / "b.csv").write_text("\ufeff" + HEADER + ROW, encoding="utf-8")
    for name in ("b.csv", "a.csv"):
        assert read_table(tmp_path / name).frame["close"].tolist() == [1]


def test_table_files_lists_tables_alone_and_names_the_nearest(tmp_path):
    for name in ("b.csv.gz", "a.CSV", "LICENSE", "notes.md", "c.parquet"):
        (tmp_path / name).touch()
    assert [file.name for file in table_files(tmp_path)] == ["a.CSV", "b.csv.gz", "c.parquet"]
    with pytest.raises(DataError, match=r"no such file or folder \(did you mean notes\.md\?\)"):
        table_files(tmp_path / "note.md")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the folder holds no table"):
        table_files(tmp_path / "empty")
