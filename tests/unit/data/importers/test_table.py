"""Generic tables: every way of writing the same bars gives the same bars, and what is wrong is refused in one line."""

import gzip

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.importers.table import OUTSIDE, REPEATED, in_sessions, load_table, symbol_of_file
from tests.unit.data.frames import good_frame
from tests.unit.data.importers.samples import BARS, imported, request

NEW_YORK = "America/New_York"
MINUTES = (0, 1, 2, 3, 5, 6, 9, 10)


def plain(**names):
    """Return bars with New York clock times in the column `at`; the bar columns may get other names."""
    frame = good_frame(MINUTES)
    clock = frame["timestamp"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    return frame[BARS].rename(columns=names).assign(at=clock)


def text(form, frame=None, ending=""):
    frame = plain() if frame is None else frame
    return frame.assign(timestamp=frame.pop("at").dt.strftime(form) + ending)


def write(path, frame, **options):
    frame.to_csv(path, index=False, **options)
    return path


def epoch(per_second):
    stamps = good_frame(MINUTES)["timestamp"].dt.as_unit("ns").astype("int64") // (1_000_000_000 // per_second)
    return plain().drop(columns="at").assign(time=stamps)


def two_columns(date, time, **names):
    frame = plain(**names)
    return frame.assign(date=frame["at"].dt.strftime(date), time=frame.pop("at").dt.strftime(time))


def headerless(frame, columns):
    return frame[columns], {"header": False}


SIX, SEVEN = ["timestamp", *BARS], ["date", "time", *BARS]
WAYS = {
    "iso without zone": (text("%Y-%m-%d %H:%M:%S"), {}, {"zone": NEW_YORK}),
    "iso with T, no seconds": (text("%Y-%m-%dT%H:%M"), {}, {"zone": NEW_YORK}),
    "offset": (text("%Y-%m-%d %H:%M:%S", ending="-04:00"), {}, {}),
    "offset in words": (text("%d.%m.%Y %H:%M:%S.%f", ending=" GMT-0400"), {}, {}),
    "zone by name": (text("%Y%m%d %H:%M:%S", ending=" US/Eastern"), {}, {}),
    "dotted": (two_columns("%Y.%m.%d", "%H:%M:%S", open="<OPEN>"), {"sep": "\t"}, {"zone": NEW_YORK}),
    "ninja trader": (*headerless(text("%Y%m%d %H%M%S"), SIX), {"zone": NEW_YORK}),
    "date and time": (*headerless(two_columns("%Y-%m-%d", "%H:%M"), SEVEN), {"zone": NEW_YORK}),
    "times as numbers": (two_columns("%Y%m%d", "%H%M%S").astype({"date": int, "time": int}), {}, {"zone": NEW_YORK}),
    "one number": (text("%Y%m%d%H%M"), {"sep": "|"}, {"zone": NEW_YORK}),
    "seconds": (epoch(1), {}, {}),
    "milliseconds": (epoch(1000), {"sep": ";"}, {}),
    "microseconds": (epoch(10**6), {}, {}),
    "nanoseconds": (epoch(10**9), {}, {}),
    "zone is not used where stamps have one": (epoch(1), {}, {"zone": "Asia/Tokyo"}),
    "newest first": (text("%Y-%m-%d %H:%M:%S").iloc[::-1], {}, {"zone": NEW_YORK}),
    "short names": (epoch(1).rename(columns={name: name[0] for name in BARS} | {"time": "t"}), {}, {}),
    "capitals, last, quoted": (
        epoch(1).rename(columns={"close": "Last", "volume": "VOL", "open": "Open"}), {"quoting": 1}, {},
    ),
    "a prefix": (epoch(1).rename(columns="SPY.{}".format), {}, {}),
    "comma at each end": (epoch(1).assign(**{"": ""}), {}, {}),
    "utf-16": (text("%Y-%m-%d %H:%M:%S"), {"encoding": "utf-16"}, {"zone": NEW_YORK}),
    "gzip": (epoch(1), {"compression": "gzip"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_table_every_way_of_writing_gives_the_same_bars(tmp_path, way):
    frame, options, stated = WAYS[way]
    bars = imported(write(tmp_path / "SPY.csv", frame, **options), format="table", **stated)["SPY"]
    assert bars.frame["timestamp"].tolist() == good_frame(MINUTES)["timestamp"].tolist()
    pd.testing.assert_frame_equal(bars.frame[BARS], good_frame(MINUTES)[BARS].astype(float))
    assert bars.counts == {OUTSIDE: 0, REPEATED: 0}


@pytest.mark.parametrize("zoned", [True, False])
def test_table_parquet_gives_the_same_bars(tmp_path, zoned):
    frame = good_frame(MINUTES)[["timestamp", *BARS]]
    stamps = frame["timestamp"] if zoned else frame["timestamp"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    frame.assign(timestamp=stamps).set_index("timestamp").to_parquet(tmp_path / "SPY.parquet")
    bars = imported(tmp_path / "SPY.parquet", format="table", zone=None if zoned else NEW_YORK)["SPY"]
    assert bars.frame["timestamp"].tolist() == good_frame(MINUTES)["timestamp"].tolist()


def test_table_month_or_day_first_is_told_by_the_other_rows(tmp_path):
    # 2 and 15 July: the second date can only be month/day
    frame = pd.concat([good_frame(), good_frame(start="2024-07-15 13:30")])
    clock = frame["timestamp"].dt.tz_convert(NEW_YORK)
    for form in ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"):
        file = write(tmp_path / "SPY.csv", frame[BARS].assign(timestamp=clock.dt.strftime(form)))
        bars = imported(file, format="table", zone=NEW_YORK)["SPY"]
        assert bars.frame["timestamp"].tolist() == frame["timestamp"].tolist()


def test_table_month_or_day_first_is_refused_where_nothing_tells(tmp_path):
    frame = text("%m/%d/%Y %I:%M %p")
    with pytest.raises(DataError, match="row 0: '07/02/2024 09:30 AM' could be month/day or day/month"):
        imported(write(tmp_path / "SPY.csv", frame), format="table", zone=NEW_YORK)


def test_table_end_stamps_are_moved_back_one_minute(tmp_path):
    frame = epoch(1).assign(time=lambda f: f["time"] + 60)
    bars = imported(write(tmp_path / "SPY.csv", frame), format="table", stamp="end")["SPY"]
    assert bars.frame["timestamp"].tolist() == good_frame(MINUTES)["timestamp"].tolist()


def test_table_rows_outside_and_repeated_rows_are_dropped_and_counted(tmp_path):
    early = good_frame((0, 1, 2), start="2024-07-02 13:27").iloc[:2]
    frame = pd.concat([early, good_frame(MINUTES), good_frame(MINUTES).iloc[[4, 4]]])
    bars = imported(write(tmp_path / "SPY.csv", frame), format="table")["SPY"]
    assert len(bars.frame) == len(MINUTES)
    assert bars.counts == {OUTSIDE: 2, REPEATED: 2}


def test_table_several_symbols_in_one_file(tmp_path):
    both = pd.concat([good_frame(MINUTES), good_frame(symbol="QQQ")]).sort_values("timestamp", kind="stable")
    file = write(tmp_path / "all.csv", both.rename(columns={"symbol": "ticker"}))
    bars = imported(file, format="table")
    assert {symbol: len(found.frame) for symbol, found in bars.items()} == {"QQQ": 4, "SPY": 8}
    assert list(imported(file, format="table", symbols=("QQQ",))) == ["QQQ"]
    with pytest.raises(DataError, match=r"has no symbol QQ \(did you mean QQQ\?\); it holds QQQ, SPY"):
        imported(file, format="table", symbols=("QQ",))


def test_table_folder_joins_the_files_of_a_symbol_and_keeps_the_others_apart(tmp_path):
    write(tmp_path / "SPY_2024-07-03.csv", good_frame(start="2024-07-03 13:30").drop(columns="symbol"))
    write(tmp_path / "SPY_2024-07-02.csv", good_frame().drop(columns="symbol"))
    write(tmp_path / "QQQ.csv", good_frame().drop(columns="symbol"))
    bars = imported(tmp_path, format="table")
    assert {symbol: len(found.frame) for symbol, found in bars.items()} == {"QQQ": 4, "SPY": 8}
    assert bars["SPY"].frame["timestamp"].is_monotonic_increasing
    assert list(imported(tmp_path, format="table", symbols=("QQQ",))) == ["QQQ"]


def test_table_a_file_without_regular_hours_counts_as_outside(tmp_path):
    write(tmp_path / "SPY_1.csv", good_frame().drop(columns="symbol"))
    write(tmp_path / "SPY_2.csv", good_frame(start="2024-07-02 12:00").drop(columns="symbol"))
    bars = imported(tmp_path, format="table")["SPY"]
    assert len(bars.frame) == 4
    assert bars.counts == {OUTSIDE: 4, REPEATED: 0}


def test_table_rows_of_a_symbol_keep_their_numbers(tmp_path):
    both = pd.concat([good_frame(), good_frame((0, 1), symbol="QQQ")]).iloc[[0, 4, 1, 5, 2, 3]]
    file = write(tmp_path / "all.csv", both)
    table = load_table(file, request(file))
    assert list(table.symbols) == ["QQQ", "SPY"]
    rows, positions = table.rows_of("QQQ")
    assert positions.tolist() == [1, 3]
    assert set(rows["symbol"]) == {"QQQ"}
    assert table.rows_of("SPY")[1].tolist() == [0, 2, 4, 5]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("SPY.csv", "SPY"), ("SPY_1min.csv.gz", "SPY"), ("SPY-2024-first.txt", "SPY"), ("BRK.B.parquet", "BRK.B"),
        ("BRK-B.csv", "BRK-B"), ("nt-spy.csv", "nt-spy"),
    ],
)  # fmt: skip
def test_symbol_of_file_is_what_the_name_begins_with(tmp_path, name, symbol):
    assert symbol_of_file(tmp_path / name) == symbol


def test_table_price_is_the_vwap_only_where_its_values_are(tmp_path):
    for shift, role in ((0.0, "price"), (5.0, None)):
        file = write(tmp_path / "SPY.csv", epoch(1).assign(price=lambda f, s=shift: f["close"] + s))
        table = load_table(file, request(file))
        assert table.roles.found.get("vwap") == role
        assert ("price" in table.roles.unused) == (role is None)


def edited(column, value, row=2):
    return lambda frame: frame.astype({column: object}).assign(
        **{column: [value if i == row else cell for i, cell in enumerate(frame[column])]}
    )


def again(frame):
    return pd.concat([frame, frame.iloc[[1]].assign(close=frame["low"].iloc[1])])


REFUSALS = {
    "no zone": (lambda f: text("%Y-%m-%d %H:%M"), r"have no time zone.*data\.zone=America/New_York"),
    "text in numbers": (edited("open", "n/a!"), r"row 2: open must be a number, was 'n/a!'; write"),
    "empty price": (edited("open", None), r"row 2 .*open must not be null"),
    "no price at all": (lambda f: f.assign(**dict.fromkeys(BARS[:4])), r"row 0: holds no price \(8 such rows\)"),
    "high below low": (edited("high", 1.0), r"row 2 .*high must be >= low, was high 1\.0, low 101\.5"),
    "two bars for a minute": (again, r"rows 1 and 8 both stand for 2024-07-02 13:31.* \(close 101\.0 and 100\.5\)"),
    "no volume": (lambda f: f.drop(columns="volume"), r"has no column for volume; .*the table has time, open, high"),
    "no stamp": (lambda f: f.drop(columns="time"), r"has no column that tells the time .*has open, high"),
    "stamp in words": (edited("time", "noon"), r"row 2: the stamp 'noon' must be a number as the first one, \d+"),
    "no stamp in a row": (edited("time", ""), r"row 2: the stamp is missing"),
    "five minutes": (lambda f: f.assign(time=f["time"].iloc[0] + 300 * np.arange(8)), r"holds 5-minute bars"),
    "seconds": (lambda f: f.assign(time=f["time"].iloc[0] + np.arange(8)), r"holds 1-second bars"),
    "night": (lambda f: f.assign(time=f["time"] - 8 * 3600), r"none of the 8 rows .* lies in a session of XNYS"),
    "off the minute": (edited("time", 1_719_927_007), r"row 2 \(2024-07-02 13:30:07.*: the stamp must be a whole"),
    "no symbol in a row": (lambda f: edited("ticker", "")(f.assign(ticker="SPY")), r"row 2: ticker must name"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_table_wrong_rows_are_refused_in_one_line(tmp_path, case):
    change, message = REFUSALS[case]
    file = write(tmp_path / "SPY.csv", change(epoch(1)))
    with pytest.raises(DataError, match=message) as caught:
        imported(file, format="table")
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("clock", "law"),
    [("2024-11-03 01:30:00", "exists twice"), ("2024-03-10 02:30:00", "does not exist")],
)
def test_table_clock_times_of_the_change_are_refused_with_their_row(tmp_path, clock, law):
    frame = text("%Y-%m-%d %H:%M:%S")
    frame.loc[3, "timestamp"] = clock
    with pytest.raises(DataError, match=f"row 3: {clock} {law} in America/New_York"):
        imported(write(tmp_path / "SPY.csv", frame), format="table", zone=NEW_YORK)


def test_table_unknown_zone_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ParameterError, match=r"was 'America/New_Yrok' \(did you mean America/New_York\?\)"):
        imported(write(tmp_path / "SPY.csv", epoch(1)), format="table", zone="America/New_Yrok")


def test_in_sessions_ends_with_the_last_minute_of_a_half_day():
    times = pd.Series(pd.to_datetime(["2024-07-03 13:29", "2024-07-03 13:30", "2024-07-03 16:59", "2024-07-03 17:00"]))
    assert in_sessions(times.dt.tz_localize("UTC"), "XNYS").tolist() == [False, True, True, False]


def test_table_damaged_gzip_is_refused(tmp_path):
    packed = gzip.compress(epoch(1).to_csv(index=False).encode())
    (tmp_path / "SPY.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="is a damaged gzip file"):
        imported(tmp_path / "SPY.csv.gz", format="table")
