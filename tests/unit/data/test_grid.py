"""The minute grid by hand: what is carried, what stays empty, and which rows are refused."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.grid import to_grid
from tests.unit.data.frames import good_frame


def test_to_grid_missing_minutes_carry_the_last_close_of_the_session():
    bars = to_grid(good_frame((2, 3, 6)), "SPY", "XNYS")
    assert len(bars) == 390
    assert bars.traded[:8].tolist() == [False, False, True, True, False, False, True, False]
    np.testing.assert_array_equal(bars.close[:8], [np.nan, np.nan, 100, 101, 101, 101, 102, 102])
    np.testing.assert_array_equal(bars.open[:8], [np.nan, np.nan, 99.75, 100.75, 101, 101, 101.75, 102])
    np.testing.assert_array_equal(bars.high[:8], [np.nan, np.nan, 100.5, 101.5, 101, 101, 102.5, 102])
    np.testing.assert_array_equal(bars.low[:8], [np.nan, np.nan, 99.5, 100.5, 101, 101, 101.5, 102])
    np.testing.assert_array_equal(bars.volume[:8], [0, 0, 1000, 1001, 0, 0, 1002, 0])
    np.testing.assert_array_equal(bars.bid[:8], [np.nan, np.nan, 99.99, 100.99, np.nan, np.nan, 101.99, np.nan])
    assert (bars.close[7:] == 102).all()


def test_to_grid_nothing_is_carried_into_the_next_session():
    frame = pd.concat([good_frame((5,)), good_frame((1,), start="2024-07-03 13:30")])
    bars = to_grid(frame, "SPY", "XNYS")
    assert bars.sessions.first.tolist() == [0, 390, 600]  # 3 July 2024 is a half-day
    assert np.isnan(bars.close[390])
    assert bars.close[391] == 100
    assert bars.minute[390] == 0
    assert pd.Timestamp(bars.start_ns[391], tz="UTC") == pd.Timestamp("2024-07-03 13:31", tz="UTC")


def test_to_grid_a_session_without_rows_is_left_out():
    frame = pd.concat([good_frame(), good_frame(start="2024-07-08 13:30")])
    assert to_grid(frame, "SPY", "XNYS").sessions.date.astype(str).tolist() == ["2024-07-02", "2024-07-08"]


def test_to_grid_later_rows_change_no_earlier_minute():
    short, long = (to_grid(good_frame(minutes), "SPY", "XNYS") for minutes in ((0, 4), (0, 4, 9, 11)))
    for name in ("open", "high", "low", "close", "volume", "bid", "traded"):
        np.testing.assert_array_equal(getattr(short, name)[:9], getattr(long, name)[:9])


def test_to_grid_absent_columns_are_nan_and_not_had():
    bars = to_grid(good_frame().assign(vwap=[None] * 4), "SPY", "XNYS")
    assert np.isnan(bars.vwap).all()
    assert np.isnan(bars.ask_size).all()
    assert [bars.has(name) for name in ("close", "bid", "vwap", "trade_count")] == [True, True, False, False]


def test_to_grid_accepts_other_time_zones_and_units():
    frame = good_frame()
    moved = frame.assign(timestamp=frame["timestamp"].dt.tz_convert("America/New_York").dt.as_unit("s"))
    assert to_grid(moved, "SPY", "XNYS").fingerprint == to_grid(frame, "SPY", "XNYS").fingerprint


def test_to_grid_takes_one_symbol_of_several():
    frame = pd.concat([good_frame((0, 1)), good_frame((3,), symbol="QQQ")])
    assert to_grid(frame, "QQQ", "XNYS").traded.nonzero()[0].tolist() == [3]


def refused(frame, symbol="SPY", calendar="XNYS"):
    with pytest.raises(DataError) as caught:
        to_grid(frame, symbol, calendar, "SPY.parquet")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_to_grid_unknown_symbol_offers_the_nearest():
    assert refused(good_frame(), "SPYY") == "SPY.parquet: has no symbol SPYY (did you mean SPY?); it holds SPY"


def test_to_grid_frame_without_symbols_is_refused():
    assert "has no column symbol" in refused(good_frame().drop(columns="symbol"))


def test_to_grid_checks_the_laws_of_the_bars():
    assert "row 0" in refused(good_frame().assign(volume=-1))


def test_to_grid_rows_outside_regular_hours_are_counted_and_the_first_named():
    frame = good_frame((-2, -1, 0, 1, 390))
    assert refused(frame) == (
        "SPY.parquet: SPY session 2024-07-02, row 0 (2024-07-02 13:28:00+00:00): bars must lie inside the sessions of "
        "XNYS (open 13:30 to 20:00 UTC that day); 3 of 5 rows do not, this is the first; keep regular hours only, or "
        "choose another calendar"
    )


def test_to_grid_closing_auction_after_a_half_day_is_outside():
    message = refused(good_frame((209, 210), start="2024-07-03 13:30"))
    assert "row 1 (2024-07-03 17:00:00+00:00)" in message
    assert "open 13:30 to 17:00 UTC that day); 1 of 2 rows" in message


@pytest.mark.parametrize("start", ["2025-01-09 14:30", "2024-07-06 14:30"])
def test_to_grid_rows_on_a_closed_day_are_refused(start):
    message = refused(good_frame(start=start))
    assert f"session {start[:10]}, row 0" in message
    assert "sessions of XNYS (closed that day); 4 of 4 rows" in message


def test_to_grid_row_numbers_are_those_of_the_frame():
    frame = pd.concat([good_frame(symbol="QQQ"), good_frame((0, 400))], ignore_index=True)
    assert "row 5 (2024-07-02 20:10:00+00:00)" in refused(frame)
    assert "row 5 (2024-07-02 20:10:00+00:00)" in refused(frame[frame["symbol"] == "SPY"])  # labels, where unique
    assert "row 5 (2024-07-02 20:10:00+00:00)" in refused(frame.assign(repeated=1).set_index("repeated"))


def test_to_grid_rows_off_the_minute_are_refused():
    frame = good_frame()
    frame.loc[2, "timestamp"] += pd.Timedelta(seconds=1)
    message = refused(frame)
    assert "session 2024-07-02, row 2 (2024-07-02 13:32:01+00:00): timestamp must be a whole minute (1 rows" in message
