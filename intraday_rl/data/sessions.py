"""Trading sessions: when an exchange is open, half-days and daylight saving included.

Conventions: times are int64 UTC nanoseconds, dates are datetime64[D] trading days, a session is open on
[open_ns, close_ns) and owns one row for each of its minutes. Shapes: S sessions, T rows.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import futures_calendar

MINUTE_NS = 60_000_000_000

IntegerArray = npt.NDArray[np.int64]
DateArray = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Sessions:
    """Trading sessions in time order and the rows of the minute grid that they own.

    Attributes:
        date: (S,) trading day.
        open_ns: (S,) UTC instant of the opening.
        close_ns: (S,) UTC instant of the close.
        first: (S + 1,) session s owns the rows first[s]:first[s + 1].
    """

    date: DateArray
    open_ns: IntegerArray
    close_ns: IntegerArray
    first: IntegerArray

    @classmethod
    def from_times(cls, date: DateArray, open_ns: IntegerArray, close_ns: IntegerArray) -> Sessions:
        """Return the sessions with as many rows each as they have minutes.

        Raises:
            DataError: the sessions are not in time order, overlap, or are not whole minutes long.
        """
        length_ns = close_ns - open_ns
        if (length_ns <= 0).any() or (length_ns % MINUTE_NS != 0).any() or (open_ns[1:] < close_ns[:-1]).any():
            raise DataError("sessions must be whole minutes long, in time order, without overlap; check the calendar")
        first = np.concatenate([[0], np.cumsum(length_ns // MINUTE_NS)]).astype(np.int64)
        return cls(date.astype("datetime64[D]"), open_ns, close_ns, first)

    def __len__(self) -> int:
        return len(self.date)

    @property
    def minutes(self) -> IntegerArray:
        """Number of minutes of each session, (S,)."""
        return np.diff(self.first)

    def take(self, chosen: IntegerArray | slice) -> Sessions:
        """Return the chosen sessions; their rows are numbered anew."""
        return Sessions.from_times(self.date[chosen], self.open_ns[chosen], self.close_ns[chosen])

    def rows(self) -> tuple[IntegerArray, IntegerArray, IntegerArray]:
        """Return for each row its session, its 0-based minute of the session and the minute's start, each (T,)."""
        session = np.repeat(np.arange(len(self), dtype=np.int64), self.minutes)
        minute = np.arange(self.first[-1], dtype=np.int64) - self.first[session]
        return session, minute, self.open_ns[session] + minute * MINUTE_NS


def parse_date(owner: str, name: str, value: str) -> np.datetime64:
    """Return the date written as YYYY-MM-DD.

    Raises:
        ParameterError: the text is no such date.
    """
    try:
        return np.datetime64(datetime.date.fromisoformat(value), "D")
    except (TypeError, ValueError):
        raise ParameterError(f"{owner}.{name} must be a date written as YYYY-MM-DD, was {value!r}") from None


@lru_cache(maxsize=16)
def _calendar(name: str, first_year: int, last_year: int) -> Any:
    """Return the calendar for whole years (without them it would know the last twenty years only)."""
    import exchange_calendars  # slow to import, and needed only where real sessions are asked for

    known = [*exchange_calendars.get_calendar_names(), futures_calendar.NAME]
    if name not in known:
        raise ParameterError(
            f"calendar must be {futures_calendar.NAME} or a name of exchange_calendars, was {name!r}"
            f"{nearest(name, known)}"
        )
    try:
        return exchange_calendars.get_calendar(name, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    except ValueError as error:  # some calendars are known from or up to a certain year only
        reason = str(error).splitlines()[0]
        raise DataError(f"calendar {name} has no sessions for {first_year} to {last_year}: {reason}") from None


def _schedule(name: str, first_year: int, last_year: int) -> Any:
    """Return the trading days of whole years with their columns open and close."""
    if name == futures_calendar.NAME:
        return futures_calendar.cme_equity_schedule(first_year, last_year)
    return _calendar(name, first_year, last_year).schedule


def _years(start: np.datetime64, end: np.datetime64) -> tuple[int, int]:
    return start.astype("datetime64[Y]").item().year, end.astype("datetime64[Y]").item().year


def exchange_sessions(calendar: str, start: np.datetime64 | str, end: np.datetime64 | str) -> Sessions:
    """Return the sessions of an exchange on the trading days from `start` to `end`, both included.

    Args:
        calendar: name known to exchange_calendars, such as XNYS; or CME_Equity, see `futures_calendar`.
        start: first day, a date or text YYYY-MM-DD.
        end: last day.

    Raises:
        ParameterError: the calendar is unknown, a date is none, or `start` lies after `end`.
        DataError: the calendar does not reach these years.
    """
    first = parse_date("exchange_sessions", "start", str(start))
    last = parse_date("exchange_sessions", "end", str(end))
    if first > last:
        raise ParameterError(f"exchange_sessions.start must be <= end, was {first} after {last}")
    schedule = _schedule(calendar, *_years(first, last))
    dates = schedule.index.to_numpy().astype("datetime64[D]")
    chosen = (dates >= first) & (dates <= last)
    times = [schedule[column].dt.as_unit("ns").astype("int64").to_numpy()[chosen] for column in ("open", "close")]
    return Sessions.from_times(dates[chosen], *times)


def local_date(calendar: str, instant_ns: int) -> np.datetime64:
    """Return the date of an instant in the exchange's own time zone; of CME_Equity the trade date."""
    if calendar == futures_calendar.NAME:
        return futures_calendar.trade_date(instant_ns)
    utc = np.datetime64(instant_ns, "ns")
    zone = _calendar(calendar, *_years(utc, utc)).tz
    seconds = instant_ns // 1_000_000_000
    return np.datetime64(datetime.datetime.fromtimestamp(seconds, tz=zone).date(), "D")
