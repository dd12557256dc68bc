"""Ratios of session returns: Sharpe, Sortino, Calmar, information ratio, annualised return and volatility.

Conventions: a session return is net P&L / session-start NAV, a fraction; a year has 252 sessions; the risk-free rate
is 0, since positions are closed overnight; a session whose return is NaN had no trading: it counts as elapsed time
but not in means and deviations. Undefined ratios are NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics.drawdown import max_drawdown
from intraday_rl.metrics.series import divide, finite_series, mean, returns_series, standard_deviation

SESSIONS_PER_YEAR = 252


def sharpe_ratio(session_returns: npt.ArrayLike, risk_free_return: float = 0.0) -> float:
    """Return mean / standard deviation (n - 1) of the excess returns, times sqrt(252).

    Args:
        session_returns: (n,) fractions.
        risk_free_return: Per session, a fraction.

    Returns:
        Annualised Sharpe ratio; NaN for fewer than two returns or when all are equal.

    Raises:
        ParameterError: a return is infinite.

    Source: Sharpe (1994), "The Sharpe Ratio", Journal of Portfolio Management 21(1).
    """
    excess = returns_series("sharpe_ratio", "session_returns", session_returns) - risk_free_return
    return mean(excess) / standard_deviation(excess) * math.sqrt(SESSIONS_PER_YEAR)


def sortino_ratio(session_returns: npt.ArrayLike) -> float:
    """Return mean / downside deviation, times sqrt(252); the downside deviation is sqrt(mean(min(r, 0)^2)) over all n.

    Args:
        session_returns: (n,) fractions.

    Returns:
        Annualised Sortino ratio; NaN without returns or without a negative one.

    Raises:
        ParameterError: a return is infinite.

    Source: Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework".
    """
    returns = returns_series("sortino_ratio", "session_returns", session_returns)
    downside = math.sqrt(mean(np.minimum(returns, 0.0) ** 2))
    return divide(mean(returns), downside) * math.sqrt(SESSIONS_PER_YEAR)


def annualised_volatility(session_returns: npt.ArrayLike) -> float:
    """Return the standard deviation (n - 1) of the returns times sqrt(252), a fraction; 0 when all returns are equal.

    Args:
        session_returns: (n,) fractions.

    Returns:
        Fraction per year; NaN for fewer than two returns.

    Raises:
        ParameterError: a return is infinite.
    """
    returns = returns_series("annualised_volatility", "session_returns", session_returns)
    if returns.size < 2:
        return math.nan
    return float(returns.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR)


def annualised_return(nav: npt.ArrayLike, num_sessions: int) -> float:
    """Return the compound annual growth rate, (NAV_T / NAV_0)^(252 / n) - 1, a fraction.

    Args:
        nav: (m,) in USD, the first value being the initial NAV.
        num_sessions: Sessions n between the first and the last value.

    Returns:
        Fraction per year; -1 when the last NAV is not positive (all is lost); NaN without sessions.

    Raises:
        ParameterError: a NAV is not finite, or the first is not positive.
    """
    values = finite_series("annualised_return", "nav", nav)
    if values.size == 0 or num_sessions < 1:
        return math.nan
    checks.positive("annualised_return", "nav[0]", float(values[0]), "USD")
    growth = float(values[-1] / values[0])
    if growth <= 0.0:
        return -1.0
    with np.errstate(over="ignore"):
        return float(np.expm1(math.log(growth) * SESSIONS_PER_YEAR / num_sessions))


def calmar_ratio(session_returns: npt.ArrayLike, nav: npt.ArrayLike) -> float:
    """Return the annualised return divided by the maximum drawdown of the bar-level NAV.

    Args:
        session_returns: (n,) one return for each session that elapsed; only their number enters.
        nav: (m,) bar-level NAV in USD, the first value being the initial NAV.

    Returns:
        Calmar ratio per year; NaN without sessions or without a drawdown.

    Raises:
        ParameterError: a NAV is not finite, or the first is not positive.

    Source: Young (1991), "Calmar Ratio: A Smoother Tool", Futures 20(1).
    """
    return divide(annualised_return(nav, np.asarray(session_returns).size), max_drawdown(nav))


def information_ratio(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> float:
    """Return mean / standard deviation (n - 1) of the active returns r - b, times sqrt(252).

    Args:
        returns: (n,) session returns, fractions.
        benchmark: (n,) returns of the benchmark in the same sessions, from open to close; or one number for all.

    Returns:
        Annualised information ratio; NaN for fewer than two pairs or when all differences are equal.

    Raises:
        ParameterError: the lengths differ, or a return is infinite.

    Source: Grinold and Kahn (2000), "Active Portfolio Management", chapter 5.
    """
    own, reference = np.asarray(returns, dtype=np.float64), np.asarray(benchmark, dtype=np.float64)
    if reference.ndim and reference.shape != own.shape:
        raise ParameterError(
            f"information_ratio.benchmark must have one return per session {own.shape}, had shape {reference.shape}"
        )
    active = returns_series("information_ratio", "returns - benchmark", own - reference)
    return mean(active) / standard_deviation(active) * math.sqrt(SESSIONS_PER_YEAR)
