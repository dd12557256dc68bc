"""Sessions against published facts of the New York Stock Exchange's calendar."""

import numpy as np
import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.sessions import MINUTE_NS, Sessions, exchange_sessions, local_date, parse_date


def utc(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(("year", "count"), [(2022, 251), (2023, 250), (2024, 252), (2025, 250), (2026, 251)])
def test_exchange_sessions_counts_are_the_published_ones(year, count):
    assert len(exchange_sessions("XNYS", f"{year}-01-01", f"{year}-12-31")) == count


def test_exchange_sessions_half_days_have_210_minutes():
    sessions = exchange_sessions("XNYS", "2024-01-01", "2026-12-31")
    short = [str(date) for date in sessions.date[sessions.minutes == 210]]
    assert short == [
        "2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24",
    ]  # fmt: skip
    assert set(sessions.minutes) == {210, 390}


def test_exchange_sessions_day_of_mourning_is_closed():
    dates = exchange_sessions("XNYS", "2025-01-08", "2025-01-10").date.astype(str).tolist()
    assert dates == ["2025-01-08", "2025-01-10"]


def test_exchange_sessions_daylight_saving_moves_the_opening():
    sessions = exchange_sessions("XNYS", "2025-03-07", "2025-03-10")
    assert sessions.open_ns.tolist() == [utc("2025-03-07T14:30"), utc("2025-03-10T13:30")]
    assert sessions.close_ns.tolist() == [utc("2025-03-07T21:00"), utc("2025-03-10T20:00")]


def test_exchange_sessions_older_than_twenty_years_are_known():
    sessions = exchange_sessions("XNYS", "1998-01-02", "1998-01-05")
    assert sessions.date.astype(str).tolist() == ["1998-01-02", "1998-01-05"]


def test_exchange_sessions_weekend_is_empty():
    sessions = exchange_sessions("XNYS", "2024-07-06", "2024-07-07")
    assert len(sessions) == 0
    assert sessions.first.tolist() == [0]


def test_exchange_sessions_callers_cannot_change_each_others_arrays():
    exchange_sessions("XNYS", "2024-07-02", "2024-07-03").open_ns[:] = 0
    assert exchange_sessions("XNYS", "2024-07-02", "2024-07-03").open_ns[0] == utc("2024-07-02T13:30")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("XNYX", "2024-01-01", "2024-02-01"),
            "must be CME_Equity or a name of exchange_calendars, was 'XNYX' (did you mean",
        ),
        (("XNYS", "2024-02-01", "2024-01-01"), "start must be <= end, was 2024-02-01 after 2024-01-01"),
        (("XNYS", "2024-02-30", "2024-03-01"), "start must be a date written as YYYY-MM-DD, was '2024-02-30'"),
    ],
)
def test_exchange_sessions_wrong_arguments_are_refused_in_one_line(arguments, message):
    with pytest.raises(ParameterError) as caught:
        exchange_sessions(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exchange_sessions_years_beyond_the_calendar_are_refused():
    with pytest.raises(DataError, match="calendar XKRX has no sessions for 1900 to 1901"):
        exchange_sessions("XKRX", "1900-01-01", "1901-12-31")


def test_sessions_rows_number_each_minute():
    open_ns = np.array([0, 100 * MINUTE_NS])
    sessions = Sessions.from_times(
        np.array(["1970-01-01", "1970-01-02"], "datetime64[D]"), open_ns, open_ns + np.array([2, 3]) * MINUTE_NS
    )
    session, minute, start_ns = sessions.rows()
    assert sessions.first.tolist() == [0, 2, 5]
    assert session.tolist() == [0, 0, 1, 1, 1]
    assert minute.tolist() == [0, 1, 0, 1, 2]
    assert (start_ns // MINUTE_NS).tolist() == [0, 1, 100, 101, 102]


def test_sessions_take_numbers_rows_anew():
    sessions = exchange_sessions("XNYS", "2024-07-02", "2024-07-05").take(np.array([1, 2]))
    assert sessions.date.astype(str).tolist() == ["2024-07-03", "2024-07-05"]
    assert sessions.first.tolist() == [0, 210, 600]


@pytest.mark.parametrize(
    ("opens", "closes"), [([0], [0]), ([0], [MINUTE_NS + 1]), ([0, MINUTE_NS], [2 * MINUTE_NS, 3 * MINUTE_NS])]
)
def test_sessions_from_impossible_times_are_refused(opens, closes):
    dates = np.arange(len(opens)).astype("datetime64[D]")
    with pytest.raises(DataError, match="whole minutes long, in time order, without overlap"):
        Sessions.from_times(dates, np.array(opens), np.array(closes))


def test_local_date_is_the_exchanges_own():
    assert str(local_date("XNYS", utc("2024-01-06T00:30"))) == "2024-01-05"
    assert str(local_date("XNYS", utc("2024-01-05T14:30"))) == "2024-01-05"


@pytest.mark.parametrize("value", ["2024-1-5", "yesterday", "2024-13-01", 20240105, None])
def test_parse_date_refuses_anything_else(value):
    with pytest.raises(ParameterError, match=r"Owner\.day must be a date written as YYYY-MM-DD"):
        parse_date("Owner", "day", value)
