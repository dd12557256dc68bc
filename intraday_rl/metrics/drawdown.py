"""Drawdowns, all positive fractions: over a whole run, within a session, and the tail over sessions.

Conventions: `nav` starts with the initial NAV, so a loss in the first bar counts. Over a run the fall is measured
against the high-water mark, within a session against the session-start NAV.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.metrics.bootstrap import stationary_bootstrap
from intraday_rl.metrics.series import FloatArray, finite_series


def max_drawdown(nav: npt.ArrayLike) -> float:
    """Return the largest fall below the high-water mark so far, (HWM - NAV) / HWM.

    Args:
        nav: (m,) USD, the first value being the initial NAV.

    Returns:
        Fraction >= 0 (above 1 only for a negative NAV); NaN for an empty series.

    Raises:
        ParameterError: a NAV is not finite, or the first is not positive.
    """
    values = finite_series("max_drawdown", "nav", nav)
    if values.size == 0:
        return math.nan
    checks.positive("max_drawdown", "nav[0]", float(values[0]), "USD")
    peak = np.maximum.accumulate(values)
    return float(((peak - values) / peak).max())


def session_drawdown(nav: npt.ArrayLike) -> float:
    """Return the largest fall below the session's high-water mark, as a fraction of the session-start NAV.

    Args:
        nav: (m,) USD of one session, the first value being the session-start NAV.

    Returns:
        Fraction >= 0; NaN for an empty series.

    Raises:
        ParameterError: a NAV is not finite, or the first is not positive.
    """
    values = finite_series("session_drawdown", "nav", nav)
    if values.size == 0:
        return math.nan
    checks.positive("session_drawdown", "nav[0]", float(values[0]), "USD")
    return float((np.maximum.accumulate(values) - values).max() / values[0])


def tail_sessions(session_drawdowns: npt.ArrayLike, tail: float = 0.05) -> FloatArray:
    """Return the drawdowns at or above the (1 - tail) quantile, linearly interpolated.

    Args:
        session_drawdowns: (n,) positive fractions.
        tail: Share of the sessions that make the tail.

    Raises:
        ParameterError: a drawdown is not finite, or tail is not in (0, 1].
    """
    drawdowns = finite_series("tail_drawdown", "session_drawdowns", session_drawdowns)
    checks.fraction("tail_drawdown", "tail", tail)
    if drawdowns.size == 0:
        return drawdowns
    # Interpolation between equal values may round to just above the largest.
    threshold = min(float(np.quantile(drawdowns, 1.0 - tail)), float(drawdowns.max()))
    return drawdowns[drawdowns >= threshold]


def tail_drawdown(session_drawdowns: npt.ArrayLike, tail: float = 0.05) -> float:
    """Return the mean of the worst session drawdowns: their conditional value at risk.

    Args:
        session_drawdowns: (n,) positive fractions.
        tail: Share of the sessions that make the tail.

    Returns:
        Fraction; NaN without sessions.

    Raises:
        ParameterError: a drawdown is not finite, or tail is not in (0, 1].

    Source: Rockafellar and Uryasev (2000), "Optimization of Conditional Value-at-Risk", Journal of Risk 2(3).
    """
    worst = tail_sessions(session_drawdowns, tail)
    return float(worst.mean()) if worst.size else math.nan


def bootstrap_session_drawdowns(
    bar_returns: npt.ArrayLike, *, num_bars: int, num_sessions: int, mean_block_bars: float, rng: np.random.Generator
) -> FloatArray:
    """Return the drawdowns (num_sessions,) of sessions put together from blocks of observed bar P&L.

    Args:
        bar_returns: (m,) net P&L of each bar / session-start NAV, all sessions in time order.
        num_bars: Bars of a drawn session.
        num_sessions: Sessions to draw.
        mean_block_bars: Mean length of the geometric blocks.
        rng: Source of randomness.

    Raises:
        ParameterError: a return is not finite, or a number is below 1.
    """
    returns = finite_series("bootstrap_session_drawdowns", "bar_returns", bar_returns)
    blocks = stationary_bootstrap(
        returns.size, num_resamples=num_sessions, length=num_bars, mean_block_length=mean_block_bars, rng=rng
    )
    equity, peak, worst = np.zeros(num_sessions), np.zeros(num_sessions), np.zeros(num_sessions)
    for index in blocks:
        equity += returns[index]
        np.maximum(peak, equity, out=peak)
        np.maximum(worst, peak - equity, out=worst)
    return worst


def bootstrap_tail_drawdown(
    bar_returns: npt.ArrayLike,
    *,
    num_bars: int,
    num_sessions: int,
    mean_block_bars: float,
    tail: float,
    rng: np.random.Generator,
) -> float:
    """Return the tail drawdown of sessions drawn by `bootstrap_session_drawdowns`; NaN without bars.

    Args:
        bar_returns: (m,) net P&L of each bar / session-start NAV, all sessions in time order.
        num_bars: Bars of a drawn session.
        num_sessions: Sessions to draw.
        mean_block_bars: Mean length of the geometric blocks.
        tail: Share of the drawn sessions that make the tail.
        rng: Source of randomness.

    Raises:
        ParameterError: a return is not finite, a number is below 1, or tail is not in (0, 1].
    """
    if np.size(bar_returns) == 0:
        return math.nan
    drawn = bootstrap_session_drawdowns(
        bar_returns, num_bars=num_bars, num_sessions=num_sessions, mean_block_bars=mean_block_bars, rng=rng
    )
    return tail_drawdown(drawn, tail)
