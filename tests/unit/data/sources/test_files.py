"""Historical files as a source."""

import pandas as pd
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import read_bars
from intraday_rl.data.sources import HistoricalFiles
from intraday_rl.data.storage.store import BarStore
from tests.unit.data.frames import good_frame
from tests.unit.data.quality.days import LIMITS

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05")


@pytest.fixture
def folder(tmp_path):
    frame = pd.concat([good_frame(start=f"{day} 13:30") for day in DAYS])
    frame.to_parquet(tmp_path / "SPY.parquet")
    return tmp_path


def source(path, symbol="SPY", start=None, end=None, exclude=(), without=()):
    return HistoricalFiles(
        path=path,
        symbol=symbol,
        start=start,
        end=end,
        calendar="XNYS",
        exclude=exclude,
        quality=LIMITS,
        without=without,
    )


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


@pytest.fixture
def cut_short(tmp_path):
    """Three whole sessions of 390 bars, the second of them without the bars after the 200th minute."""
    frame = pd.concat([good_frame(range(390), start=f"{day} 13:30") for day in (*DAYS[:2], DAYS[3])])
    late = (frame["timestamp"] > "2024-07-02 16:50") & (frame["timestamp"] < "2024-07-03")
    frame[~late].to_parquet(tmp_path / "SPY.parquet")
    return tmp_path


def test_sessions_that_fail_a_check_are_named_and_kept(cut_short, caplog):
    for _ in range(2):  # read, and from the cache
        caplog.clear()
        bars = source(cut_short).load()
        assert bars.sessions.date.astype(str).tolist() == ["2024-07-01", "2024-07-02", "2024-07-05"]
        assert (
            "SPY: 1 of 3 sessions fail the check cut_short (2024-07-02): kept; data.exclude=[cut_short]" in caplog.text
        )


def test_sessions_that_fail_a_check_are_left_out_by_rule(cut_short, caplog):
    bars = source(cut_short, exclude=("cut_short",)).load()
    whole = source(cut_short).load()
    assert bars.sessions.date.astype(str).tolist() == ["2024-07-01", "2024-07-05"]
    assert "fail the check cut_short (2024-07-02): left out, as the whole record" in caplog.text
    kept = whole.session != 1
    for name in ("close", "volume", "start_ns", "traded"):
        assert (getattr(bars, name) == getattr(whole, name)[kept]).all()
    assert bars.session.tolist() == [0] * 390 + [1] * 390


def test_checks_that_no_session_passes_are_refused(cut_short):
    only = source(cut_short, start="2024-07-02", end="2024-07-02", exclude=("cut_short",))
    with pytest.raises(DataError, match=r"SPY: all 1 sessions fail cut_short; leave fewer checks in data\.exclude"):
        only.load()


def test_unknown_checks_are_refused(folder):
    with pytest.raises(ParameterError, match=r"HistoricalFiles\.exclude must be one of missing_minutes"):
        source(folder, exclude=("bad_days",))


def test_column_that_some_sessions_lack_is_refused_or_left_unused(folder):
    """Quotes that begin with the third session would make the first two others than they were without it."""
    file = folder / "SPY.parquet"
    frame = pd.read_parquet(file)
    frame.loc[frame["timestamp"] < "2024-07-03", "bid"] = None
    frame.to_parquet(file)
    with pytest.raises(DataError, match=r"SPY: bid must be in every session or in none, 2 of 4 are without it"):
        source(folder).load()
    assert source(folder, start="2024-07-03").load().has("bid")
    assert not source(folder, without=("bid",)).load().has("bid")
    assert len(source(folder, exclude=("missing_quotes",)).load().sessions) == 2
    with pytest.raises(ParameterError, match=r"HistoricalFiles\.without must be one of vwap, trade_count"):
        source(folder, without=("close",))
