"""Time stamps of tables: epoch numbers, time stamps of Parquet, and text in the usual ways of writing.

Conventions: the way of writing is told from the first stamp, and every other stamp has to be written like it. What two
ways could mean (01/02/2024) is decided by the other rows or refused. Instants are int64 UTC nanoseconds; clock times
without a zone are the same number as if they were UTC, until a zone places them.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.bars import BoolArray
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray

EPOCH_UNITS = {"seconds": 1_000_000_000, "milliseconds": 1_000_000, "microseconds": 1000, "nanoseconds": 1}
EARLIEST_S, LATEST_S = 315_532_800, 4_102_444_800  # 1980 and 2100: between them no two units can be mistaken
DAY_NS = 24 * 60 * MINUTE_NS
YEARS = (1900, 2100)
COMPACT = {8: ("%Y%m%d", "YYYYMMDD"), 12: ("%Y%m%d%H%M", "YYYYMMDDHHMM"), 14: ("%Y%m%d%H%M%S", "YYYYMMDDHHMMSS")}

DATES = (
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d", "YYYY-MM-DD"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d", "YYYY/MM/DD"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d", "YYYY.MM.DD"),
    (r"\d{8}", "%Y%m%d", "YYYYMMDD"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y", "DD.MM.YYYY"),
    (r"\d{1,2}/\d{1,2}/\d{4}", "", "/"),
    (r"\d{1,2}-\d{1,2}-\d{4}", "", "-"),
    (r"[A-Za-z]{3}, \d{1,2} [A-Za-z]{3} \d{4}", "%a, %d %b %Y", "Day, DD Mon YYYY"),
)
TIMES = (
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S.%f", "HH:MM:SS.fff"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S", "HH:MM:SS"),
    (r"\d{1,2}:\d{2}", "%H:%M", "HH:MM"),
    (r"\d{1,2}:\d{2}:\d{2} [AaPp][Mm]", "%I:%M:%S %p", "HH:MM:SS AM/PM"),
    (r"\d{1,2}:\d{2} [AaPp][Mm]", "%I:%M %p", "HH:MM AM/PM"),
    (r"\d{6}", "%H%M%S", "HHMMSS"),
    (r"\d{4}", "%H%M", "HHMM"),
)
ZONES = (
    (r" ?Z", "Z"),
    (r" ?(?:GMT|UTC)?[+-]\d{2}:?\d{2}", "offset"),
    (r" (?:GMT|UTC)", "UTC"),
    (r" [A-Z]\w+/\w+", "name"),
)


class MissingZoneError(DataError):
    """Stamps tell no zone, and none was stated."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """Stamps as they stand in a table.

    Attributes:
        ns: (T,) instants, or clock times where there is no zone, ns.
        zone: what the stamps themselves say about their zone; None = nothing.
        words: how they are written, with the first one as an example.
        date_only: whether they tell days and no times.
    """

    ns: IntegerArray
    zone: str | None
    words: str
    date_only: bool


def parse_stamps(column: pd.Series[Any], source: str) -> Stamps:
    """Return the stamps of a column.

    Raises:
        DataError: a stamp is missing, not understood or written otherwise than the first one.
    """
    missing = (column.isna() | (column == "")).to_numpy(dtype=bool)
    if missing.any():
        raise DataError(f"{source}: row {int(np.argmax(missing))}: the stamp is missing; complete or drop the row")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        ns = _in_ns(column.dt.tz_convert("UTC"), column, source)
        return Stamps(ns, str(column.dt.tz), f"time stamps with the zone {column.dt.tz}", False)
    if pd.api.types.is_datetime64_any_dtype(column):
        ns = _in_ns(column, column, source)
        return Stamps(ns, None, "time stamps without a zone", bool((ns % DAY_NS == 0).all()))
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _numbers(column, source)
    text = column.astype(str).str.strip()
    number = text.str.fullmatch(r"\d+(?:\.\d*)?").to_numpy(dtype=bool)
    if not number[0]:
        return _texts(text, source)
    _refuse_bad(~number, text, f"be a number as the first one, {text.iloc[0]}", source)
    return _numbers(text, source)


def join_date_and_time(date: pd.Series[Any], time: pd.Series[Any]) -> pd.Series[Any]:
    """Return 'date time' as text; times that lost their leading zeros (93000) get them back."""
    clock = time.astype(str).str.strip()
    if clock.str.fullmatch(r"\d{1,6}").all():
        clock = clock.str.zfill(6 if int(clock.str.len().max()) > 4 else 4)
    return date.astype(str).str.strip() + " " + clock


def place(stamps: Stamps, zone: str | None, source: str) -> IntegerArray:
    """Return the UTC instants of the stamps.

    Args:
        stamps: with or without a zone of their own.
        zone: where clock times without a zone were read; not used for the others.
        source: what error messages call the table.

    Raises:
        MissingZoneError: the zone is needed and not given.
        DataError: a clock time exists twice or never on a day of change.
        ParameterError: the zone is unknown.
    """
    if stamps.zone is not None:
        return stamps.ns
    if zone is None:
        raise MissingZoneError(
            f"{source}: the stamps have no time zone ({stamps.words}); say where the clock stood, such as "
            f"data.zone=America/New_York or data.zone=UTC"
        )
    naive, placed = clock_times(stamps.ns), localized(stamps.ns, zone)
    lost = np.asarray(placed.isna())
    if lost.any():
        row = int(np.argmax(lost))
        earlier, later = naive[row] - pd.Timedelta("2h"), naive[row] + pd.Timedelta("2h")
        twice = earlier.tz_localize(zone).utcoffset() > later.tz_localize(zone).utcoffset()  # type: ignore[operator]
        raise DataError(
            f"{source}: row {row}: {naive[row]} {'exists twice' if twice else 'does not exist'} in {zone} (the "
            f"clock is changed that night); write the stamps in UTC"
        )
    ns: IntegerArray = placed.tz_convert("UTC").asi8
    return ns


def clock_times(ns: IntegerArray) -> pd.DatetimeIndex:
    """Return clock times without a zone."""
    return pd.DatetimeIndex(ns.astype("datetime64[ns]"))


def check_zone(zone: str) -> None:
    """Refuse a name that is no time zone.

    Raises:
        ParameterError: it is none.
    """
    known = zoneinfo.available_timezones()
    if zone not in known:
        raise ParameterError(f"zone must be a name such as America/New_York, was {zone!r}{nearest(zone, known)}")


def localized(ns: IntegerArray, zone: str) -> pd.DatetimeIndex:
    """Return clock times in a zone; NaT where one exists twice or never.

    Raises:
        ParameterError: the zone is unknown.
    """
    check_zone(zone)
    return clock_times(ns).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")


def how_many(bad: BoolArray) -> str:
    """Return ' (3 such rows)' where there are several, '' where there is one."""
    count = int(bad.sum())
    return f" ({count} such rows)" if count > 1 else ""


def _numbers(column: pd.Series[Any], source: str) -> Stamps:
    """Return the stamps of numbers: since the epoch, or dates and times written without separators."""
    first = str(column.iloc[0])
    whole = first.split(".")[0]
    if len(whole) in COMPACT and whole.startswith(("19", "20")):
        form, words = COMPACT[len(whole)]
        text = column.astype(str).str.removesuffix(".0")
        return Stamps(_strptime(text, form, source), None, f"{words}, such as {first}", len(whole) == 8)
    values = pd.to_numeric(column)
    middle = float(np.median(values.to_numpy(dtype=np.float64)))
    for words, factor in EPOCH_UNITS.items():
        if EARLIEST_S <= middle * factor / 1e9 < LATEST_S:
            seconds = values.to_numpy(dtype=np.float64) * (factor / 1e9)
            bad = ~((seconds >= EARLIEST_S) & (seconds < LATEST_S))
            _refuse_bad(bad, column, f"be {words} from 1980 to 2100 as most are", source)
            exact = pd.api.types.is_integer_dtype(values)
            ns = values.to_numpy(dtype=np.int64) * factor if exact else np.round(values.to_numpy() * factor)
            return Stamps(ns.astype(np.int64), "UTC", f"{words} since 1970, such as {first}", False)
    raise DataError(
        f"{source}: row 0: the stamp {first} is neither a time since 1970 nor a date such as 20240102 0930; write the "
        f"stamps as YYYY-MM-DD HH:MM:SS"
    )


def _texts(text: pd.Series[Any], source: str) -> Stamps:
    first = str(text.iloc[0])
    date, clock, zone = _split(first, source)
    form = date[1] or _day_or_month_first(text, date[2], source)
    words = date[2] if date[1] else form.replace("%d", "DD").replace("%m", "MM").replace("%Y", "YYYY")
    if clock is not None:
        middle = "T" if re.match(rf"{date[0]}T", first) else " "
        form, words = f"{form}{middle}{clock[1]}", f"{words}{middle}{clock[2]}"
    own: str | None = None
    if zone is not None:
        text, form, own = _without_zone(text, form, zone[1], source)
    ns = _strptime(text, form, source)
    if own is not None and "/" in own:
        ns = place(Stamps(ns, None, words, False), own, source)
    ending = f" with the zone {own}" if own else " without a zone"
    return Stamps(ns, own, f"{words}{ending}, such as {first}", clock is None)


def _split(first: str, source: str) -> tuple[Any, Any, Any]:
    """Return the entries of `DATES`, `TIMES` and `ZONES` that the stamp is made of; None for what it lacks."""
    for date in DATES:
        for clock in (*TIMES, None):
            for zone in (*ZONES, None) if clock else (None,):
                pattern = date[0] + (f"[ T]{clock[0]}" if clock else "") + (zone[0] if zone else "")
                if re.fullmatch(pattern, first):
                    return date, clock, zone
    raise DataError(
        f"{source}: row 0: the stamp {first!r} is not understood; write the stamps as YYYY-MM-DD HH:MM:SS, or as "
        f"milliseconds since 1970"
    )


def _day_or_month_first(text: pd.Series[Any], mark: str, source: str) -> str:
    parts = text.str.extract(rf"^(\d{{1,2}}){mark}(\d{{1,2}}){mark}\d{{4}}").astype(float)
    day_first, month_first = (bool((parts[i] > 12).any()) for i in (0, 1))
    if day_first == month_first:
        raise DataError(
            f"{source}: row 0: {text.iloc[0]!r} could be month{mark}day or day{mark}month and no other row tells; "
            f"write the dates as YYYY-MM-DD"
        )
    return f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"


def _without_zone(text: pd.Series[Any], form: str, kind: str, source: str) -> tuple[pd.Series[Any], str, str]:
    """Return the texts, their form and their zone; the zone is cut off, but for offsets, which can change."""
    if kind == "offset":
        return text.str.replace(r" ?(?:GMT|UTC)?([+-]\d{2}):?(\d{2})$", r"\1\2", regex=True), f"{form}%z", "of each row"
    ends = text.str.extract(r"(Z|[A-Z]\w+/\w+|GMT|UTC)$")[0]
    other = (ends != ends.iloc[0]).to_numpy(dtype=bool)
    if other.any():
        row = int(np.argmax(other))
        raise DataError(
            f"{source}: row {row}: the stamp {text.iloc[row]!r} must end in {ends.iloc[0]} as the first does"
        )
    own = str(ends.iloc[0])
    bare = text.str.slice(stop=-len(own)).str.rstrip()
    return bare, form, own if "/" in own else "UTC"


def _strptime(text: pd.Series[Any], form: str, source: str) -> IntegerArray:
    utc = "%z" in form
    iso = form.startswith("%Y-%m-%d") and "%I" not in form
    times = pd.to_datetime(text, format="ISO8601" if iso else form, utc=utc, errors="coerce")
    _refuse_bad(times.isna().to_numpy(), text, f"be a time written as the first one, {text.iloc[0]!r}", source)
    return _in_ns(times, text, source)


def _in_ns(times: pd.Series[Any], written: pd.Series[Any], source: str) -> IntegerArray:
    """Return time stamps as ns; those of other centuries, which ns cannot hold, are refused."""
    years = times.dt.year
    _refuse_bad(~years.between(*YEARS).to_numpy(), written, f"lie in the years {YEARS[0]} to {YEARS[1]}", source)
    return np.asarray(times.dt.as_unit("ns").astype("int64"), dtype=np.int64)


def _refuse_bad(bad: BoolArray, written: pd.Series[Any], law: str, source: str) -> None:
    """Refuse the first bad stamp, as it was written."""
    if bad.any():
        row = int(np.argmax(bad))
        stamp = str(written.iloc[row])[:40]
        raise DataError(f"{source}: row {row}: the stamp {stamp!r} must {law}{how_many(bad)}; correct or drop it")
