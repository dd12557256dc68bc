"""Reading bar files: one file, a folder, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import read_bars
from intraday_rl.data.files import file_of_symbol, read_symbol, source_files
from intraday_rl.data.storage.store import BarStore
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


@pytest.fixture
def store(tmp_path):
    store = BarStore(tmp_path / "store")
    for symbol in ("SPY", "QQQ"):
        for day in ("2024-07-02", "2024-07-03"):
            store.write(good_frame(symbol=symbol, start=f"{day} 13:30"), symbol, "XNYS", {"source": "test"})
    return store.root


def test_read_bars_of_a_store_stacks_its_symbols_by_name(store):
    frame = read_bars(store)
    assert frame["symbol"].tolist() == ["QQQ"] * 8 + ["SPY"] * 8
    assert str(frame["timestamp"].dtype) == "datetime64[ns, UTC]"


def test_read_symbol_of_a_file_a_folder_and_a_store_is_the_same(folder, tmp_path):
    store = BarStore(tmp_path / "store")
    store.write(good_frame(), "SPY", "XNYS", {"source": "test"})
    expected = read_symbol(folder / "SPY.parquet", "SPY").astype({"volume": float})
    pd.testing.assert_frame_equal(read_symbol(folder, "SPY").astype({"volume": float}), expected)
    pd.testing.assert_frame_equal(read_symbol(store.root, "SPY"), expected)


def test_read_symbol_of_a_store_reads_the_days_that_are_needed(store):
    frame = read_symbol(store, "SPY", np.datetime64("2024-07-03"), np.datetime64("2024-07-09"))
    assert set(frame["timestamp"].dt.strftime("%Y-%m-%d")) == {"2024-07-03"}
    with pytest.raises(DataError, match="SPY has no session from 2024-07-04 to its end; it covers 2024-07-02 to"):
        read_symbol(store, "SPY", np.datetime64("2024-07-04"))


def test_read_symbol_of_a_file_of_several_takes_one_with_its_row_numbers(tmp_path):
    both = pd.concat([good_frame(symbol="QQQ"), good_frame()], ignore_index=True)
    both.to_parquet(tmp_path / "both.parquet")
    frame = read_symbol(tmp_path / "both.parquet", "SPY")
    assert (frame["symbol"].unique().tolist(), frame.index.tolist()) == (["SPY"], [4, 5, 6, 7])
    with pytest.raises(DataError, match=r"both\.parquet: has no symbol SPX \(did you mean SPY\?\); it holds QQQ, SPY$"):
        read_symbol(tmp_path / "both.parquet", "SPX")


@pytest.mark.parametrize("read", [read_symbol, source_files, file_of_symbol])
def test_read_symbol_absent_from_a_store_offers_the_nearest(store, read):
    with pytest.raises(DataError, match=r"store: has no symbol SPX \(did you mean SPY\?\); it holds QQQ, SPY$"):
        read(store, "SPX")


def test_read_symbol_of_a_damaged_store_names_the_file(store):
    file = source_files(store, "SPY")[1]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"day=03/SPY\.parquet: cannot be read"):
        read_symbol(store, "SPY")


def test_source_files_are_those_that_are_read(folder, store):
    assert source_files(folder, "QQQ") == [folder / "QQQ.parquet"]
    assert source_files(folder / "SPY.parquet", "SPY") == [folder / "SPY.parquet"]
    part = store / "symbol=SPY" / "year=2024" / "month=07"
    assert source_files(store, "SPY") == [part / "day=02" / "SPY.parquet", part / "day=03" / "SPY.parquet"]
    assert source_files(store, "SPY", np.datetime64("2024-07-03")) == [part / "day=03" / "SPY.parquet"]
    assert file_of_symbol(store, "SPY") == store / "symbol=SPY"
