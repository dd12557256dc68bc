"""The quality of one symbol's bars, session by session.

Conventions: what cannot be checked (quotes of a record without quotes) is NaN and does not fail. Shapes: S sessions, M
minutes of the longest session, T rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intraday_rl.core import checks
from intraday_rl.data.bars import Bars, BoolArray, FloatArray
from intraday_rl.data.quality.limits import CHECK_NAMES, CHECKS, QualityLimits
from intraday_rl.data.quality.odd_prints import NORMAL, odd_prints
from intraday_rl.data.sessions import DateArray, IntegerArray


@dataclass(frozen=True, eq=False)
class Quality:
    """What was found in one symbol's sessions.

    Attributes:
        symbol: its name.
        limits: what the numbers were compared with.
        date: (S,) trading days.
        minutes: (S,) minutes that the calendar gives each session.
        bars: (S,) bars of each session.
        values: check -> (S,) its number for each session; NaN = nothing to check.
        fails: check -> (S,) whether the session fails it.
        missing_by_minute: (M,) share of the sessions that have this minute but no bar in it.
    """

    symbol: str
    limits: QualityLimits
    date: DateArray
    minutes: IntegerArray
    bars: IntegerArray
    values: Mapping[str, FloatArray]
    fails: Mapping[str, BoolArray]
    missing_by_minute: FloatArray

    @property
    def coverage(self) -> FloatArray:
        """Bars per minute of each session, (S,)."""
        return self.bars / self.minutes

    def failed(self, names: Sequence[str]) -> BoolArray:
        """Return which sessions fail at least one of the named checks, (S,).

        Raises:
            ParameterError: a name is no check.
        """
        for name in names:
            checks.one_of("Quality", "checks", name, CHECK_NAMES)
        found = np.zeros(len(self.date), dtype=bool)
        for name in names:
            found |= self.fails[name]
        return found


def assess_bars(bars: Bars, limits: QualityLimits) -> Quality:
    """Return the quality of each session. Later sessions are used to tell what is usual: it is no feature."""
    count = _sums(bars, bars.traded)
    minutes = bars.sessions.minutes
    values = {
        "missing_minutes": 1 - count / minutes,
        "cut_short": _edge_gap(bars),
        "zero_volume": _share(bars, bars.volume == 0, bars.traded),
        **_quotes(bars),
        "odd_prints": _sums(bars, odd_prints(bars, limits)).astype(np.float64),
        "split_jump": _split_ratio(bars, limits.split_tolerance),
        "stale_prices": _longest_flat_run(bars),
        "vwap_outside": _vwap_outside(bars, limits.vwap_tolerance_bps),
    }
    fails = {check.name: values[check.name] > getattr(limits, check.limit) for check in CHECKS}
    fails["missing_minutes"] &= _unusually_few(count / minutes, limits)
    fails["cut_short"] &= values["cut_short"] > limits.edge_gap_multiple * _mean_distance(bars)
    missing = np.bincount(bars.minute[~bars.traded], minlength=int(minutes.max()))
    return Quality(
        symbol=bars.symbol,
        limits=limits,
        date=bars.sessions.date,
        minutes=minutes,
        bars=count,
        values=values,
        fails=fails,
        missing_by_minute=missing / np.bincount(bars.minute),
    )


def _sums(bars: Bars, flags: BoolArray) -> IntegerArray:
    return np.add.reduceat(flags.astype(np.int64), bars.sessions.first[:-1])


def _share(bars: Bars, flags: BoolArray, among: BoolArray) -> FloatArray:
    """Return the share of flagged rows among some rows of each session; NaN where a session has none of them."""
    total = _sums(bars, among)
    share = np.full(len(total), np.nan)
    np.divide(_sums(bars, flags & among), total, out=share, where=total > 0)
    return share


def _unusually_few(coverage: FloatArray, limits: QualityLimits) -> BoolArray:
    """Return which sessions lack more than the limit beyond the median session.

    Where the median session itself lacks more than the limit, the symbol is thin: the log of the coverage also has to
    lie further below its median than `missing_deviations` robust deviations.
    """
    usual = float(np.median(coverage))
    few: BoolArray = usual - coverage > limits.missing_share_max
    if 1 - usual <= limits.missing_share_max:
        return few
    below = np.log(usual) - np.log(coverage)
    few &= below > limits.missing_deviations * NORMAL * np.median(np.abs(below))
    return few


def _ends(bars: Bars) -> tuple[IntegerArray, IntegerArray]:
    """Return the minute of each session's first and last bar."""
    starts = bars.sessions.first[:-1]
    first = np.minimum.reduceat(np.where(bars.traded, bars.minute, np.iinfo(np.int64).max), starts)
    return first, np.maximum.reduceat(np.where(bars.traded, bars.minute, -1), starts)


def _edge_gap(bars: Bars) -> FloatArray:
    first, last = _ends(bars)
    gap: FloatArray = np.maximum(first, bars.sessions.minutes - 1 - last).astype(np.float64)
    return gap


def _mean_distance(bars: Bars) -> FloatArray:
    """Return the mean minutes from one bar to the next; the session's length where it has a single bar."""
    first, last = _ends(bars)
    steps = _sums(bars, bars.traded) - 1
    distance: FloatArray = np.where(steps > 0, (last - first) / np.maximum(steps, 1), bars.sessions.minutes)
    return distance


def _quotes(bars: Bars) -> dict[str, FloatArray]:
    nothing = np.full(len(bars.sessions), np.nan)
    quoted = bars.traded & ~np.isnan(bars.bid) & ~np.isnan(bars.ask)
    return {
        "crossed_quotes": _share(bars, bars.bid > bars.ask, quoted),
        "locked_quotes": _share(bars, bars.bid == bars.ask, quoted),
        "missing_quotes": _share(bars, ~quoted, bars.traded) if quoted.any() else nothing,
    }


def _split_ratio(bars: Bars, tolerance: float) -> FloatArray:
    """Return n where the first open is near n or 1/n times the last close before, n >= 2; else 0."""
    first, last = _ends(bars)
    starts = bars.sessions.first[:-1]
    ratio = bars.open[starts + first][1:] / bars.close[starts + last][:-1]
    ratio = np.maximum(ratio, 1 / ratio)
    whole = np.round(ratio)
    near = (whole >= 2) & (np.abs(np.log(ratio / np.maximum(whole, 1))) <= tolerance)
    return np.append(0.0, np.where(near, whole, 0.0))


def _longest_flat_run(bars: Bars) -> FloatArray:
    """Return the largest number of bars in consecutive minutes that show one single price."""
    flat = bars.traded & (bars.high == bars.low)
    same = flat[1:] & flat[:-1] & (bars.close[1:] == bars.close[:-1]) & (bars.session[1:] == bars.session[:-1])
    repeats = np.append(False, same)
    rows = np.arange(len(flat))
    run = rows - np.maximum.accumulate(np.where(repeats, 0, rows)) + 1
    return np.maximum.reduceat(np.where(flat, run, 0), bars.sessions.first[:-1]).astype(np.float64)


def _vwap_outside(bars: Bars, tolerance_bps: float) -> FloatArray:
    known = bars.traded & ~np.isnan(bars.vwap)
    distance_bps = np.maximum(bars.low - bars.vwap, bars.vwap - bars.high) / bars.close * 1e4
    return _share(bars, distance_bps > tolerance_bps, known)
