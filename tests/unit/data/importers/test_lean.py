"""LEAN files made by hand: clock and daylight saving, contract months, tick sides, and each refusal in one line."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from tests.unit.data.importers.samples import imported, ns, write_zip

HALF_PAST_NINE = 34_200_000
BAR = f"{HALF_PAST_NINE},1000000,1010000,990000,1005000,500"


def equity(root, resolution, day, kind, *rows, symbol="spy"):
    return write_zip(root / "equity" / "usa" / resolution / symbol / f"{day}_{kind}.zip", rows)


def starts(bars):
    return bars.frame["timestamp"].astype("int64").tolist()


def test_lean_times_follow_daylight_saving(tmp_path):
    for day in ("20240308", "20240311"):
        equity(tmp_path, "minute", day, "trade", BAR)
    bars = imported(tmp_path)["SPY"]
    assert bars.frame["timestamp"].astype(str).tolist() == ["2024-03-08 14:30:00+00:00", "2024-03-11 13:30:00+00:00"]
    assert bars.frame.loc[0, ["open", "high", "low", "close", "volume"]].tolist() == [100.0, 101.0, 99.0, 100.5, 500]
    assert bars.counts == {}


def test_lean_time_that_the_clock_left_out_is_refused(tmp_path):
    equity(tmp_path, "minute", "20240310", "trade", BAR.replace(str(HALF_PAST_NINE), "9000000"))  # 02:30
    with pytest.raises(DataError, match="row 0: ms must be a time that America/New_York had on that day, was 9000000"):
        imported(tmp_path)


def test_lean_rows_outside_the_sessions_are_counted(tmp_path):
    late = BAR.replace(str(HALF_PAST_NINE), "46800000")  # 13:00, the close of a half-day
    equity(tmp_path, "minute", "20240703", "trade", BAR.replace("34200000", "34140000"), BAR, late)
    bars = imported(tmp_path)["SPY"]
    assert starts(bars) == [ns("2024-07-03 09:30")]
    assert bars.counts == {"outside the sessions": 2}


def test_lean_quotes_stand_at_the_end_of_their_bars(tmp_path):
    minutes = [HALF_PAST_NINE + 60_000 * number for number in range(9)]
    equity(tmp_path, "minute", "20240708", "trade", *(f"{ms},1000000,1000000,1000000,1000000,5" for ms in minutes))
    side = "999900,999900,999900,999900,300"
    equity(tmp_path, "minute", "20240708", "quote", f"{minutes[1]},{side},,,,,0", f"{minutes[2]},{side},{side}")
    frame = imported(tmp_path)["SPY"].frame
    np.testing.assert_array_equal(frame["bid"], [np.nan] + [99.99] * 7 + [np.nan])
    np.testing.assert_array_equal(frame["ask"], [np.nan, np.nan] + [99.99] * 6 + [np.nan])
    np.testing.assert_array_equal(frame["ask_size"], [np.nan, 0] + [300] * 6 + [np.nan])


def test_lean_ticks_carry_the_side_that_did_not_change(tmp_path):
    first = HALF_PAST_NINE
    equity(
        tmp_path, "tick", "20240708", "quote",
        f"{first},999000,500,0,0,P,1,0", f"{first + 1},0,0,1001000,300,P,1,0", f"{first + 500},0,0,9,9,P,1,1",
        f"{first + 3000},999500,100,0,0,P,1,0",
    )  # fmt: skip
    equity(
        tmp_path, "tick", "20240708", "trade",
        f"{first + 2},1001000,100,P,1,0",  # at the ask of 100.10, mid 100.00: a buyer
        f"{first + 4000},999500,200,Q,20,0",  # a sweep at the bid of 99.95, mid 100.025: a seller
        f"{first + 5000},2000000,50,D,20100000,0",  # average price: in the volume only
        f"{first + 6000},1000000,700,N,40,0",  # an opening print has no aggressor
        f"{first + 7000},1000000,9,Q,4000000,0",  # the official open is no trade
        f"{first + 8000},1000000,9,Q,1,1",  # suspicious
    )  # fmt: skip
    bars = imported(tmp_path)["SPY"]
    row = bars.frame.iloc[0]
    assert row[["open", "high", "low", "close", "volume", "trade_count"]].tolist() == [
        100.1,
        100.1,
        99.95,
        100,
        1050,
        3,
    ]
    assert row[["bid", "bid_size", "ask", "ask_size"]].tolist() == [99.95, 100.0, 100.1, 300.0]
    assert row[["buy_volume", "sell_volume"]].tolist() == [100.0, 200.0]
    assert row["order_flow"] == 100.0  # the bid rises to 99.95 x 100
    spread = 2e4 * (100 * 0.1 / 100.0 + 200 * 0.075 / 100.025) / 300
    assert row["effective_spread_bps"] == pytest.approx(spread, rel=1e-9)
    assert bars.counts == {
        "suspicious tick": 2,
        "message of the official open or close": 1,
        "trade not at the market's price (in the volume only)": 1,
        "trade without an aggressor (auction)": 1,
    }


def test_lean_futures_take_the_month_of_the_larger_volume_in_the_session_before(tmp_path):
    """Sessions of the 8th, 9th and 10th: 900 against 100 trade in the first, 10 against 20 in the second, and so the
    first takes September (its own largest, nothing is before it), the second too, and only the third December."""
    folder = tmp_path / "future" / "cme" / "minute" / "es"
    folder.mkdir(parents=True)
    evening = 23 * 3_600_000  # 23:00 UTC is 19:00 New York: the session of the day after
    volumes = {
        "202409": {"20240708": (900, 10), "20240709": (0, 5)},
        "202412": {"20240708": (100, 20), "20240709": (0, 4)},
    }
    for day in ("20240708", "20240709"):
        with zipfile.ZipFile(folder / f"{day}_trade.zip", "w") as archive:
            for month in volumes:
                morning, night = volumes[month][day]
                first = f"50400000,5.5,5.5,5.5,5.5,{morning}\n" if morning else ""
                archive.writestr(f"{day}_es_minute_trade_{month}.csv", f"{first}{evening},6.5,6.5,6.5,6.5,{night}\n")
        with zipfile.ZipFile(folder / f"{day}_quote.zip", "w") as archive:
            for month, bid in (("202409", 5.25), ("202412", 6.25)):
                side = f"{bid},{bid},{bid},{bid},7"
                rows = f"50400000,{side},{side}\n{evening},{side},{side}\n"
                archive.writestr(f"{day}_es_minute_quote_{month}.csv", rows)
    bars = imported(tmp_path, calendar="CME_Equity")["ES"]
    times = ["2024-07-08 14:00:00+00:00", "2024-07-08 23:00:00+00:00", "2024-07-09 23:00:00+00:00"]
    assert bars.frame["timestamp"].astype(str).tolist() == times
    assert bars.frame["volume"].tolist() == [900, 10, 4]
    assert bars.frame["bid"].tolist() == [5.25, 5.25, 6.25]
    assert bars.counts == {"other contract month": 3}


def test_lean_one_zip_is_enough(tmp_path):
    trade = equity(tmp_path, "minute", "20240708", "trade", BAR)
    assert len(imported(trade)["SPY"].frame) == 1


def test_lean_symbols_are_chosen_by_name(tmp_path):
    for symbol in ("spy", "qqq"):
        equity(tmp_path, "minute", "20240708", "trade", BAR, symbol=symbol)
    assert list(imported(tmp_path)) == ["QQQ", "SPY"]
    assert list(imported(tmp_path, symbols=("SPY",))) == ["SPY"]
    with pytest.raises(DataError, match=r"has no symbol SPYY \(did you mean SPY\?\); it holds QQQ, SPY"):
        imported(tmp_path, symbols=("SPYY",))


def test_lean_two_resolutions_of_a_day_are_refused(tmp_path):
    equity(tmp_path, "minute", "20240708", "trade", BAR)
    equity(tmp_path, "second", "20240708", "trade", BAR)
    with pytest.raises(DataError, match=r"SPY must have one resolution on 20240708, has equity/usa/minute"):
        imported(tmp_path)
    assert len(imported(tmp_path / "equity" / "usa" / "second")["SPY"].frame) == 1


BAD_ROWS = [
    ("minute", "trade", [], "must hold rows, is empty"),
    ("minute", "trade", ["34200000,1,1,1,1"], "must have 6 columns (ms, open, high, low, close, volume), has 5"),
    ("minute", "trade", [BAR, BAR + ",1"], "cannot be read as a table (Error tokenizing data"),
    ("minute", "trade", ["time,open,high,low,close,volume", BAR], "row 0: ms must be a number, was time"),
    ("minute", "trade", [BAR, "34260000,1000000,x,990000,1005000,500"], "row 1: high must be a number, was x"),
    ("minute", "trade", [BAR, "34260000,0,1,1,1,5"], "row 1: open must be > 0, was 0"),
    ("minute", "trade", [BAR, "34260000,1,1,1,1,"], "row 1: volume must be >= 0, was nan"),
    ("minute", "trade", ["34200000,5,4,4,4,5"], "row 0: high must be >= open, low and close, was 4"),
    ("minute", "trade", ["34200000,4,5,4,3,5"], "row 0: low must be <= open and close, was 4"),
    ("minute", "trade", [BAR, BAR], "row 1: ms must increase from row to row, was 34200000"),
    ("minute", "trade", ["86400000,1,1,1,1,5"], "row 0: ms must be whole and in [0, 86400000)"),
    (
        "tick",
        "trade",
        ["34200000,1000000,100,P,xyz,0"],
        "row 0: condition must be hexadecimal, 15 digits",
    ),
    ("tick", "trade", ["34200000,-1,100,P,1,0"], "row 0: price must be >= 0, was -1"),
]


@pytest.mark.parametrize(("resolution", "kind", "rows", "message"), BAD_ROWS)
def test_lean_bad_rows_are_refused_in_one_line(tmp_path, resolution, kind, rows, message):
    file = equity(tmp_path, resolution, "20240708", kind, *rows)
    with pytest.raises(DataError) as caught:
        imported(tmp_path)
    assert str(caught.value).startswith(f"{file}: 20240708_trade.csv: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"no zip at all", "cannot be read as a zip (File is not a zip file)"),
        (lambda content: content[:60], "cannot be read as a zip"),
        (lambda content: content[:60] + bytes(40) + content[100:], "download it again"),
        (lambda content: b"", "cannot be read as a zip"),
    ],
)
def test_lean_broken_zips_are_refused_in_one_line(tmp_path, damage, message):
    rows = [
        f"{HALF_PAST_NINE + 60_000 * n},{1000000 + n * n},2000000,{900000 + n},{1000000 + n},{n * 7}" for n in range(99)
    ]
    file = equity(tmp_path, "minute", "20240708", "trade", *rows)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError) as caught:
        imported(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lean_zip_without_a_table_is_refused(tmp_path):
    file = write_zip(tmp_path / "equity" / "usa" / "minute" / "spy" / "20240708_trade.zip", [], member="readme.txt")
    with pytest.raises(DataError, match="must hold a CSV file, holds none"):
        imported(file)


def test_lean_files_outside_the_layout_are_refused(tmp_path):
    file = write_zip(tmp_path / "20240708_trade.zip", [BAR])
    with pytest.raises(DataError, match="in a folder of asset/market/resolution/symbol, holds none"):
        imported(file)


def test_lean_other_indices_and_wrong_dates_are_refused(tmp_path):
    write_zip(tmp_path / "a" / "index" / "usa" / "minute" / "ndx" / "20240708_trade.zip", [BAR])
    with pytest.raises(DataError, match="an index must be SPX, was NDX"):
        imported(tmp_path / "a")
    equity(tmp_path / "b", "minute", "20241399", "trade", BAR)
    with pytest.raises(DataError, match="the name must begin with a date YYYYMMDD, was 20241399"):
        imported(tmp_path / "b")
    equity(tmp_path / "c", "minute", "20240708", "quote", BAR)
    with pytest.raises(DataError, match="SPY must have trades"):
        imported(tmp_path / "c")


def test_lean_day_with_quotes_alone_is_counted(tmp_path):
    equity(tmp_path, "tick", "20240708", "trade", f"{HALF_PAST_NINE},1000000,100,P,1,0")
    equity(tmp_path, "tick", "20240709", "quote", f"{HALF_PAST_NINE},999000,500,1000000,300,P,1,0")
    bars = imported(tmp_path)["SPY"]
    assert starts(bars) == [ns("2024-07-08 09:30")]
    assert bars.counts == {"quote of a day without trades": 1}


def test_lean_bars_all_outside_the_sessions_are_refused(tmp_path):
    equity(tmp_path, "minute", "20240704", "trade", BAR)
    with pytest.raises(DataError, match="SPY must have bars inside the sessions of XNYS, has none"):
        imported(tmp_path)


def test_lean_many_days_draw_a_progress_bar_on_a_terminal(tmp_path, monkeypatch, capsys):
    days = [str(day.date()).replace("-", "") for day in pd.bdate_range("2024-07-08", periods=6)]
    for day in days:
        equity(tmp_path, "minute", day, "trade", BAR)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert len(imported(tmp_path)["SPY"].frame) == 6
    assert "SPY days" in capsys.readouterr().err
