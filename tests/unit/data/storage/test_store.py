"""The bar store: what comes out is what went in, and every damage to a file is found and named."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.storage.store import COLUMNS, BarStore, Written, content_hash
from tests.unit.data.frames import good_frame

DAYS = ("2024-07-02", "2024-07-03", "2024-07-05")
FILES = [f"symbol=SPY/year=2024/month=07/day={day[-2:]}/SPY.parquet" for day in DAYS]
ORIGIN = {"source": "test"}


def days_frame(days: tuple[str, ...] = DAYS, **changes: object) -> pd.DataFrame:
    frames = [good_frame(start=f"{day} 13:30") for day in days]
    return pd.concat(frames, ignore_index=True).assign(**changes)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    store = BarStore(tmp_path / "store")
    store.write(days_frame(), "SPY", "XNYS", ORIGIN)
    return store


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def test_store_gives_back_what_was_written(store):
    expected = days_frame()
    expected["timestamp"] = expected["timestamp"].dt.as_unit("ns")
    expected["volume"] = expected["volume"].astype(float)
    pd.testing.assert_frame_equal(store.read("SPY"), expected)


def test_store_has_a_file_for_each_session_below_its_day(store):
    assert store.files("SPY") == [store.root / file for file in FILES]
    assert (store.symbols(), store.sessions("SPY").astype(str).tolist()) == (["SPY"], list(DAYS))


def test_store_is_told_from_a_folder_of_files(store, tmp_path):
    assert BarStore.is_store(store.root)
    assert not BarStore.is_store(tmp_path)
    assert not BarStore.is_store(store.root / FILES[0])
    assert not BarStore.is_store(tmp_path / "nowhere")


def test_store_schema_is_float64_with_the_known_optional_columns_only(store):
    schema = pq.read_schema(store.root / FILES[0])
    assert schema.names == ["timestamp", "open", "high", "low", "close", "volume", "bid", "ask"]
    assert all(schema.field(name).type == COLUMNS.field(name).type for name in schema.names)
    assert [field.nullable for field in schema] == [False] * 6 + [True] * 2


def test_store_columns_known_in_some_sessions_are_null_in_the_others(store):
    frame = days_frame(("2024-07-08",), vwap=[100.0, np.nan, 102.0, 103.0]).drop(columns=["bid", "ask"])
    store.write(frame, "SPY", "XNYS", ORIGIN)
    read = store.read("SPY")
    np.testing.assert_array_equal(read["vwap"], [np.nan] * 12 + [100.0, np.nan, 102.0, 103.0])
    np.testing.assert_array_equal(read["bid"].isna(), [False] * 12 + [True] * 4)
    assert list(read) == ["timestamp", "symbol", "open", "high", "low", "close", "volume", "vwap", "bid", "ask"]
    assert store.verify() == []


def test_store_is_read_by_readers_of_hive_partitions(store):
    store.write(good_frame(symbol="BRK.B"), "BRK.B", "XNYS", ORIGIN)
    table = pyarrow.dataset.dataset(store.root, partitioning="hive").to_table()
    counts = table.to_pandas().groupby(["symbol", "year", "month", "day"]).size()
    assert counts.to_dict() == {
        ("BRK.B", 2024, 7, 2): 4, ("SPY", 2024, 7, 2): 4, ("SPY", 2024, 7, 3): 4, ("SPY", 2024, 7, 5): 4,
    }  # fmt: skip
    assert len(pd.read_parquet(store.root, filters=[("day", "==", 3)])) == 4


@pytest.mark.parametrize("symbol", ["BRK.B", "X:BTCUSD", "a/b", "..", "[x]*", "ГАЗ"])
def test_store_symbols_of_any_spelling_stay_inside_the_root(tmp_path, symbol):
    store = BarStore(tmp_path / "store")
    store.write(good_frame(symbol=symbol), symbol, "XNYS", ORIGIN)
    assert (store.symbols(), len(store.read(symbol))) == ([symbol], 4)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert len(list(store.root.iterdir())) == 1


def test_store_days_are_those_of_the_exchange_not_of_utc(tmp_path):
    store = BarStore(tmp_path)
    frame = good_frame(start="2024-07-02 00:30", symbol="BHP")  # Sydney opens at 10:00, 00:00 UTC
    store.write(frame, "BHP", "XASX", ORIGIN)
    frame = good_frame(start="2024-07-01 22:05", symbol="ES")  # the future's day opens the evening before
    store.write(frame, "ES", "CMES", ORIGIN)
    assert [store.sessions(symbol).astype(str).tolist() for symbol in ("BHP", "ES")] == [["2024-07-02"]] * 2


def test_store_reads_only_the_days_that_are_asked_for(store):
    for file in (FILES[0], FILES[2]):
        (store.root / file).write_bytes(b"damaged")
    assert len(store.read("SPY", day("2024-07-03"), day("2024-07-04"))) == 4
    with pytest.raises(DataError, match=r"day=05/SPY\.parquet: cannot be read"):
        store.read("SPY", day("2024-07-03"))


def test_store_absent_symbol_or_time_is_refused_with_what_there_is(store):
    with pytest.raises(DataError, match=r"store: has no symbol SPX \(did you mean SPY\?\); it holds SPY$"):
        store.read("SPX")
    with pytest.raises(DataError, match="SPY has no session from 2024-07-06 to its end; it covers 2024-07-02 to 2024"):
        store.read("SPY", day("2024-07-06"))
    with pytest.raises(DataError, match="nowhere: has no symbol SPY; it holds nothing"):
        BarStore(store.root / "nowhere").read("SPY")


def test_store_write_replaces_whole_sessions_and_leaves_the_others(store):
    before = [(store.root / file).read_bytes() for file in FILES]
    frame = days_frame(DAYS[1:2]).iloc[:2].assign(volume=7)
    assert store.write(frame, "SPY", "XNYS", ORIGIN) == Written(1, bars=2, revised=0, held=0, replaced=(DAYS[1],))
    assert store.read("SPY", day(DAYS[1]), day(DAYS[1]))["volume"].tolist() == [7.0, 7.0]
    after = [(store.root / file).read_bytes() for file in FILES]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_store_the_same_bars_again_leave_the_files_as_they_are(store):
    (store.root / FILES[2]).write_bytes(b"damaged")
    before = [(store.root / file).stat().st_mtime_ns for file in FILES]
    again = store.write(days_frame(), "SPY", "XNYS", ORIGIN)
    assert again == Written(sessions=1, bars=4, revised=0, held=2, replaced=())  # what is damaged is not replaced
    after = [(store.root / file).stat().st_mtime_ns for file in FILES]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]
    assert store.verify() == []


def test_store_a_bar_sent_again_replaces_the_earlier_one(store):
    late = good_frame((1, 3)).assign(volume=[5000, 6000])
    frame = pd.concat([good_frame(), late])
    assert store.write(frame, "SPY", "XNYS", ORIGIN) == Written(1, bars=4, revised=2, held=0, replaced=(DAYS[0],))
    first = store.read("SPY", end=day(DAYS[0]))
    assert first["volume"].tolist() == [1000, 5000, 1002, 6000]
    assert first["close"].tolist() == [100, 100, 102, 101]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(high=1.0), "row 0 .*: high must be >= low"),
        (lambda frame: frame.drop(columns="close"), "has no column close"),
        (lambda frame: frame.drop(columns="timestamp"), "has no column timestamp"),
        (lambda frame: frame.assign(timestamp="now"), "timestamp must be time stamps"),
        (lambda frame: frame.assign(timestamp=frame["timestamp"] + pd.Timedelta("9h")), "must lie inside the sessions"),
        (lambda frame: frame.assign(timestamp=frame["timestamp"] + pd.Timedelta("1s")), "must be a whole minute"),
        (lambda frame: frame.assign(symbol="QQQ"), r"has no symbol SPY.*; it holds QQQ"),
    ],
)
def test_store_refuses_what_breaks_a_law_and_writes_nothing_of_it(store, change, message):
    before = store.read("SPY")
    with pytest.raises(DataError, match=message):
        store.write(change(days_frame(volume=9)), "SPY", "XNYS", ORIGIN)
    pd.testing.assert_frame_equal(store.read("SPY"), before)


def test_store_hash_is_over_values_not_over_bytes(store):
    file = store.root / FILES[0]
    table, size = pq.read_table(file, partitioning=None), file.stat().st_size
    pq.write_table(table, file, compression="gzip", use_dictionary=True)
    assert file.stat().st_size != size
    assert store.verify() == []
    assert content_hash(table, "SPY", day(DAYS[0])) == content_hash(pq.read_table(file), "SPY", day(DAYS[0]))


def test_store_verify_names_an_altered_a_truncated_a_moved_and_a_foreign_file(store):
    store.write(days_frame(("2024-07-08", "2024-07-09")), "SPY", "XNYS", ORIGIN)
    assert store.verify() == []
    files = store.files("SPY")
    table = pq.read_table(files[0], partitioning=None)
    volume = table.schema.get_field_index("volume")
    changed = table.set_column(volume, table.schema.field(volume), [[1000.0, 1001.0, 1002.0, 1004.0]])  # was 1003
    pq.write_table(changed, files[0])
    files[1].write_bytes(files[1].read_bytes()[:-1])
    os.replace(files[2], files[3])
    good_frame().to_parquet(files[4])
    files[2].write_bytes(b"")
    lines = store.verify()
    assert [line.split(": ")[0] for line in lines] == [str(file) for file in files]
    assert all("\n" not in line for line in lines)
    assert "does not hold what was written to it for SPY (another hash)" in lines[0]
    assert "cannot be read as a session of the store" in lines[1]
    assert "another hash" in lines[3]
    with pytest.raises(DataError, match="another hash"):
        store.read("SPY", end=day(DAYS[0]))
    assert store.intact_sessions("SPY").size == 0


def test_store_no_flipped_byte_changes_the_bars_unnoticed(store):
    file = store.root / FILES[0]
    sound, before = file.read_bytes(), store.read("SPY", end=day(DAYS[0]))
    rng = np.random.default_rng(0)
    found = 0
    for place in rng.choice(len(sound), 150, replace=False):
        file.write_bytes(sound[:place] + bytes([sound[place] ^ 0x10]) + sound[place + 1 :])
        if store.verify():
            found += 1
        else:
            pd.testing.assert_frame_equal(store.read("SPY", end=day(DAYS[0])), before)
    assert found > 50


def test_store_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(store, monkeypatch):
    before = store.read("SPY")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.write(days_frame(volume=9), "SPY", "XNYS", ORIGIN)
    pd.testing.assert_frame_equal(store.read("SPY"), before)
    assert [path.name for path in (store.root / FILES[0]).parent.iterdir()] == ["SPY.parquet"]


def test_store_writers_of_several_symbols_do_not_disturb_each_other(tmp_path):
    store = BarStore(tmp_path)
    symbols = [f"S{i}" for i in range(6)]
    failures: list[BaseException] = []

    def write(symbol: str) -> None:
        try:
            for volume in range(3):
                store.write(days_frame(symbol=symbol, volume=volume), symbol, "XNYS", ORIGIN)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(symbol,)) for symbol in [*symbols, symbols[0]]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (store.symbols(), store.verify()) == (symbols, [])
    assert all((store.read(symbol)["volume"] == 2).all() for symbol in symbols[1:])
    assert sum(1 for path in tmp_path.rglob("*") if path.is_file()) == len(symbols) * len(DAYS)


def test_store_file_says_where_it_comes_from(store):
    text = pq.read_schema(store.root / FILES[0]).metadata[b"intraday_rl"].decode()
    for part in ('"source": "test"', '"calendar": "XNYS"', '"session": "2024-07-02"', '"symbol": "SPY"', '"format": 1'):
        assert part in text
