"""Minutes by hand: which rows a minute owns, how long a quote stands, what a session keeps."""

import numpy as np
import pandas as pd

from intraday_rl.data.importers.aggregate import closing_quotes, inside_sessions, minutes_of_bars, minutes_of_trades
from intraday_rl.data.sessions import MINUTE_NS
from tests.unit.data.importers.samples import ns

SECOND_NS = 1_000_000_000


def trades(*rows):
    frame = pd.DataFrame(rows, columns=["seconds", "price", "size", "priced"])
    return frame.assign(time_ns=frame["seconds"] * SECOND_NS, session=0)


def quotes(*rows, session=0):
    frame = pd.DataFrame(rows, columns=["minute", "bid", "bid_size", "ask", "ask_size"])
    return frame.assign(time_ns=frame["minute"] * MINUTE_NS + SECOND_NS, session=session)


def bars_at(*minutes):
    return pd.DataFrame({"time_ns": np.array(minutes) * MINUTE_NS, "session": 0})


def test_minutes_of_trades_own_their_start_and_not_their_end():
    bars, left_out = minutes_of_trades(
        trades((0, 10.0, 100, True), (30, 12.0, 300, True), (59, 9.0, 100, True), (60, 11.0, 200, True))
    )
    assert bars["time_ns"].tolist() == [0, MINUTE_NS]
    assert bars[["open", "high", "low", "close"]].to_numpy().tolist() == [[10.0, 12.0, 9.0, 9.0], [11.0] * 4]
    assert bars["volume"].tolist() == [500, 200]
    assert bars["vwap"].tolist() == [(1000 + 3600 + 900) / 500, 11.0]
    assert bars["trade_count"].tolist() == [3, 1]
    assert left_out == 0


def test_minutes_of_trades_unpriced_ones_count_in_the_volume_alone():
    bars, left_out = minutes_of_trades(
        trades((0, 10.0, 100, True), (1, 99.0, 50, False), (2, 10.0, 100, True), (70, 98.0, 7, False))
    )
    assert bars["high"].tolist() == [10.0]
    assert bars["volume"].tolist() == [250]
    assert bars["vwap"].tolist() == [10.0]
    assert bars["trade_count"].tolist() == [2]
    assert left_out == 1  # the last one: its minute has no price


def test_minutes_of_trades_of_none_are_none():
    bars, left_out = minutes_of_trades(trades((0, 10.0, 100, True)).iloc[:0])
    assert len(bars) == 0
    assert left_out == 0


def test_minutes_of_bars_join_the_seconds_of_a_minute():
    seconds = pd.DataFrame(
        {"time_ns": np.array([0, 1, 59, 60]) * SECOND_NS, "session": 0, "open": [10.0, 11.0, 8.0, 7.0],
         "high": [10.5, 13.0, 9.0, 7.5], "low": [9.5, 11.0, 7.0, 6.0], "close": [10.0, 12.0, 8.5, 6.5],
         "volume": [100, 200, 300, 400]}
    )  # fmt: skip
    bars = minutes_of_bars(seconds)
    assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
        [10.0, 13.0, 7.0, 8.5, 600.0], [7.0, 7.5, 6.0, 6.5, 400.0],
    ]  # fmt: skip


def test_closing_quotes_are_the_last_of_the_minute():
    book = pd.concat([quotes((3, 9.0, 1, 10.0, 2)), quotes((3, 9.5, 3, 10.5, 4)), quotes((4, 1.0, 1, 2.0, 1))])
    last = closing_quotes(bars_at(3), book).iloc[0]
    assert last[["bid", "bid_size", "ask", "ask_size"]].tolist() == [9.5, 3.0, 10.5, 4.0]


def test_closing_quotes_are_null_before_the_first_and_stand_for_five_minutes():
    bid = closing_quotes(bars_at(2, 3, 8, 9), quotes((3, 9.0, 1, 10.0, 2)))["bid"]
    np.testing.assert_array_equal(bid, [np.nan, 9.0, 9.0, np.nan])


def test_closing_quotes_do_not_pass_from_session_to_session():
    assert np.isnan(closing_quotes(bars_at(4), quotes((3, 9.0, 1, 10.0, 2), session=-1))["bid"].item())


def test_closing_quotes_keep_an_empty_side_empty():
    book = quotes((3, 9.0, 1, 10.0, 2), (4, np.nan, 0, 10.0, 2))
    np.testing.assert_array_equal(closing_quotes(bars_at(3, 4, 5), book)["bid"], [9.0, np.nan, np.nan])


def test_inside_sessions_keeps_the_opening_instant_and_not_the_closing_one():
    texts = ["2024-07-03 09:29:59", "2024-07-03 09:30:00", "2024-07-03 12:59:59", "2024-07-03 13:00:00",
             "2024-07-04 10:00:00", "2024-07-05 09:30:00"]  # fmt: skip
    kept, outside = inside_sessions(pd.DataFrame({"time_ns": [ns(text) for text in texts]}), "XNYS")
    assert kept["time_ns"].tolist() == [ns(texts[number]) for number in (1, 2, 5)]
    assert np.diff(kept["session"]).tolist() == [0, 1]
    assert outside == 3
