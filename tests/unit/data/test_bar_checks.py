"""Each law of the bars: a frame that breaks it alone is refused in one line that says where, what and what to do."""

import logging

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import COLUMN_LAWS, LAWS, ROW_LAWS, broken_laws, check_bars, report_crossed_quotes
from tests.unit.data.frames import good_frame

SECOND = "SPY session 2024-07-02, row 1 (2024-07-02 13:31:00+00:00): "
THIRD = "SPY session 2024-07-02, row 2 (2024-07-02 13:32:00+00:00): "


def setting(column, row, value):
    def change(frame):
        if isinstance(value, float) and frame[column].dtype.kind == "i":
            frame[column] = frame[column].astype(float)
        frame.loc[row, column] = value
        return frame

    return change


def replacing(column, make):
    return lambda frame: frame.assign(**{column: make(frame)})


BROKEN = {
    "null_price": (setting("open", 2, np.nan), THIRD + "open must not be null, was open nan; drop the row"),
    "zero_price": (setting("low", 1, 0.0), SECOND + "low must be > 0 (price units), was low 0.0; correct or drop"),
    "negative_price": (setting("close", 1, -3.0), SECOND + "close must be > 0 (price units), was close -3.0;"),
    "infinite_price": (setting("high", 2, np.inf), THIRD + "high must be > 0 (price units), was high inf;"),
    "negative_volume": (setting("volume", 1, -5), SECOND + "volume must be >= 0, was volume -5;"),
    "null_volume": (setting("volume", 1, np.nan), SECOND + "volume must not be null, was volume nan;"),
    "text_price": (
        replacing("close", lambda frame: frame["close"].astype(str)),
        "row 0 (2024-07-02 13:30:00+00:00): close must be numbers, was close 100.0 (4 rows break this); store",
    ),
    "boolean_volume": (replacing("volume", lambda frame: True), "volume must be numbers, was volume True"),
    "naive_times": (
        replacing("timestamp", lambda frame: frame["timestamp"].dt.tz_localize(None)),
        "SPY session 2024-07-02, row 0 (2024-07-02 13:30:00): timestamp must have a time zone, was timestamp "
        "2024-07-02 13:30:00 (4 rows break this); localize the column",
    ),
    "text_times": (
        replacing("timestamp", lambda frame: frame["timestamp"].astype(str)),
        "timestamp must be time stamps, was timestamp 2024-07-02 13:30:00+00:00 (4 rows break this); convert",
    ),
    "null_time": (setting("timestamp", 2, pd.NaT), "SPY session NaT, row 2 (NaT): timestamp must not be null"),
    "null_symbol": (setting("symbol", 1, None), "row 1 (2024-07-02 13:31:00+00:00): symbol must not be null"),
    "repeated_time": (
        setting("timestamp", 2, pd.Timestamp("2024-07-02 13:31", tz="UTC")),
        "row 2 (2024-07-02 13:31:00+00:00): timestamp must be unique for a symbol, was timestamp "
        "2024-07-02 13:31:00+00:00; drop the repeated row",
    ),
    "unsorted": (
        lambda frame: frame.iloc[[0, 2, 1, 3]].reset_index(drop=True),
        "row 2 (2024-07-02 13:31:00+00:00): timestamp must increase for a symbol, was timestamp "
        "2024-07-02 13:31:00+00:00; sort the rows by timestamp",
    ),
    "high_below_low": (setting("high", 1, 90.0), SECOND + "high must be >= low, was high 90.0, low 100.5; correct"),
    "open_above_high": (setting("open", 1, 102.0), SECOND + "open must lie in [low, high], was open 102.0, low 100.5"),
    "close_below_low": (setting("close", 2, 99.0), THIRD + "close must lie in [low, high], was close 99.0, low 101.5"),
    "zero_bid": (setting("bid", 1, 0.0), SECOND + "bid must be > 0 or null (price units), was bid 0.0; write null"),
    "negative_size": (
        replacing("bid_size", lambda frame: [100.0, np.nan, -1.0, 5.0]),
        THIRD + "bid_size must be >= 0 or null, was bid_size -1.0; write null",
    ),
    "infinite_flow": (
        replacing("order_flow", lambda frame: [100.0, np.nan, np.inf, -5.0]),
        THIRD + "order_flow must be finite or null, was order_flow inf; write null",
    ),
    "no_rows": (lambda frame: frame.iloc[:0], "must hold at least one bar, has none"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_check_bars_refuses_each_broken_frame_in_one_line(name):
    change, expected = BROKEN[name]
    broken = change(good_frame())
    with pytest.raises(DataError) as caught:
        check_bars(broken, "data/SPY.parquet")
    message = str(caught.value)
    assert message.startswith("data/SPY.parquet: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("column", ["timestamp", "symbol", "open", "high", "low", "close", "volume"])
def test_check_bars_missing_column_is_named(column):
    with pytest.raises(DataError, match=rf"^x: has no column {column}.*rename or add it$"):
        check_bars(good_frame().drop(columns=column), "x")


def test_check_bars_missing_column_offers_the_nearest_name():
    with pytest.raises(DataError, match=r"has no column close \(did you mean Close\?\)"):
        check_bars(good_frame().rename(columns={"close": "Close"}), "x")


def test_check_bars_every_law_is_broken_by_a_case_above():
    messages = " ".join(expected for _, expected in BROKEN.values())
    assert {law.text for law in LAWS.values() if law.text not in messages} == set()
    assert len(LAWS) == len(ROW_LAWS) + len({law.name for laws in COLUMN_LAWS.values() for law in laws})


def test_check_bars_good_frame_passes_unchanged():
    frame = good_frame()
    check_bars(frame, "x")
    pd.testing.assert_frame_equal(frame, good_frame())


@pytest.mark.parametrize("empty", [np.nan, None])
def test_check_bars_optional_columns_may_be_null(empty):
    check_bars(good_frame().assign(vwap=empty, trade_count=empty, bid=empty, ask=empty, bid_size=empty), "x")


def test_check_bars_vwap_outside_the_range_is_let_through():
    check_bars(good_frame().assign(vwap=500.0), "x")  # it counts odd lots, the range does not


def test_check_bars_zero_volume_is_let_through():
    check_bars(good_frame().assign(volume=0), "x")


def test_check_bars_first_of_several_bad_rows_is_named_and_counted():
    frame = good_frame()
    frame.loc[[1, 3], "volume"] = -1
    with pytest.raises(DataError, match=r"row 1 .* was volume -1 \(2 rows break this\); correct"):
        check_bars(frame, "x")


def test_check_bars_symbols_may_alternate():
    both = pd.concat([good_frame(), good_frame(symbol="QQQ")]).sort_values(["timestamp", "symbol"])
    check_bars(both, "x")
    swapped = both.iloc[[0, 3, 2, 1, 4, 5, 6, 7]]  # one symbol's minutes 0 and 1 change places
    with pytest.raises(DataError, match="increase for a symbol"):
        check_bars(swapped, "x")


def test_check_bars_row_numbers_are_those_of_the_source():
    frame = good_frame()
    frame.loc[1, "volume"] = -1
    with pytest.raises(DataError, match="row 41 "):
        check_bars(frame, "x", np.array([40, 41, 42, 43]))


def test_check_bars_session_column_names_the_session():
    frame = good_frame().assign(session="2024-07-01")
    frame.loc[1, "volume"] = -1
    with pytest.raises(DataError, match="SPY session 2024-07-01, row 1"):
        check_bars(frame, "x")


def test_broken_laws_names_every_law_once_with_its_first_row():
    frame = good_frame()
    frame["volume"] = frame["volume"].astype(float)
    frame.loc[[1, 2], "volume"] = np.nan
    frame.loc[2, "open"] = 1000.0
    frame.loc[3, "high"] = frame.loc[3, "low"] - 1.0
    lines = broken_laws(frame, "x", np.array([40, 41, 42, 43]))
    rows = [line.partition(", ")[2].partition(" (")[0] for line in lines]
    assert rows == ["row 41", "row 43", "row 42", "row 43"]
    laws = ("volume must not be null", "high must be >= low", "open must lie in", "close must lie in")
    assert all(law in line for law, line in zip(laws, lines, strict=True))
    assert broken_laws(good_frame(), "x", np.arange(4)) == []


def test_report_crossed_quotes_counts_and_logs_but_does_not_refuse(caplog):
    frame = good_frame()
    frame.loc[2, "ask"] = frame.loc[2, "bid"]
    frame.loc[3, "ask"] = frame.loc[3, "bid"] - 0.01
    check_bars(frame, "x")
    with caplog.at_level(logging.WARNING):
        assert report_crossed_quotes(frame, "x") == 2
    assert caplog.messages == ["x: " + THIRD + "bid >= ask in 2 of 4 rows, this is the first; kept as they are"]


def test_report_crossed_quotes_is_silent_without_crossed_or_any_quotes(caplog):
    assert report_crossed_quotes(good_frame(), "x") == 0
    assert report_crossed_quotes(good_frame().drop(columns="bid"), "x") == 0
    assert report_crossed_quotes(good_frame().assign(bid=np.nan), "x") == 0
    assert caplog.messages == []
