"""How much a Sharpe ratio or a profit factor proves: standard errors, probabilities, deflation by trials, overfitting.

Conventions: a Sharpe ratio here is per period (per session or per round trip), never annualised. Kurtosis is raw: 3 for
a normal distribution. Moments are those of the sample (divided by n).
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics.bootstrap import stationary_bootstrap
from intraday_rl.metrics.series import ROUNDING, FloatArray, finite_series

CANCELLATION = 1e-12  # share of a sum of squares below which what is left of it is rounding
COMBINATIONS_AT_ONCE = 2048  # bounds the memory of the overfitting test


def skewness_and_kurtosis(returns: npt.ArrayLike) -> tuple[float, float]:
    """Return the skewness and the raw kurtosis of the sample; NaN when all returns are equal or there are none.

    Args:
        returns: (n,) fractions.

    Raises:
        ParameterError: a return is not finite.
    """
    values = finite_series("skewness_and_kurtosis", "returns", returns)
    if values.size == 0:
        return math.nan, math.nan
    deviations = values - values.mean()
    spread = float(np.sqrt(np.mean(deviations**2)))
    if spread <= ROUNDING * float(np.abs(values).max()):
        return math.nan, math.nan
    standardised = deviations / spread
    return float(np.mean(standardised**3)), float(np.mean(standardised**4))


def sharpe_standard_error(sharpe: float, num_returns: int, skewness: float, kurtosis: float) -> float:
    """Return the standard error of a per-period Sharpe ratio, sqrt((1 - g3 SR + (g4 - 1)/4 SR^2) / (n - 1)).

    Args:
        sharpe: Per period.
        num_returns: Returns behind it.
        skewness: Of the returns.
        kurtosis: Of the returns, raw (3 for a normal distribution).

    Returns:
        Per period; NaN for fewer than two returns or when a moment is NaN.

    Raises:
        ParameterError: the kurtosis is below 1 + skewness^2, which no distribution has (an excess kurtosis, perhaps).

    Source: Mertens (2002); Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier", section 3.
    """
    if num_returns < 2:
        return math.nan
    if kurtosis < (1.0 + skewness**2) * (1.0 - 1e-9):
        raise ParameterError(
            "sharpe_standard_error.kurtosis must be >= 1 + skewness^2 (raw: 3 for a normal distribution), "
            f"was {kurtosis} with skewness {skewness}"
        )
    variance = 1.0 - skewness * sharpe + 0.25 * (kurtosis - 1.0) * sharpe**2
    return math.sqrt(max(0.0, variance) / (num_returns - 1)) if not math.isnan(variance) else math.nan


def probabilistic_sharpe_ratio(
    sharpe: float, num_returns: int, skewness: float, kurtosis: float, benchmark_sharpe: float
) -> float:
    """Return the probability that the true Sharpe ratio exceeds the benchmark's, given the observed one.

    Args:
        sharpe: Observed, per period.
        num_returns: Returns behind it.
        skewness: Of the returns.
        kurtosis: Of the returns, raw (3 for a normal distribution).
        benchmark_sharpe: Per period.

    Returns:
        Probability; NaN for fewer than two returns, when an argument is NaN, or when the standard error is 0.

    Raises:
        ParameterError: the kurtosis is below 1 + skewness^2.

    Source: Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), eq. 11.
    """
    error = sharpe_standard_error(sharpe, num_returns, skewness, kurtosis)
    return float(ndtr((sharpe - benchmark_sharpe) / error)) if error else math.nan


def expected_maximum_sharpe(num_trials: int, trials_sharpe_variance: float) -> float:
    """Return the Sharpe ratio that the best of `num_trials` worthless trials is expected to show.

    sqrt(V) ((1 - g) q(1 - 1/N) + g q(1 - 1/(N e))), q the normal quantile and g the Euler-Mascheroni constant; 0 for
    one trial.

    Args:
        num_trials: Every trial ever judged on the same window.
        trials_sharpe_variance: Variance of their per-period Sharpe ratios.

    Raises:
        ParameterError: there is no trial, or the variance is negative.

    Source: Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5).
    """
    checks.at_least("expected_maximum_sharpe", "num_trials", num_trials, 1)
    checks.non_negative("expected_maximum_sharpe", "trials_sharpe_variance", trials_sharpe_variance)
    if num_trials == 1:
        return 0.0
    # -q(p) = q(1 - p), without the cancellation of 1 - p for many trials.
    typical, extreme = -ndtri(1.0 / num_trials), -ndtri(1.0 / (num_trials * math.e))
    return math.sqrt(trials_sharpe_variance) * float((1.0 - np.euler_gamma) * typical + np.euler_gamma * extreme)


def deflated_sharpe_ratio(
    sharpe: float,
    num_returns: int,
    skewness: float,
    kurtosis: float,
    num_trials: int,
    trials_sharpe_variance: float,
) -> float:
    """Return the probability that the true Sharpe ratio is above 0 after the choice among `num_trials`.

    It is the probabilistic Sharpe ratio against the expected maximum of that many worthless trials.

    Args:
        sharpe: Of the chosen trial, per period.
        num_returns: Returns behind it.
        skewness: Of the returns.
        kurtosis: Of the returns, raw (3 for a normal distribution).
        num_trials: Every trial ever judged on the same window.
        trials_sharpe_variance: Variance of their per-period Sharpe ratios.

    Returns:
        Probability; NaN where the probabilistic Sharpe ratio is.

    Raises:
        ParameterError: there is no trial, the variance is negative, or the kurtosis is below 1 + skewness^2.

    Source: Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5).
    """
    benchmark = expected_maximum_sharpe(num_trials, trials_sharpe_variance)
    return probabilistic_sharpe_ratio(sharpe, num_returns, skewness, kurtosis, benchmark)


def minimum_track_record_length(
    sharpe: float, skewness: float, kurtosis: float, benchmark_sharpe: float, confidence: float
) -> float:
    """Return how many returns it takes to show with this confidence that the Sharpe ratio exceeds the benchmark's.

    Args:
        sharpe: Observed, per period.
        skewness: Of the returns.
        kurtosis: Of the returns, raw (3 for a normal distribution).
        benchmark_sharpe: Per period.
        confidence: Probability, 0.95 for instance.

    Returns:
        Number of returns; +inf when the observed ratio does not exceed the benchmark's.

    Raises:
        ParameterError: the kurtosis is below 1 + skewness^2, or the confidence is not in [0.5, 1).

    Source: Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), eq. 13.
    """
    checks.within("minimum_track_record_length", "confidence", confidence, 0.5, math.nextafter(1.0, 0.0))
    variance = sharpe_standard_error(sharpe, 2, skewness, kurtosis) ** 2
    if sharpe <= benchmark_sharpe:
        return math.inf
    return 1.0 + variance * (float(ndtri(confidence)) / (sharpe - benchmark_sharpe)) ** 2


def minimum_backtest_length(num_trials: int, annual_sharpe: float) -> float:
    """Return the years below which the best of `num_trials` worthless trials is expected to show this Sharpe ratio.

    Args:
        num_trials: Independent trials.
        annual_sharpe: Annualised Sharpe ratio, > 0.

    Raises:
        ParameterError: there is no trial, or the ratio is not positive.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2014), "Pseudo-Mathematics and Financial Charlatanism", theorem 2.
    """
    checks.positive("minimum_backtest_length", "annual_sharpe", annual_sharpe)
    return (expected_maximum_sharpe(num_trials, 1.0) / annual_sharpe) ** 2


def profit_factor_lower_bound(
    trade_pnl: npt.ArrayLike,
    *,
    level: float,
    num_resamples: int,
    mean_block_trades: float,
    rng: np.random.Generator,
) -> float:
    """Return the `level` quantile of the profit factor over resampled sequences of the trades.

    Args:
        trade_pnl: (n,) USD, in time order.
        level: Of the quantile, 0.05 for a one-sided 95 % bound.
        num_resamples: Sequences to draw.
        mean_block_trades: Mean length of the geometric blocks of trades.
        rng: Source of randomness.

    Returns:
        Ratio >= 0; +inf when even this quantile has no losses; NaN without trades.

    Raises:
        ParameterError: a P&L is not finite, a number is below 1, or the level is not in [0, 1].

    Source: Politis and Romano (1994), "The Stationary Bootstrap"; percentile bound of Efron and Tibshirani (1993).
    """
    pnl = finite_series("profit_factor_lower_bound", "trade_pnl", trade_pnl)
    checks.within("profit_factor_lower_bound", "level", level, 0.0, 1.0)
    if pnl.size == 0:
        return math.nan
    wins, losses = np.zeros(num_resamples), np.zeros(num_resamples)
    gains, costs = np.maximum(pnl, 0.0), np.maximum(-pnl, 0.0)
    for index in stationary_bootstrap(
        pnl.size, num_resamples=num_resamples, length=pnl.size, mean_block_length=mean_block_trades, rng=rng
    ):
        wins += gains[index]
        losses += costs[index]
    # A sequence that neither won nor lost is no evidence of profit: 0. Infinities forbid interpolated quantiles.
    factors = np.where(wins > 0, np.inf, 0.0)
    np.divide(wins, losses, out=factors, where=losses > 0)
    rank = math.floor(level * (num_resamples - 1))
    return float(np.partition(factors, rank)[rank])


def probability_of_backtest_overfitting(returns_matrix: npt.ArrayLike, num_splits: int) -> float:
    """Return how often the trial that is best in one half of the sample is no better than the median in the other.

    Combinatorially symmetric cross-validation: the rows are cut into `num_splits` consecutive blocks; every choice of
    half of them is once in sample. Trials are compared by their Sharpe ratio; equal trials share their mean rank.

    Args:
        returns_matrix: (T, N) returns of N trials in the same T periods, fractions.
        num_splits: Even number S of blocks, at most T / 2; C(S, S/2) choices are judged.

    Returns:
        Probability in [0, 1]; about 0.5 when no trial has an edge.

    Raises:
        ParameterError: the matrix is not finite or has fewer than two columns, or S is odd, below 2 or above T / 2.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The Probability of Backtest Overfitting", Journal of
    Computational Finance 20(4).
    """
    returns = _trial_matrix(returns_matrix, num_splits)
    centre = returns.mean(axis=0)
    deviations = returns - centre
    edges = np.linspace(0, len(returns), num_splits + 1).astype(np.int64)
    totals = np.add.reduceat(deviations, edges[:-1], axis=0)
    squares = np.add.reduceat(deviations**2, edges[:-1], axis=0)
    chosen = np.array(list(combinations(range(num_splits), num_splits // 2)))
    inside = np.zeros((len(chosen), num_splits))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    overfitted = 0
    for start in range(0, len(inside), COMBINATIONS_AT_ONCE):
        part = inside[start : start + COMBINATIONS_AT_ONCE]
        scores = [_sharpe_of_blocks(mask, np.diff(edges), totals, squares, centre) for mask in (part, 1.0 - part)]
        overfitted += _count_overfitted(*scores)
    return overfitted / len(inside)


def _trial_matrix(returns_matrix: npt.ArrayLike, num_splits: int) -> FloatArray:
    owner = "probability_of_backtest_overfitting"
    returns = np.ascontiguousarray(returns_matrix, dtype=np.float64)
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ParameterError(f"{owner}.returns_matrix must be (periods, trials >= 2), had shape {returns.shape}")
    if not np.isfinite(returns).all():
        raise ParameterError(f"{owner}.returns_matrix must be finite, had {np.sum(~np.isfinite(returns))} other values")
    checks.within(owner, "num_splits", num_splits, 2, len(returns) // 2, "blocks of at least two periods")
    if num_splits % 2:
        raise ParameterError(f"{owner}.num_splits must be even, was {num_splits}")
    return returns


def _sharpe_of_blocks(
    mask: FloatArray, sizes: npt.NDArray[np.int64], totals: FloatArray, squares: FloatArray, centre: FloatArray
) -> FloatArray:
    """Return the Sharpe ratios (choices, N) over the blocks of each choice; 0 for a trial that earned nothing."""
    count = (mask @ sizes)[:, None]
    shift = mask @ totals / count
    variance = (mask @ squares - count * shift**2) / (count - 1)
    mean = centre + shift
    # Below the floor a variance is the rounding of equal returns: of their mean, or of the difference of two squares.
    floor = (ROUNDING * np.abs(centre)) ** 2 + CANCELLATION * (mask @ squares) / (count - 1)
    flat = np.where(mean == 0.0, 0.0, np.copysign(np.inf, mean))
    return np.divide(mean, np.sqrt(np.maximum(variance, 0.0)), out=flat, where=variance > floor)


def _count_overfitted(inside: FloatArray, outside: FloatArray) -> int:
    """Count the choices whose best trial inside ranks at or below the median outside (logit of its rank <= 0)."""
    best = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    # Two equal trials may differ in the last digit: a matrix product adds its columns in different orders.
    tied = np.isclose(outside, best, rtol=1e-12, atol=0.0)
    rank = ((outside < best) & ~tied).sum(axis=1) + (tied.sum(axis=1) + 1) / 2
    return int((rank <= (outside.shape[1] + 1) / 2).sum())
