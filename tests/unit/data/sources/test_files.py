"""Historical files as a source."""

import pandas as pd
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import read_bars
from intraday_rl.data.sources import HistoricalFiles
from intraday_rl.data.storage.store import BarStore
from tests.unit.data.frames import good_frame

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05")


@pytest.fixture
def folder(tmp_path):
    frame = pd.concat([good_frame(start=f"{day} 13:30") for day in DAYS])
    frame.to_parquet(tmp_path / "SPY.parquet")
    return tmp_path


def source(path, symbol="SPY", start=None, end=None):
    return HistoricalFiles(path=path, symbol=symbol, start=start, end=end, calendar="XNYS")


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, DAYS),
        ("2024-07-02", "2024-07-03", DAYS[1:3]),
        ("2024-07-04", None, DAYS[3:]),
        (None, "2024-07-01", DAYS[:1]),
    ],
)
def test_historical_files_start_and_end_are_included(folder, start, end, days):
    bars = source(folder, start=start, end=end).load()
    assert bars.sessions.date.astype(str).tolist() == list(days)
    assert bars.traded.sum() == 4 * len(days)


def test_historical_files_a_file_equals_its_folder(folder):
    assert source(folder / "SPY.parquet").load().fingerprint == source(folder).load().fingerprint


def test_historical_files_a_store_equals_the_file(folder, tmp_path):
    store = BarStore(tmp_path / "store")
    store.write(read_bars(folder), "SPY", "XNYS", {"source": "test"})
    for days in ({}, {"start": "2024-07-02", "end": "2024-07-04"}):
        assert source(store.root, **days).load().fingerprint == source(folder, **days).load().fingerprint
    with pytest.raises(DataError, match="SPY has no session from 2024-07-06 to its end; it covers 2024-07-01 to"):
        source(store.root, start="2024-07-06").load()


def test_historical_files_time_without_sessions_is_refused(folder):
    with pytest.raises(DataError, match="SPY has no session from 2024-07-06 to its end; it covers 2024-07-01 to"):
        source(folder, start="2024-07-06").load()


def test_historical_files_absent_symbol_is_refused(folder):
    with pytest.raises(DataError, match=r"has no file SPX\.parquet \(did you mean SPY\?\)"):
        source(folder, symbol="SPX").load()
    with pytest.raises(DataError, match=r"SPY\.parquet: has no symbol SPX \(did you mean SPY\?\)"):
        source(folder / "SPY.parquet", symbol="SPX").load()


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2024-07-09", "2024-07-08", "start must be <= end, was 2024-07-09 after 2024-07-08"),
        ("July", None, "start must be a date written as YYYY-MM-DD, was 'July'"),
    ],
)
def test_historical_files_wrong_dates_are_refused_at_construction(tmp_path, start, end, message):
    with pytest.raises(ParameterError, match=message):
        source(tmp_path, start=start, end=end)
