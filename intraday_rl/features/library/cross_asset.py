"""Cross-asset: what two other symbols (SMT, by default SPY against QQQ) and the VIX tell.

Conventions: one call for each minute of the grid, whether the traded symbol has a bar in it or not. A reference's bar
counts in the minute in which it starts, and is known at that minute's end like the traded symbol's own. Prices are
gap-removed as in the trail, each reference for itself: the first bar of a session makes no return and no new extreme.
A reference without a bar in the minute leaves its columns as they are; a session starts with NaN. Of the VIX's daily
closes only those of earlier days are read.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.features.base import OWN, Family, FeatureSpec
from intraday_rl.features.rolling import LAGS, LONGEST_LAG, SUM, push_sum, ratio, recall, remember

EXTREME_BARS = 20
RETURN_BARS = 15
WINDOW = 60.0
FLAT = 1e-12  # variances below this are rounding


class CrossAsset(NamedTuple):
    """Divergence of two reference symbols and the level of the VIX; no parameters."""


REFERENCE = np.dtype(
    [
        ("scale", np.float64),  # gap-removed price = raw price * scale
        ("raw_close", np.float64),
        ("log_close", np.float64),  # gap-removed
        ("bars", np.int64),  # all sessions
        ("session_bars", np.int64),
        ("highs", LAGS),
        ("lows", LAGS),
        ("path", LAGS),  # gap-removed logarithms of closes
        ("squares", SUM),
        ("scaled_return", np.float64),  # ret_15, NaN in warm-up
        ("new_high", np.float64),  # 1 where this bar sets a new extreme
        ("new_low", np.float64),
    ],
    align=True,
)

STATE = np.dtype(
    [
        ("session", np.int64),
        ("leader", REFERENCE),
        ("follower", REFERENCE),
        ("gaps", SUM),
        ("squared_gaps", SUM),
        ("vix_seen", np.int64),
    ],
    align=True,
)


class ReferenceColumns(NamedTuple):
    """Bars of the references on the traded symbol's grid, each (T,); NaN without a bar, (0,) when not asked for."""

    leader_high: npt.NDArray[np.float64]
    leader_low: npt.NDArray[np.float64]
    leader_close: npt.NDArray[np.float64]
    follower_high: npt.NDArray[np.float64]
    follower_low: npt.NDArray[np.float64]
    follower_close: npt.NDArray[np.float64]
    vix: npt.NDArray[np.float64]  # index level at the minute's end


@njit
def update_cross_asset(state: Any, references: ReferenceColumns, t: int, session: int, row: Any) -> None:
    """Take in the minute t of the references and write the columns that follow from minutes."""
    is_first = session + 1 != state.session  # sessions are kept from 1 on: a memory of zeros has seen none
    if is_first:
        state.session = session + 1
        state.leader.session_bars = state.follower.session_bars = 0
        row.smt = row.smt_z = row.vix_intraday = np.nan
    if t < references.leader_close.shape[0]:
        has_leader = not math.isnan(references.leader_close[t])
        has_follower = not math.isnan(references.follower_close[t])
        if has_leader:
            _take(state.leader, references.leader_high[t], references.leader_low[t], references.leader_close[t])
        if has_follower:
            _take(state.follower, references.follower_high[t], references.follower_low[t], references.follower_close[t])
        if has_leader and has_follower:
            _compare(state, row)
    if t < references.vix.shape[0] and not math.isnan(references.vix[t]):
        row.vix_intraday = math.log(references.vix[t] / row.vix_close)


@njit
def write_vix(row: Any, close: float, mean: float) -> None:
    """Write the columns that are known before the session opens."""
    row.vix_close, row.vix_change = close, close / mean - 1.0


@njit
def _take(reference: Any, raw_high: float, raw_low: float, raw_close: float) -> None:
    """Take in a reference's bar: its new extremes against the 20 bars before, and its scaled 15-bar return."""
    is_first = reference.session_bars == 0
    if reference.bars == 0:
        reference.scale = 1.0
    elif is_first:
        reference.scale *= reference.raw_close / raw_close
    high, low = raw_high * reference.scale, raw_low * reference.scale
    log_close = math.log(raw_close * reference.scale)
    highest, lowest = -math.inf, math.inf
    for bar in range(EXTREME_BARS):
        place = (reference.highs.position - 1 - bar) & (LONGEST_LAG - 1)
        highest, lowest = max(highest, reference.highs.values[place]), min(lowest, reference.lows.values[place])
    is_known = reference.bars >= EXTREME_BARS
    reference.new_high = 1.0 if is_known and high > highest else 0.0
    reference.new_low = 1.0 if is_known and low < lowest else 0.0
    remember(reference.highs, high)
    remember(reference.lows, low)
    remember(reference.path, log_close)
    if not is_first:
        push_sum(reference.squares, (log_close - reference.log_close) ** 2, WINDOW)
    reference.log_close, reference.raw_close = log_close, raw_close
    reference.bars += 1
    reference.session_bars += 1
    deviation = math.sqrt(max(0.0, reference.squares.total) / WINDOW)
    moved = log_close - recall(reference.path, RETURN_BARS + 1.0)
    scaled = ratio(moved, deviation * math.sqrt(RETURN_BARS))
    reference.scaled_return = scaled if reference.squares.count == WINDOW else np.nan


@njit
def _compare(state: Any, row: Any) -> None:
    """Write the divergence, and the rank of the difference of returns among its last 60."""
    leader, follower = state.leader, state.follower
    bear = leader.new_high * (1.0 - follower.new_high)
    bull = leader.new_low * (1.0 - follower.new_low)
    row.smt = bull - bear if min(leader.bars, follower.bars) > EXTREME_BARS else np.nan
    gap = leader.scaled_return - follower.scaled_return
    if math.isnan(gap):
        return
    total = push_sum(state.gaps, gap, WINDOW)
    squares = push_sum(state.squared_gaps, gap * gap, WINDOW)
    variance = (squares - total * total / WINDOW) / (WINDOW - 1.0)
    if state.gaps.count == WINDOW:
        row.smt_z = (gap - total / WINDOW) / math.sqrt(variance) if variance > FLAT else 0.0


MINUTES_OF_BOTH = "minute bars of leader and follower (features.smt) for every session"
DAILY_VIX = "daily closes of the VIX (features.vix) for the 20 days before the first session and every later one"

FAMILY = Family(
    CrossAsset,
    (
        FeatureSpec(
            "smt", "1", "-1 where the leader sets a new 20-bar high and the follower does not in the same bar, +1 "
            "where it sets a new low and the follower does not, 0 else or where both hold", "21 bars",
            MINUTES_OF_BOTH, OWN,
        ),
        FeatureSpec(
            "smt_z", "standard deviations", "z-score over 60 bars of the leader's ret_15 less the follower's, sample "
            "deviation; 0 where it does not vary", "120 bars", MINUTES_OF_BOTH, OWN,
        ),
        FeatureSpec("vix_close", "index points", "last close before the session's day", "none", DAILY_VIX, OWN),
        FeatureSpec(
            "vix_change", "fraction", "vix_close / mean of the last 20 closes before the session's day - 1", "none",
            DAILY_VIX, OWN,
        ),
        FeatureSpec(
            "vix_intraday", "1", "ln(level at the bar's end / vix_close)", "first minute of the index in the session",
            f"minute bars of the VIX (features.vix.minutes) for every session; {DAILY_VIX}", OWN,
        ),
    ),
    STATE,
)  # fmt: skip
