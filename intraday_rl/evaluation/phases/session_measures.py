"""What criteria measure on judged sessions: a value with the interval that its kind allows.

Conventions: a value is NaN where it is undefined. Drawdowns and the Calmar ratio are those of paths of `length`
sessions: the last ones as observed, and paths of the same length drawn from all judged sessions for the interval, so
that more sessions tell more about the same kind of path. Other values are of all judged sessions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from intraday_rl.evaluation.phases import regimes
from intraday_rl.evaluation.phases.evidence import SessionEvidence
from intraday_rl.evaluation.phases.intervals import (
    BOOTSTRAP_MIN,
    LEVEL,
    Estimate,
    bootstrap_estimate,
    correlation_estimate,
    exact,
    mean_estimate,
    percentiles,
    resampled_sessions,
    share_estimate,
    sharpe_estimate,
)
from intraday_rl.metrics import SESSIONS_PER_YEAR

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
PathStatistic = Callable[[Floats, Floats, int], Floats]  # of growth, maximum drawdown (R,) and sessions in a path

UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)


class Question(NamedTuple):
    """How a measure is asked: its level, the sessions of a path, and randomness (None: the value alone)."""

    level: float | None
    length: int
    rng: np.random.Generator | None


def sharpe_ratio(e: SessionEvidence, question: Question) -> Estimate:
    """Return the annualised Sharpe ratio of session returns."""
    return sharpe_estimate(e.returns)


def information_ratio(e: SessionEvidence, question: Question) -> Estimate:
    """Return the annualised information ratio against the market's open-to-close returns."""
    return UNKNOWN if e.benchmark is None else sharpe_estimate(e.returns - e.benchmark)


def market_correlation(e: SessionEvidence, question: Question) -> Estimate:
    """Return the correlation of session returns with the market's open-to-close returns."""
    return UNKNOWN if e.benchmark is None else correlation_estimate(e.returns, e.benchmark)


def session_return(e: SessionEvidence, question: Question) -> Estimate:
    """Return the mean session return: the reward of an episode without penalties and scale."""
    return mean_estimate(e.returns)


def turnover_per_session(e: SessionEvidence, question: Question) -> Estimate:
    """Return the mean turnover of a session, multiples of capital."""
    return mean_estimate(e.turnover)


def hit_rate(e: SessionEvidence, question: Question) -> Estimate:
    """Return the share of round trips that won."""
    return share_estimate(int(e.wins.sum()), int(e.round_trips.sum()))


def completed_share(e: SessionEvidence, question: Question) -> Estimate:
    """Return the share of sessions traded to their end and flat there."""
    return share_estimate(int(e.complete.sum()), e.count)


def sessions_not_flat(e: SessionEvidence, question: Question) -> Estimate:
    """Return the number of sessions that did not end flat."""
    return exact(float((~e.flat).sum()), e.count)


def num_symbols(e: SessionEvidence, question: Question) -> Estimate:
    """Return the number of symbols that were traded."""
    return exact(float(e.num_symbols), e.count)


def shallow_session_share(e: SessionEvidence, question: Question) -> Estimate:
    """Return the share of sessions whose largest drawdown stayed below the level."""
    return share_estimate(int((e.drawdowns < _level(question)).sum()), e.count)


def penalty_at_limit(e: SessionEvidence, question: Question) -> Estimate:
    """Return what the reward's turnover penalty charges at its pivot, USD."""
    return UNKNOWN if e.penalty_at_limit_usd is None else exact(e.penalty_at_limit_usd, e.count)


def longest_deep_drawdown(e: SessionEvidence, question: Question) -> Estimate:
    """Return the most minutes in a row that a session stood further than the level below its high."""
    high = np.maximum.accumulate(np.maximum(e.paths, 0.0), axis=1)
    deep, run, longest = high - e.paths > _level(question), np.zeros(e.count), np.zeros(e.count)
    for minute in range(deep.shape[1]):
        run = np.where(deep[:, minute], run + 1, 0)
        longest = np.maximum(longest, run)
    return exact(float(longest.max(initial=0.0)), e.count)


