"""The sessions of the CME's equity-index futures, E-mini and Micro: evening to afternoon, one session a trading day.

A session opens at 17:00 Chicago (18:00 New York) of the evening before and is named by the day on which it closes. On a
holiday of the stock exchange the futures trade until noon; that session bears the holiday's own date here, though the
exchange books its trades on the next trade date. Until 25 June 2021 trading paused from 15:15 to 15:30 Chicago: those
minutes belong to the session, without bars.

The days come from pandas_market_calendars, `CME_Equity`. Its closing times are corrected by the reviewed rules below,
with the exchange's notices as their source. Times are minutes after midnight in Chicago.
"""

from __future__ import annotations

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from intraday_rl.core.errors import DataError

NAME = "CME_Equity"
NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = "America/Chicago"

FIRST_DAY = datetime.date(2012, 11, 19)  # before it two sessions met at 15:15, with other hours on Sundays
CLOSE = 16 * 60
CLOSE_AT_FIRST, CLOSE_AT_FIRST_UNTIL = 16 * 60 + 15, datetime.date(2015, 9, 18)
HALF_DAY_CLOSE = 12 * 60 + 15  # a quarter of an hour after the stock exchange; the library says noon
HOLIDAY_CLOSE = 12 * 60
HOLIDAY_CLOSE_AT_FIRST, HOLIDAY_CLOSE_AT_FIRST_UNTIL = 10 * 60 + 30, datetime.date(2014, 2, 17)
GOOD_FRIDAY_CLOSE = 8 * 60 + 15  # open only where the jobs report falls on it: the first Friday of April
MOURNING_CLOSE = 8 * 60 + 30  # the library has the days of mourning as closed
MOURNING = (datetime.date(2018, 12, 5), datetime.date(2025, 1, 9))


@lru_cache(maxsize=16)
def cme_equity_schedule(first_year: int, last_year: int) -> pd.DataFrame:
    """Return the sessions of whole years: index trading day, columns open and close (UTC, nanoseconds).

    Raises:
        DataError: the years begin before the exchange's present hours.
    """
    if first_year < FIRST_DAY.year:
        raise DataError(
            f"calendar {NAME} is known from {FIRST_DAY}, was asked for {first_year}; leave the earlier sessions out"
        )
    import pandas_market_calendars  # slow to import, and needed only where futures are asked for

    library = pandas_market_calendars.get_calendar(NAME).schedule(max(FIRST_DAY, datetime.date(first_year, 1, 1)),
                                                                  datetime.date(last_year, 12, 31))  # fmt: skip
    closes = {day.date(): _minute(close) for day, close in library["market_close"].items()}
    corrected = {day: _corrected_close(day, minute) for day, minute in closes.items()}
    corrected |= {day: MOURNING_CLOSE for day in MOURNING if first_year <= day.year <= last_year}
    minutes = pd.Series(corrected).dropna().sort_index()
    days = pd.DatetimeIndex(minutes.index)
    evening_before = days - pd.Timedelta(days=1) + pd.Timedelta(hours=17)
    close = days + pd.to_timedelta(minutes.to_numpy(), unit="min")
    times = {"open": evening_before, "close": close}
    utc = {name: time.tz_localize(CHICAGO).tz_convert("UTC").as_unit("ns") for name, time in times.items()}
    return pd.DataFrame(utc, index=days)


def trade_date(instant_ns: int) -> np.datetime64:
    """Return the trade date to which an instant belongs: 18:00 New York starts the next one."""
    evening = datetime.datetime.fromtimestamp(instant_ns // 1_000_000_000, tz=NEW_YORK) + datetime.timedelta(hours=6)
    return np.datetime64(evening.date(), "D")


def _minute(close: pd.Timestamp) -> int:
    local = close.tz_convert(CHICAGO)
    return int(local.hour * 60 + local.minute)


def _corrected_close(day: datetime.date, minute: int) -> float:
    """Return the minute of the close in Chicago; NaN = closed all day."""
    if minute == GOOD_FRIDAY_CLOSE:
        return minute if day.day <= 7 else np.nan
    if minute == CLOSE:
        return CLOSE_AT_FIRST if day <= CLOSE_AT_FIRST_UNTIL else CLOSE
    if _is_half_day(day):
        return HALF_DAY_CLOSE
    return HOLIDAY_CLOSE_AT_FIRST if day <= HOLIDAY_CLOSE_AT_FIRST_UNTIL else HOLIDAY_CLOSE


def _is_half_day(day: datetime.date) -> bool:
    """Say whether an early close is that of a half-day of the stock exchange; the other ones are its holidays.

    Half-days are 3 July (a Friday is the holiday itself), Christmas Eve and the Friday after Thanksgiving.
    """
    friday = day.weekday() == 4
    return (day.month, day.day) == (12, 24) or (day.month == 11 and friday) or (
        (day.month, day.day) == (7, 3) and not friday)  # fmt: skip
