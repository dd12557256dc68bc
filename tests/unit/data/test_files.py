"""Reading bar files: one file, a folder, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import read_bars
from intraday_rl.data.files import file_of_symbol
from tests.unit.data.frames import good_frame


@pytest.fixture
def folder(tmp_path):
    good_frame().to_parquet(tmp_path / "SPY.parquet")
    good_frame((0, 5), symbol="QQQ").to_parquet(tmp_path / "QQQ.parquet")
    (tmp_path / "notes.txt").write_text("not bars")
    return tmp_path


def test_read_bars_of_a_file_returns_its_rows_with_utc_nanoseconds(folder):
    frame = read_bars(folder / "SPY.parquet")
    assert str(frame["timestamp"].dtype) == "datetime64[ns, UTC]"
    pd.testing.assert_frame_equal(frame.assign(timestamp=good_frame()["timestamp"]), good_frame())


def test_read_bars_of_a_folder_stacks_its_files_by_name(folder):
    frame = read_bars(str(folder))
    assert frame["symbol"].tolist() == ["QQQ"] * 2 + ["SPY"] * 4
    assert frame.index.tolist() == list(range(6))


def test_read_bars_file_without_symbol_takes_its_name(tmp_path):
    good_frame().drop(columns="symbol").to_parquet(tmp_path / "IWM.parquet")
    assert read_bars(tmp_path / "IWM.parquet")["symbol"].unique().tolist() == ["IWM"]


def test_read_bars_bad_row_names_the_file(folder):
    good_frame().assign(high=[101, 102, 1, 104]).to_parquet(folder / "SPY.parquet")
    with pytest.raises(DataError, match=r"SPY\.parquet: SPY session 2024-07-02, row 2 .*high must be >= low"):
        read_bars(folder)


def test_read_bars_crossed_quotes_are_kept_and_logged(folder, caplog):
    good_frame().assign(ask=50.0).to_parquet(folder / "SPY.parquet")
    assert (read_bars(folder / "SPY.parquet")["ask"] == 50.0).all()
    assert "bid >= ask in 4 of 4 rows" in caplog.text


def test_read_bars_missing_file_offers_the_nearest(folder):
    with pytest.raises(DataError, match=r"SPX\.parquet: no such file or folder \(did you mean SPY\.parquet\?\)"):
        read_bars(folder / "SPX.parquet")


def test_read_bars_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file or folder; correct the path"):
        read_bars(tmp_path / "nowhere" / "SPY.parquet")


def test_read_bars_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the folder must hold bar files named SYMBOL\.parquet, holds none"):
        read_bars(tmp_path)


def test_read_bars_other_kinds_of_files_are_refused(folder):
    with pytest.raises(DataError, match=r"notes\.txt: bar files must end in \.parquet"):
        read_bars(folder / "notes.txt")


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really PAR1", b"hello"])
def test_read_bars_damaged_file_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "SPY.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as Parquet") as caught:
        read_bars(tmp_path)
    assert "\n" not in str(caught.value)


def test_file_of_symbol_is_the_file_of_its_name(folder):
    assert file_of_symbol(folder, "QQQ") == folder / "QQQ.parquet"
    assert file_of_symbol(folder / "SPY.parquet", "ANY") == folder / "SPY.parquet"


def test_file_of_symbol_absent_symbol_offers_the_nearest(folder):
    with pytest.raises(DataError, match=r"has no file SPX\.parquet \(did you mean SPY\?\); it holds QQQ, SPY$"):
        file_of_symbol(folder, "SPX")


def test_read_bars_fractional_volume_is_kept(tmp_path):
    good_frame().assign(volume=[0.5, 1.0, 2.5, 0.0]).to_parquet(tmp_path / "SPY.parquet")
    np.testing.assert_array_equal(read_bars(tmp_path)["volume"], [0.5, 1.0, 2.5, 0.0])
