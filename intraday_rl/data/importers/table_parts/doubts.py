"""Doubts about what was stated of a table: the side of the bar that its stamps mark, and the zone of its clock.

Nothing is changed by a doubt. Conventions: the regular sessions of an exchange see most of the day's volume, and with
their first minute the volume leaps up: many times over where there is trading before, from nothing where there is none.
"""

from __future__ import annotations

import numpy as np

from intraday_rl.data.bars import FloatArray
from intraday_rl.data.importers.table_parts.stamps import localized
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray, Sessions, exchange_sessions

DAY_NS = 24 * 60 * MINUTE_NS
HALF_HOUR_NS = 30 * MINUTE_NS
ZONES = (
    *("UTC", "America/New_York", "America/Chicago", "America/Los_Angeles", "Europe/London", "Europe/Berlin"),
    *("Europe/Athens", "Asia/Hong_Kong", "Asia/Tokyo", "Australia/Sydney"),
)
ENOUGH, BETTER = 0.75, 0.2  # weight in the sessions that is no cause for doubt; gain of another zone that is one
FEWEST = 3  # sessions that can tell
FLOOR = 0.01  # of the busiest minute: what is less than this before the opening is as good as nothing


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
    session = np.clip(np.searchsorted(sessions.open_ns - HALF_HOUR_NS, start_ns, side="right") - 1, 0, None)
    offset = (start_ns - sessions.open_ns[session]) // MINUTE_NS
    weight = np.nan_to_num(volume) if np.nansum(volume) > 0 else np.ones(len(volume))
    busy = {minute: float(weight[offset == minute].sum()) for minute in (-2, -1, 0, 1)}
    floor = max(max(busy.values()) * FLOOR, 1.0)
    jumps = {minute: (busy[minute] + floor) / (busy[minute - 1] + floor) for minute in (-1, 0, 1)}
    first = max(jumps, key=lambda minute: jumps[minute])
    seen = len(np.unique(session[offset == first]))
    if seen < FEWEST or seen < len(np.unique(session)) / 2:
        return ""
    if first == 1 and stamp == "start":
        return "trading sets in one minute after the opening"
    return "trading sets in one minute before the opening" if first == -1 and stamp == "end" else ""


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
    return zone if share > stated + BETTER else ""


def likely_zone(clock_ns: IntegerArray, volume: FloatArray, calendar: str) -> tuple[str, float]:
    """Return the zone that puts most of the weight into the sessions, and that share."""
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
    """Return the share of the weight that lies in sessions: the root of the volume, or rows where there is none.

    The root keeps single prints after the close, which can be a fifth of a day's volume, from deciding alone.
    """
    sessions = _sessions_around(ns, calendar)
    if not len(sessions):
        return 0.0
    session = np.searchsorted(sessions.open_ns, ns, side="right") - 1
    inside = (session >= 0) & (ns < sessions.close_ns[session])
    weight = np.sqrt(np.nan_to_num(volume))
    return float(weight[inside].sum() / weight.sum()) if weight.sum() > 0 else float(inside.mean())


def _sessions_around(ns: IntegerArray, calendar: str) -> Sessions:
    days = [
        np.datetime64(int(instant), "ns").astype("datetime64[D]") for instant in (ns.min() - DAY_NS, ns.max() + DAY_NS)
    ]
    return exchange_sessions(calendar, days[0], days[1])
