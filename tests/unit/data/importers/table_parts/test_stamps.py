"""Ways of writing a time, against instants worked out by hand."""

import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.importers.table_parts.stamps import join_date_and_time, parse_stamps, place

INSTANT = 1_704_205_800  # 2024-01-02 14:30:00 UTC, 09:30 in New York
CLOCK = 1_704_187_800  # 2024-01-02 09:30:00, as if it were UTC


@pytest.mark.parametrize(
    ("first", "seconds", "zone"),
    [
        (INSTANT, INSTANT, "UTC"),
        (INSTANT * 1000, INSTANT, "UTC"),
        (INSTANT * 10**6, INSTANT, "UTC"),
        (INSTANT * 10**9, INSTANT, "UTC"),
        (f"{INSTANT}.0", INSTANT, "UTC"),
        ("2024-01-02T14:30:00Z", INSTANT, "UTC"),
        ("2024-01-02 14:30:00 UTC", INSTANT, "UTC"),
        ("2024-01-02 09:30:00-05:00", INSTANT, "of each row"),
        ("2024-01-02 09:30:00.000000-0500", INSTANT, "of each row"),
        ("Tue, 02 Jan 2024 14:30:00 GMT", INSTANT, "UTC"),
        ("20240102 09:30:00 America/New_York", INSTANT, "America/New_York"),
        ("02.01.2024 09:30:00.000 GMT-0500", INSTANT, "of each row"),
        ("2024/01/02 9:30", CLOCK, None),
        ("2024.01.02 09:30:00", CLOCK, None),
        ("20240102 093000", CLOCK, None),
        ("20240102 0930", CLOCK, None),
        ("202401020930", CLOCK, None),
        (20240102093000, CLOCK, None),
        ("2024-01-02 9:30 AM", CLOCK, None),
    ],
)
def test_parse_stamps_reads_the_usual_ways(first, seconds, zone):
    stamps = parse_stamps(pd.Series([first]), "x")
    assert stamps.ns.tolist() == [seconds * 10**9]
    assert stamps.zone == zone
    assert not stamps.date_only


@pytest.mark.parametrize("day", ["2024-01-02", 20240102, "01/13/2024"])
def test_parse_stamps_tells_days_from_times(day):
    assert parse_stamps(pd.Series([day]), "x").date_only


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (["2024-01-02 09:30", "soon"], r"x: row 1: the stamp 'soon' must be a time written as the first one"),
        (["2024-13-02 09:30"], r"x: row 0: the stamp '2024-13-02 09:30' must be"),
        ([12345], r"x: row 0: the stamp 12345 is neither a time since 1970"),
        (["01/02/2024 09:30", "03/04/2024 09:30"], r"could be month/day or day/month"),
        (["2024-01-02 09:30 UTC", "2024-01-02 09:31 GMT"], r"x: row 1: .* must end in UTC as the first does"),
        ([None, 1], r"x: row 0: the stamp is missing"),
        (["2024-01-02 09:30", "0001-01-02 09:30"], r"x: row 1: .* must lie in the years 1900 to 2100"),
        ([INSTANT, INSTANT, INSTANT * 10**9], r"x: row 2: .* must be seconds from 1980 to 2100 as most are"),
    ],
)
def test_parse_stamps_refuses_what_it_cannot_read(stamps, message):
    with pytest.raises(DataError, match=message):
        parse_stamps(pd.Series(stamps), "x")


def test_join_date_and_time_gives_lost_zeros_back():
    joined = join_date_and_time(pd.Series(["20240102"] * 2), pd.Series(["93000", "100000"]))
    assert joined.tolist() == ["20240102 093000", "20240102 100000"]
    assert join_date_and_time(pd.Series([20240102]), pd.Series([930])).tolist() == ["20240102 0930"]


def test_place_uses_the_offset_of_the_day():
    winter_and_summer = parse_stamps(pd.Series(["2024-01-02 09:30", "2024-07-02 09:30"]), "x")
    placed = pd.to_datetime(place(winter_and_summer, "America/New_York", "x"))
    assert placed.strftime("%H:%M").tolist() == ["14:30", "13:30"]
