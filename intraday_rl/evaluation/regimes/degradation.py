"""Whether a policy fares worse in one regime than in another, and how sure that is.

Conventions: performance is the annualised Sharpe ratio of session returns, since regimes differ in the size of all
returns; the degradation of a pair of regimes is (better - worse)/better, a fraction. Regimes are numbered as in
`features.REGIMES`, -1 is unknown. Undefined numbers are None.

Intervals are percentiles over resamples, each regime's sessions drawn on their own with replacement, and hold for all P
pairs together with 95 %: each has the level 1 - 0.05/P (Bonferroni), because the largest of P differences is large by
choice. A resample in which the better regime earns nothing, or has no Sharpe ratio, has no degradation: it counts as
beyond either end of the interval. Not modelled: dependence between sessions.
Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.features import REGIMES
from intraday_rl.metrics.bootstrap import stationary_bootstrap
from intraday_rl.metrics.returns import SESSIONS_PER_YEAR, sharpe_ratio
from intraday_rl.metrics.series import FloatArray

MET, NOT_MET, NOT_DECIDABLE = "met", "not met", "not decidable"
TOLERANCE = 0.05  # degradation, fraction
MISSED = 0.05  # how often one of the intervals may miss
LEAST_SESSIONS = 20  # of a regime that is compared: resamples of fewer tell too little of a deviation
CANCELLATION = 1e-12  # share of a sum of squares below which what is left of it is rounding


@dataclass(frozen=True)
class RegimePerformance:
    """How the policy fared in one regime."""

    name: str
    num_sessions: int  # with a return
    mean_return: float | None  # per session, fraction
    sharpe: float | None  # annualised


@dataclass(frozen=True)
class Degradation:
    """How much less the policy earns for its risk in one regime than in another."""

    better: str
    worse: str
    fraction: float | None  # (better - worse)/better; None where the better one earns nothing
    low: float | None  # ends of the interval; None where it has no end
    high: float | None


@dataclass(frozen=True)
class RegimeComparison:
    """All regimes, all pairs of regimes with sessions enough (the largest degradation first), and the verdict."""

    regimes: tuple[RegimePerformance, ...]
    pairs: tuple[Degradation, ...]
    verdict: str  # "met", "not met" or "not decidable"
    reason: str


def compare_regimes(
    session_returns: npt.ArrayLike, codes: npt.ArrayLike, *, num_resamples: int, rng: np.random.Generator
) -> RegimeComparison:
    """Return the performance in each regime, and whether it degrades by less than 5 % between them.

    Not met: an interval lies beyond 5 % on one side. Met: all intervals lie within 5 %, and no regime has sessions but
    too few. Otherwise the sessions do not decide.

    Args:
        session_returns: (S,) fractions; NaN where a session has none.
        codes: (S,) regime of each session, -1 where unknown: such sessions are left out.
        num_resamples: Resamples of each regime, 10,000 for steady ends.
        rng: Source of randomness.

    Raises:
        ParameterError: the shapes differ, a code is unknown, or a return is infinite.
    """
    returns, regimes = np.asarray(session_returns, dtype=np.float64), np.asarray(codes)
    if returns.ndim != 1 or returns.shape != regimes.shape:
        raise ParameterError(
            f"compare_regimes.codes must have one regime per session {returns.shape}, had shape {regimes.shape}"
        )
    if not np.isin(regimes, np.arange(-1, len(REGIMES))).all():
        raise ParameterError(f"compare_regimes.codes must be -1 to {len(REGIMES) - 1}, was {np.unique(regimes)}")
    samples = [returns[(regimes == place) & ~np.isnan(returns)] for place in range(len(REGIMES))]
    performance = tuple(_performance(name, sample) for name, sample in zip(REGIMES, samples, strict=True))
    drawn = {
        regime: _resampled_sharpes(sample, num_resamples, rng)
        for regime, sample in zip(performance, samples, strict=True)
        if regime.num_sessions >= LEAST_SESSIONS and regime.sharpe is not None
    }
    pairs = _pairs(drawn)
    left_out = [regime.name for regime in performance if regime.num_sessions and regime not in drawn]
    return RegimeComparison(performance, pairs, *_judge(pairs, left_out))


def _performance(name: str, sample: FloatArray) -> RegimePerformance:
    sharpe = sharpe_ratio(sample)
    mean = float(sample.mean()) if sample.size else None
    return RegimePerformance(name, sample.size, mean, None if math.isnan(sharpe) else sharpe)


def _resampled_sharpes(sample: FloatArray, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return the Sharpe ratio of each resample, (num_resamples,); NaN where all its returns are equal."""
    size, centre = sample.size, float(sample.mean())
    deviations = sample - centre
    totals, squares = np.zeros(num_resamples), np.zeros(num_resamples)
    for index in stationary_bootstrap(size, num_resamples=num_resamples, length=size, mean_block_length=1.0, rng=rng):
        drawn = deviations[index]
        totals += drawn
        squares += drawn * drawn
    left = squares - totals * totals / size
    variances = np.where(left > CANCELLATION * squares, left / (size - 1), np.nan)
    sharpes: FloatArray = (centre + totals / size) / np.sqrt(variances) * math.sqrt(SESSIONS_PER_YEAR)
    return sharpes


