"""Blackout: minutes in which no position should be opened, after unusual ranges and around scheduled events.

Conventions: a minute's flag is known at its end, and speaks of what is decided then. Events are known long before.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import DataError
from intraday_rl.data import Bars
from intraday_rl.market.liquidity import usual_at_minute

MINUTE_US = 60_000_000

Flags = npt.NDArray[np.int64]  # (T,), 1 in a blackout


class Blackout(NamedTuple):
    """When to open no positions: while the ATR is a multiple of its usual size, shortly after, and around events.

    Events are the rows of a CSV file with the column `time`, ISO 8601 with its offset from UTC, such as
    2024-05-01T14:00:00-04:00. Other columns, such as a name, are not read.
    """

    atr_multiple: float  # of the median ATR of the same minute over the previous 20 sessions
    bars_after: int  # bars after the last such one, in the same session
    events: Path | None  # CSV file; None = no scheduled events
    minutes_before: float  # an event
    minutes_after: float

    def check(self) -> None:
        """Refuse a multiple that is not positive, negative lengths, and a file that cannot be read as events."""
        checks.positive("Blackout", "atr_multiple", self.atr_multiple, "times the usual ATR")
        checks.at_least("Blackout", "bars_after", self.bars_after, 0, "bars")
        checks.non_negative("Blackout", "minutes_before", self.minutes_before, "minutes")
        checks.non_negative("Blackout", "minutes_after", self.minutes_after, "minutes")
        if self.events is not None:
            read_events(self.events)


def blackout_minutes(params: Blackout, bars: Bars, atr: npt.NDArray[np.float64]) -> Flags:
    """Return 1 for each minute at whose end no position should be opened, (T,).

    ATR and its median are compared relative to the price. Minutes whose usual ATR is unknown are free. Around an event
    both ends count: with 5 minutes before, what is decided 5 minutes before is in the blackout.

    Args:
        params: what makes a blackout.
        bars: T minutes of one symbol.
        atr: Wilder's ATR14, price units, (T,).

    Raises:
        DataError: the file of events is missing or wrong.
    """
    relative = atr / bars.close
    flags = _held(relative > params.atr_multiple * usual_at_minute(bars, relative), bars, params.bars_after)
    if params.events is not None:
        ends_us = bars.start_ns // 1000 + MINUTE_US
        flags |= _near(ends_us, read_events(params.events), params.minutes_before, params.minutes_after)
    return flags.astype(np.int64)


def read_events(path: Path) -> npt.NDArray[np.int64]:
    """Return the times of a file of events, sorted, UTC microseconds.

    Raises:
        DataError: the file is missing or no CSV with times; the message names file, line and law.
    """
    times = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if "time" not in (rows.fieldnames or ()):
                raise DataError(f"{path} line 1: events must have a column time, has {rows.fieldnames or 'none'}")
            for row in rows:
                times.append(_event_us(f"{path} line {rows.line_num}", row["time"]))
    except OSError as error:
        raise DataError(f"{path}: events must be a file that can be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: events must be a CSV file in UTF-8: {error}") from error
    return np.sort(np.array(times, dtype=np.int64))


def _event_us(place: str, text: str | None) -> int:
    """Return the time as UTC microseconds."""
    law = "time must be ISO 8601 with its offset from UTC, such as 2024-05-01T14:00:00-04:00"
    try:
        time = datetime.fromisoformat((text or "").strip())
        if time.tzinfo is None:
            raise DataError(f"{place}: {law}, was {text!r} (no offset)")
        return int(np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us").astype(np.int64))
    except (ValueError, OverflowError) as error:
        raise DataError(f"{place}: {law}, was {text!r}") from error


def _held(unusual: npt.NDArray[np.bool_], bars: Bars, bars_after: int) -> npt.NDArray[np.bool_]:
    """Return the unusual minutes and those of the same session that follow within `bars_after` bars."""
    rows = np.arange(len(unusual))
    last = np.maximum.accumulate(np.where(unusual, rows, -1))
    return np.asarray((last >= bars.sessions.first[bars.session]) & (rows - last <= bars_after))


def _near(times: Flags, events: Flags, before: float, after: float) -> npt.NDArray[np.bool_]:
    """Return which times lie near an event; both in microseconds, the events sorted."""
    first = np.searchsorted(events, times - after * MINUTE_US, side="left")
    stop = np.searchsorted(events, times + before * MINUTE_US, side="right")
    return np.asarray(first < stop)
