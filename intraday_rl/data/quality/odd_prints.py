"""Odd prints: prices that jump away from their neighbours and are back one bar later.

A price that jumps and stays is news and no odd print. Distances are log ratios; the yardstick of a bar is the larger of
two medians of absolute one-bar returns: of the bars around it, and of the same minute of all sessions.
Source of the factor: Rousseeuw and Croux (1993), 1.4826 * median absolute deviation estimates a normal deviation.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from intraday_rl.data.bars import Bars, BoolArray, FloatArray
from intraday_rl.data.quality.limits import QualityLimits
from intraday_rl.data.sessions import IntegerArray

NORMAL = 1.4826  # of the median absolute deviation
BARS_AROUND = 31
SESSIONS_FOR_MINUTES = 5  # with fewer sessions a median over them says nothing
BACK = 0.5  # the neighbours differ by less than this part of the jump


def odd_prints(bars: Bars, limits: QualityLimits) -> BoolArray:
    """Return for each row whether a close, high or low of it is an odd print, (T,); False where not traded.

    A close is odd where it lies further than the threshold above (or below) the closes of the bars before and after,
    and these two differ by less than half of that. A high is odd where it lies further than the threshold above the
    bar's open and close, the close before and the open after; a low likewise below. The threshold is
    `odd_print_deviations` yardsticks, at least `odd_print_floor_bps`. A session's last close has nothing after it and
    is never odd.
    """
    rows = np.flatnonzero(bars.traded)
    session = bars.session[rows]
    opens, highs, lows, closes = (np.log(getattr(bars, name)[rows]) for name in ("open", "high", "low", "close"))
    has_before = np.append(False, session[1:] == session[:-1])
    has_after = np.append(has_before[1:], False)
    before = np.where(has_before, np.roll(closes, 1), opens)
    after_open, after_close = (np.where(has_after, np.roll(values, -1), closes) for values in (opens, closes))
    threshold = _threshold(np.abs(closes - before), session, bars.minute[rows], limits)

    up, down = closes - np.maximum(before, after_close), np.minimum(before, after_close) - closes
    jump = np.maximum(up, down)
    back = np.abs(after_close - before) < BACK * jump
    odd_close = (jump > threshold) & back & has_before & has_after
    ceiling = np.maximum.reduce([opens, closes, before, after_open])
    floor = np.minimum.reduce([opens, closes, before, after_open])
    odd = odd_close | (highs - ceiling > threshold) | (floor - lows > threshold)
    found = np.zeros(len(bars), dtype=bool)
    found[rows] = odd
    return found


def _threshold(moves: FloatArray, session: IntegerArray, minute: IntegerArray, limits: QualityLimits) -> FloatArray:
    around = median_filter(moves, size=BARS_AROUND, mode="nearest")
    yardstick = NORMAL * np.maximum(around, _by_minute(moves, session, minute))
    threshold: FloatArray = np.maximum(limits.odd_print_deviations * yardstick, limits.odd_print_floor_bps * 1e-4)
    return threshold


def _by_minute(moves: FloatArray, session: IntegerArray, minute: IntegerArray) -> FloatArray:
    """Return the median of all sessions' moves of the same minute; 0 where there are too few of them."""
    order = np.lexsort([moves, minute])
    starts = np.flatnonzero(np.diff(minute[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    middle = moves[order[starts + counts // 2]]
    medians = np.zeros(int(minute.max()) + 1)
    medians[minute[order[starts]]] = np.where(counts >= SESSIONS_FOR_MINUTES, middle, 0.0)
    return medians[minute]
