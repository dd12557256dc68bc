"""Volatility: 8 features in basis points per bar.

Conventions: logarithmic prices; windows count bars, windows of returns count bars with a return. The first bar of a
session has a range, but neither a return nor an overnight move.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec
from intraday_rl.features.rolling import SUM, push, push_sum, window_dtype

RANGE_BARS = 30
EACH, EACH_SAMPLE = 1.0 / RANGE_BARS, 1.0 / (RANGE_BARS - 1)  # weights of plain means and sample variances
SHORT_BARS = 15.0
BPS = 1e4
LN_2 = math.log(2.0)
OVERNIGHT_WEIGHT = 0.34 / (1.34 + (RANGE_BARS + 1) / (RANGE_BARS - 1))  # k of Yang and Zhang


class Volatility(NamedTuple):
    """Realised, range-based and GARCH volatility; no parameters."""


STATE = np.dtype(
    [
        ("squares", SUM),
        ("ranges", window_dtype(RANGE_BARS, "hl_hl", "gk", "rs", "jump", "jump_jump", "move", "move_move")),
        ("last_log_close", np.float64),
        ("variance", np.float64),  # GARCH forecast of the next return's variance, bps squared
    ],
    align=True,
)


@njit
def update_volatility(state: Any, step: Any, row: Any) -> None:
    """Write the 8 volatility columns of the bar."""
    _returns(state, step, row)
    _ranges(state, step, row)
    row.atr_bps = BPS * step.atr * step.per_close


@njit
def _returns(state: Any, step: Any, row: Any) -> None:
    squares = state.squares
    if step.is_first:
        state.variance = step.garch_variance
    else:
        push_sum(squares, step.log_return * step.log_return, SHORT_BARS)
        shock = BPS * step.log_return / step.usual_move
        state.variance = step.garch_omega + step.garch_alpha * shock * shock + step.garch_beta * state.variance
    row.rv_15 = _root(squares.total * (1.0 / SHORT_BARS), squares.count == SHORT_BARS)
    row.rv_60 = BPS * step.deviation_60
    row.garch1 = math.sqrt(state.variance)


@njit
def _ranges(state: Any, step: Any, row: Any) -> None:
    up, down = step.log_high - step.log_open, step.log_low - step.log_open
    move, width = step.log_close - step.log_open, step.log_high - step.log_low
    jump = 0.0 if step.is_first else step.log_open - state.last_log_close
    state.last_log_close = step.log_close
    new = state.ranges.new
    new.hl_hl = width * width
    new.gk = 0.5 * new.hl_hl - (2.0 * LN_2 - 1.0) * move * move
    new.rs = up * (up - move) + down * (down - move)
    new.jump, new.jump_jump = jump, jump * jump
    new.move, new.move_move = move, move * move
    push(state.ranges)
    sums = state.ranges.sums
    full = state.ranges.count == RANGE_BARS
    row.parkinson30 = _root(sums.hl_hl * (EACH / (4.0 * LN_2)), full)
    row.gk30 = _root(sums.gk * EACH, full)
    row.rs30 = _root(sums.rs * EACH, full)
    jump_variance = (sums.jump_jump - sums.jump * sums.jump * EACH) * EACH_SAMPLE
    move_variance = (sums.move_move - sums.move * sums.move * EACH) * EACH_SAMPLE
    inner = OVERNIGHT_WEIGHT * move_variance + (1.0 - OVERNIGHT_WEIGHT) * EACH * sums.rs
    row.yz30 = _root(jump_variance + inner, full)


@njit
def _root(mean: float, full: bool) -> float:
    return BPS * math.sqrt(max(0.0, mean)) if full else np.nan


def _bps(name: str, formula: str, warm_up: str, source: str) -> FeatureSpec:
    return FeatureSpec(name, "bps per bar", formula, warm_up, NOTHING, source)


FAMILY = Family(
    Volatility,
    (
        _bps("rv_15", "sqrt(mean r^2), 15 returns", "15 returns", OWN),
        _bps("rv_60", "sqrt(mean r^2), 60 returns", "60 returns", OWN),
        _bps("parkinson30", "sqrt(mean(ln^2(H/L)/(4 ln 2))), 30 bars", "30 bars", "Parkinson (1980)"),
        _bps("gk30", "sqrt(mean(ln^2(H/L)/2 - (2 ln 2 - 1) ln^2(C/O))), 30 bars", "30 bars", "Garman and Klass (1980)"),
        _bps(
            "rs30", "sqrt(mean(u(u - c) + d(d - c))), u = ln H/O, d = ln L/O, c = ln C/O, 30 bars", "30 bars",
            "Rogers and Satchell (1991)",
        ),
        _bps(
            "yz30", "sqrt(Var(ln O_t/C_(t-1)) + k Var(c) + (1 - k) RS), 30 bars, sample variances, k = 0.34/(1.34 + "
            "31/29); ln O_t/C_(t-1) = 0 on a session's first bar", "30 bars", "Yang and Zhang (2000)",
        ),
        _bps(
            "garch1", "sqrt(h_(t+1)), h_(t+1) = omega + alpha e_t^2 + beta h_t, e = r / usual move of this minute, not "
            "seasonalised again; parameters and the session's first h from the 20 sessions before, EWMA 0.94 where no "
            "fit with alpha + beta < 0.999 exists", "1 session", "Bollerslev (1986); Andersen and Bollerslev (1997)",
        ),
        _bps("atr_bps", "ATR/c", "15 bars", "Wilder (1978)"),
    ),
    STATE,
)  # fmt: skip
