"""Doubts about what was stated of a table: the side of the bar that its stamps mark, and the zone of its clock.

Nothing is changed by a doubt. Conventions: the regular sessions of an exchange see most of the day's volume, their first
minute more than the minutes beside it, and bars of regular hours alone start at the opening and end before the close.
"""

from __future__ import annotations

import numpy as np

from intraday_rl.data.bars import FloatArray
from intraday_rl.data.importers.table_parts.stamps import localized
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray, Sessions, exchange_sessions

DAY_NS = 24 * 60 * MINUTE_NS
ZONES = (
    *("UTC", "America/New_York", "America/Chicago", "America/Los_Angeles", "Europe/London", "Europe/Berlin"),
    *("Europe/Athens", "Asia/Hong_Kong", "Asia/Tokyo", "Australia/Sydney"),
)
ENOUGH, BETTER = 0.8, 0.15  # share of the volume in the sessions that is no cause for doubt; gain that makes one
MANY_TIMES, TWICE = 3.0, 2.0
FEWEST = 3  # sessions


def doubt_side(start_ns: IntegerArray, volume: FloatArray, calendar: str, stamp: str) -> str:
    """Return why the stamps seem to mark the other side of their bars; "" where they do not.

    Args:
        start_ns: (T,) starts of the bars if the statement is true.
        volume: (T,) their volumes.
        calendar: name of the exchange calendar.
        stamp: the statement, start or end.
    """
    sessions = _sessions_around(start_ns, calendar)
    if not len(sessions):
        return ""
    session = np.clip(np.searchsorted(sessions.open_ns - DAY_NS // 4, start_ns, side="right") - 1, 0, None)
    offset = (start_ns - sessions.open_ns[session]) // MINUTE_NS
    left = sessions.minutes[session] - offset  # minutes to the close at the bar's start
    regular_only = not (
        (offset < -1) & (left < DAY_NS // MINUTE_NS) | (left < 0) & (offset < DAY_NS // MINUTE_NS)
    ).any()
    if stamp == "start":
        at_open, at_close = int((offset == 0).sum()), int((left == 0).sum())
        if regular_only and at_close >= FEWEST and at_close > MANY_TIMES * at_open:
            return f"{at_close} bars start at the close of their session and {at_open} at its opening"
        if not regular_only and _heavier(offset, volume, 1, 0):
            return "the second minute of the sessions is far busier than the first"
        return ""
    before, last = int((offset == -1).sum()), int((left == 1).sum())
    if regular_only and before >= FEWEST and before > MANY_TIMES * last:
        return f"{before} bars end at the opening of their session and {last} at its close"
    if not regular_only and _heavier(offset, volume, -1, 0):
        return "the minute before the sessions is far busier than their first"
    return ""


def doubt_zone(clock_ns: IntegerArray, placed_ns: IntegerArray, volume: FloatArray, calendar: str) -> str:
    """Return the zone whose clock the stamps seem to show; "" where the stated one is not in doubt.

    Args:
        clock_ns: (T,) clock times as they stand in the table, as if they were UTC.
        placed_ns: (T,) instants under the stated zone.
        volume: (T,) volumes.
        calendar: name of the exchange calendar.
    """
    stated = _share_inside(placed_ns, volume, calendar)
    if stated >= ENOUGH:
        return ""
    zone, share = likely_zone(clock_ns, volume, calendar)
    return zone if share >= ENOUGH and share > stated + BETTER else ""


def likely_zone(clock_ns: IntegerArray, volume: FloatArray, calendar: str) -> tuple[str, float]:
    """Return the zone that puts most of the volume into the sessions, and that share."""
    best, most = "", 0.0
    for zone in ZONES:
        placed = localized(clock_ns, zone)
        known = np.asarray(placed.notna())
        instants: IntegerArray = placed[known].as_unit("ns").asi8
        share = _share_inside(instants, volume[known], calendar)
        if share > most:
            best, most = zone, share
    return best, most


def _share_inside(ns: IntegerArray, volume: FloatArray, calendar: str) -> float:
    """Return the share of the volume that lies in sessions; of the rows where there is no volume."""
    sessions = _sessions_around(ns, calendar)
    if not len(sessions):
        return 0.0
    session = np.searchsorted(sessions.open_ns, ns, side="right") - 1
    inside = (session >= 0) & (ns < sessions.close_ns[session])
    weight = np.nan_to_num(volume)
    return float(weight[inside].sum() / weight.sum()) if weight.sum() > 0 else float(inside.mean())


def _sessions_around(ns: IntegerArray, calendar: str) -> Sessions:
    days = [
        np.datetime64(int(instant), "ns").astype("datetime64[D]") for instant in (ns.min() - DAY_NS, ns.max() + DAY_NS)
    ]
    return exchange_sessions(calendar, days[0], days[1])


def _heavier(offset: IntegerArray, volume: FloatArray, one: int, other: int) -> bool:
    """Say whether one minute has more than twice the other's volume, in sessions enough to tell."""
    first, second = volume[offset == one], volume[offset == other]
    return min(len(first), len(second)) >= FEWEST and float(np.nansum(first)) > TWICE * float(np.nansum(second))
