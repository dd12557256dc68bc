"""95 % intervals of what a window shows: a normal, Student's, Wilson's, Fisher's, or resampled sessions.

Conventions: an estimate without an interval (NaN ends) cannot decide anything; a value that was counted, not sampled,
is its own interval. Resampling draws whole sessions by the stationary bootstrap, in blocks of n^(1/3) sessions on
average, and asks for at least 20 of them: the percentiles of fewer are too narrow to be believed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from intraday_rl.metrics import SESSIONS_PER_YEAR, sharpe_ratio, sharpe_standard_error, skewness_and_kurtosis
from intraday_rl.metrics.bootstrap import stationary_bootstrap

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

LEVEL = 0.95
NORMAL = float(stats.norm.ppf(0.5 + LEVEL / 2))  # 1.96
BOOTSTRAP_MIN = 20  # observations
RESAMPLES = 2000


class Estimate(NamedTuple):
    """A value and the interval that holds the truth with a probability of 95 %."""

    value: float  # NaN: undefined
    low: float  # NaN: no interval yet
    high: float
    observations: int  # behind it


def exact(value: float, count: int) -> Estimate:
    """Return what was counted and has no sampling error."""
    return Estimate(value, value, value, count)


def mean_estimate(values: Floats) -> Estimate:
    """Return the mean with Student's interval; none for fewer than two values.

    Source: Student (1908), "The Probable Error of a Mean", Biometrika 6(1).
    """
    count = values.size
    value = float(values.mean()) if count else math.nan
    if count < 2:
        return Estimate(value, math.nan, math.nan, count)
    half = float(stats.t.ppf(0.5 + LEVEL / 2, count - 1)) * float(values.std(ddof=1)) / math.sqrt(count)
    return Estimate(value, value - half, value + half, count)


def share_estimate(hits: int, count: int) -> Estimate:
    """Return a share with Wilson's interval.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22(158).
    """
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    interval = stats.binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return Estimate(hits / count, float(interval.low), float(interval.high), count)


def sharpe_estimate(returns: Floats) -> Estimate:
    """Return the annualised Sharpe ratio with a normal interval.

    Its standard error is that of the returns' own skewness and kurtosis.

    Args:
        returns: (n,) session returns, fractions.

    Source: Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier", section 3.
    """
    count, value = returns.size, sharpe_ratio(returns)
    if math.isnan(value):
        return Estimate(value, math.nan, math.nan, count)
    year = math.sqrt(SESSIONS_PER_YEAR)
    error = sharpe_standard_error(value / year, count, *skewness_and_kurtosis(returns)) * year
    half = NORMAL * error
    return Estimate(value, value - half, value + half, count)


def correlation_estimate(first: Floats, second: Floats) -> Estimate:
    """Return the correlation with Fisher's interval; none for fewer than four pairs or where one side is constant.

    Source: Fisher (1921), "On the Probable Error of a Coefficient of Correlation", Metron 1.
    """
    count = first.size
    if count < 4 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return Estimate(math.nan, math.nan, math.nan, count)
    result = stats.pearsonr(first, second)
    interval = result.confidence_interval(LEVEL)
    return Estimate(float(result.statistic), float(interval.low), float(interval.high), count)


def resampled_sessions(num_sessions: int, length: int, rng: np.random.Generator) -> Indices:
    """Return indices of drawn sessions, (RESAMPLES, length)."""
    drawn = stationary_bootstrap(
        num_sessions,
        num_resamples=RESAMPLES,
        length=length,
        mean_block_length=max(1.0, num_sessions ** (1.0 / 3.0)),
        rng=rng,
    )
    return np.stack([index.copy() for index in drawn], axis=1)


def bootstrap_estimate(
    value: float,
    num_sessions: int,
    statistic: Callable[[Indices], Floats],
    length: int,
    rng: np.random.Generator | None,
) -> Estimate:
    """Return the value with the percentiles of a statistic of resampled sessions.

    Args:
        value: as observed.
        num_sessions: sessions to draw from.
        statistic: from indices (R, length) to values (R,); a resample in which it is undefined counts as worthless, 0.
        length: sessions in each resample.
        rng: source of randomness; None asks for the value alone.

    Source: Politis and Romano (1994), "The Stationary Bootstrap", JASA 89(428).
    """
    if num_sessions < BOOTSTRAP_MIN or rng is None:
        return Estimate(value, math.nan, math.nan, num_sessions)
    drawn = np.nan_to_num(
        statistic(resampled_sessions(num_sessions, length, rng)), nan=0.0, posinf=np.inf, neginf=-np.inf
    )
    return Estimate(value, *percentiles(drawn, num_sessions), num_sessions)


def percentiles(drawn: Floats, count: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the ends of the interval of drawn values, widened for the few observations behind them.

    Args:
        drawn: (R,) values of resamples.
        count: observations that were drawn from.
        level: of the interval.

    Source: Hesterberg (2015), "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), the
    expanded percentile interval.
    """
    quantile = float(stats.t.ppf(0.5 + level / 2, count - 1))
    tail = float(stats.norm.cdf(-math.sqrt(count / (count - 1)) * quantile))
    low, high = np.quantile(drawn, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