def annualised_volatility(e: SessionEvidence, question: Question) -> Estimate:
    """Return the annualised volatility of session returns.

    The interval reaches as far as the wider of two on each side: resampled sessions, and the chi-square one of normal
    returns, since few returns do not show their tails.
    """
    year, n = math.sqrt(SESSIONS_PER_YEAR), e.count
    value = float(e.returns.std(ddof=1)) * year if n > 1 else math.nan
    found = bootstrap_estimate(value, n, lambda drawn: e.returns[drawn].std(axis=1, ddof=1) * year, n, question.rng)
    if math.isnan(found.low):
        return found
    ends = [value * math.sqrt((n - 1) / float(chi2.ppf(share, n - 1))) for share in (0.5 + LEVEL / 2, 0.5 - LEVEL / 2)]
    return Estimate(value, min(found.low, ends[0]), max(found.high, ends[1]), n)


def max_drawdown(e: SessionEvidence, question: Question) -> Estimate:
    """Return the largest fall of the chained equity below its high-water mark, over a path of sessions."""
    return _of_paths(e, question, lambda growth, drawdown, length: drawdown)


def calmar_ratio(e: SessionEvidence, question: Question) -> Estimate:
    """Return the compound annual growth / maximum drawdown, over a path of sessions."""
    return _of_paths(e, question, _calmar)


def evaluation_variation(e: SessionEvidence, question: Question) -> Estimate:
    """Return how far the mean session returns of the first and second half differ, in units of the mean of all."""
    half = e.count // 2
    if half < 1:
        return Estimate(math.nan, math.nan, math.nan, e.count)
    parts = e.returns[:half], e.returns[half : 2 * half]

    def signed(first: Floats, second: Floats) -> Floats:
        middle = np.asarray(np.abs(first.mean(axis=-1) + second.mean(axis=-1)) / 2)
        difference = second.mean(axis=-1) - first.mean(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(middle > 0, difference / middle, np.nan)

    value = float(signed(parts[0], parts[1]))
    if question.rng is None or e.count < BOOTSTRAP_MIN:
        return Estimate(abs(value), math.nan, math.nan, e.count)
    drawn = [part[resampled_sessions(half, half, question.rng)] for part in parts]
    low, high = percentiles(np.nan_to_num(signed(drawn[0], drawn[1]), nan=0.0), half)
    ends = sorted((abs(low), abs(high)))
    return Estimate(abs(value), 0.0 if low <= 0.0 <= high else ends[0], ends[1], e.count)


def regime_return_degradation(e: SessionEvidence, question: Question) -> Estimate:
    """Return how much less the worst regime earns a minute than the others, in units of what all earn."""
    return regimes.return_degradation(e.regimes, question.rng)


def regime_hit_rate_degradation(e: SessionEvidence, question: Question) -> Estimate:
    """Return how much less often round trips of the worst regime win than the others', in units of the hit rate."""
    return regimes.hit_rate_degradation(e.regimes, question.rng)


def _level(question: Question) -> float:
    """Return the level, which the criterion's own law has made sure of."""
    return math.nan if question.level is None else question.level


def _of_paths(e: SessionEvidence, question: Question, statistic: PathStatistic) -> Estimate:
    length = min(question.length, e.count)
    if length == 0:
        return UNKNOWN

    def of(drawn: Indices) -> Floats:
        return statistic(*_growth_and_drawdown(e, drawn), drawn.shape[1])

    value = float(of(np.arange(e.count - length, e.count)[None, :])[0])
    return bootstrap_estimate(value, e.count, of, length, question.rng)


def _growth_and_drawdown(e: SessionEvidence, drawn: Indices) -> tuple[Floats, Floats]:
    """Return NAV_T / NAV_0 and the maximum drawdown of paths of sessions whose results add up, (R,)."""
    base, high, worst = np.ones(len(drawn)), np.ones(len(drawn)), np.zeros(len(drawn))
    for sessions in drawn.T:
        equity = base[:, None] + e.paths[sessions]
        peak = np.maximum.accumulate(np.maximum(equity, high[:, None]), axis=1)
        worst = np.maximum(worst, ((peak - equity) / peak).max(axis=1, initial=0.0))
        high = np.maximum(high, equity.max(axis=1, initial=-np.inf))
        base = base + e.returns[sessions]
    return base, worst


def _calmar(growth: Floats, drawdown: Floats, length: int) -> Floats:
    annual = np.maximum(growth, 0.0) ** (SESSIONS_PER_YEAR / length) - 1.0
    undefined = np.where(annual > 0, np.inf, np.nan)
    return np.divide(annual, drawdown, out=undefined, where=drawdown > 0)