def _pairs(drawn: dict[RegimePerformance, FloatArray]) -> tuple[Degradation, ...]:
    ranked = sorted(drawn, key=lambda regime: -(regime.sharpe or 0.0))
    couples = list(combinations(ranked, 2))
    pairs = [_pair(better, worse, drawn, 0.5 * MISSED / len(couples)) for better, worse in couples]
    return tuple(sorted(pairs, key=lambda pair: -math.inf if pair.fraction is None else -pair.fraction))


def _pair(
    better: RegimePerformance, worse: RegimePerformance, drawn: dict[RegimePerformance, FloatArray], tail: float
) -> Degradation:
    """Return the degradation with the interval that leaves `tail` of the resamples out at either end."""
    high_base, low_base = drawn[better], drawn[worse]
    ratios = 1.0 - np.divide(low_base, high_base, out=np.full(high_base.shape, np.nan), where=high_base > 0.0)
    low = float(np.quantile(np.where(np.isnan(ratios), -np.inf, ratios), tail, method="lower"))
    high = float(np.quantile(np.where(np.isnan(ratios), np.inf, ratios), 1.0 - tail, method="higher"))
    base, other = better.sharpe or 0.0, worse.sharpe or 0.0
    fraction = 1.0 - other / base if base > 0.0 else None
    return Degradation(better.name, worse.name, fraction, *(end if math.isfinite(end) else None for end in (low, high)))


def _judge(pairs: tuple[Degradation, ...], left_out: list[str]) -> tuple[str, str]:
    """Return the verdict and its reason."""
    if not pairs:
        return NOT_DECIDABLE, f"fewer than two regimes have {LEAST_SESSIONS} sessions and a Sharpe ratio"
    for pair in pairs:
        if (pair.low is not None and pair.low > TOLERANCE) or (pair.high is not None and pair.high < -TOLERANCE):
            return NOT_MET, f"{_words(pair)}, beyond {TOLERANCE:.0%}"
    for pair in pairs:
        if pair.low is None or pair.high is None or pair.low < -TOLERANCE or pair.high > TOLERANCE:
            return NOT_DECIDABLE, f"{_words(pair)}, not on one side of {TOLERANCE:.0%}"
    if left_out:
        return NOT_DECIDABLE, f"too few sessions to judge {', '.join(left_out)}"
    return MET, f"{_words(pairs[0])}, within {TOLERANCE:.0%}"


def _words(pair: Degradation) -> str:
    ends = ["no end" if end is None else f"{end:.1%}" for end in (pair.low, pair.high)]
    size = "undefined" if pair.fraction is None else f"{pair.fraction:.1%}"
    return f"the Sharpe ratio of {pair.worse} is below that of {pair.better} by {size}, interval {' to '.join(ends)}"
