"""Performance by regime: by hand, against scipy's bootstrap, and on simulations whose answer is known."""

import math

import numpy as np
import pytest
from scipy import stats

from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.regimes.degradation import MET, NOT_DECIDABLE, NOT_MET, compare_regimes
from intraday_rl.features import REGIMES

YEAR = math.sqrt(252)


def compare(returns, codes, num_resamples=1000, seed=0):
    return compare_regimes(returns, codes, num_resamples=num_resamples, rng=np.random.default_rng(seed))


def sessions(*regimes, seed=1):
    """Return returns and codes of regimes (mean, deviation, sessions), one after the other."""
    rng = np.random.default_rng(seed)
    returns = [rng.normal(mean, deviation, count) for mean, deviation, count in regimes]
    return np.concatenate(returns), np.repeat(np.arange(len(regimes)), [count for *_, count in regimes])


def alternating(mean, count):
    """Return returns mean +- 0.01 in turn: their deviation is 0.01 sqrt(n/(n - 1))."""
    return mean + 0.01 * (-1.0) ** np.arange(count)


def test_each_regime_has_its_numbers():
    """Returns 1, 2, 3 %: mean 2 %, deviation 1 %, Sharpe ratio 2 sqrt(252); one return has none."""
    result = compare([0.01, 0.02, 0.03, 0.05, 0.9, np.nan], [0, 0, 0, 2, -1, 0])
    assert [regime.name for regime in result.regimes] == list(REGIMES)
    first, second, third, _ = result.regimes
    assert (first.num_sessions, first.mean_return) == (3, pytest.approx(0.02))
    assert first.sharpe == pytest.approx(2 * YEAR)
    assert (second.num_sessions, second.mean_return, second.sharpe) == (0, None, None)
    assert (third.num_sessions, third.mean_return, third.sharpe) == (1, pytest.approx(0.05), None)
    assert result.verdict == NOT_DECIDABLE
    assert result.pairs == ()
    assert result.reason == "fewer than two regimes have 20 sessions and a Sharpe ratio"


def test_degradation_is_relative_to_the_better_regime():
    """Sharpe ratios in the proportion 4 : 3 : 1, the same deviation: 1 - 1/4, 1 - 1/3 and 1 - 3/4."""
    returns = np.concatenate([alternating(mean, 400) for mean in (0.003, 0.004, 0.001)])
    result = compare(returns, np.repeat([0, 1, 2], 400))
    low_trend, low_range, high_trend, _ = REGIMES
    assert [(pair.better, pair.worse) for pair in result.pairs] == [
        (low_range, high_trend), (low_trend, high_trend), (low_range, low_trend),
    ]  # fmt: skip
    assert [pair.fraction for pair in result.pairs] == pytest.approx([0.75, 2 / 3, 0.25])


def test_interval_equals_that_of_scipy():
    """Two regimes, one pair: 95 %. Both draw 10,000 resamples of their own, so ends differ by chance."""
    returns, codes = sessions((0.004, 0.01, 150), (0.002, 0.01, 120))
    (pair,) = compare(returns, codes, num_resamples=10_000).pairs

    def degradation(better, worse, axis):
        ratios = [sample.mean(axis=axis) / sample.std(axis=axis, ddof=1) for sample in (better, worse)]
        return 1 - ratios[1] / ratios[0]

    samples = (returns[codes == 0], returns[codes == 1])
    expected = stats.bootstrap(samples, degradation, n_resamples=10_000, method="percentile", rng=7, batch=1000)
    assert pair.fraction == pytest.approx(degradation(*samples, axis=-1))
    assert (pair.low, pair.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.03)


def test_more_pairs_have_wider_intervals():
    """The same two regimes beside two others: one of six pairs, 99.17 % instead of 95 %."""
    returns, codes = sessions((0.004, 0.01, 150), (0.002, 0.01, 120), (0.003, 0.01, 100), (0.003, 0.01, 100))
    alone = compare(returns[codes < 2], codes[codes < 2]).pairs[0]
    among = next(pair for pair in compare(returns, codes).pairs if {pair.better, pair.worse} == set(REGIMES[:2]))
    assert among.fraction == alone.fraction
    assert among.low < alone.low
    assert among.high > alone.high


def test_clear_degradation_is_not_met():
    result = compare(*sessions((0.004, 0.005, 400), (0.0005, 0.005, 400)))
    assert result.verdict == NOT_MET
    assert result.pairs[0].low > 0.05
    assert "regime_low_range is below that of regime_low_trend" in result.reason


def test_equal_regimes_of_many_sessions_are_met():
    """A mean of 10 deviations: Sharpe ratios differ by little from sample to sample."""
    result = compare(*sessions((0.01, 0.001, 20_000), (0.01, 0.001, 20_000)), num_resamples=200)
    assert result.verdict == MET
    assert -0.05 < result.pairs[0].low < result.pairs[0].high < 0.05


def test_few_sessions_do_not_decide():
    """Of 30 sessions each, the interval holds 5 % and much more."""
    result = compare(*sessions((0.002, 0.01, 30), (0.001, 0.01, 30)))
    assert result.verdict == NOT_DECIDABLE


def test_a_regime_with_too_few_sessions_withholds_met():
    returns, codes = sessions((0.01, 0.001, 20_000), (0.01, 0.001, 20_000), (0.01, 0.001, 19))
    result = compare(returns, codes, num_resamples=200)
    assert (result.verdict, result.reason) == (NOT_DECIDABLE, "too few sessions to judge regime_high_trend")


@pytest.mark.parametrize("means", [(-0.002, -0.004), (0.0, -0.001)])
def test_degradation_from_nothing_is_undefined(means):
    returns = np.concatenate([alternating(mean, 100) for mean in means])
    result = compare(returns, np.repeat([0, 1], 100))
    (pair,) = result.pairs
    assert (pair.fraction, pair.low, pair.high) == (None, None, None)
    assert result.verdict == NOT_DECIDABLE
    assert "undefined, interval no end to no end" in result.reason


def test_degradation_from_what_may_be_nothing_has_no_interval():
    """A Sharpe ratio of 0.05 a session, 100 sessions: half a standard error above 0."""
    result = compare(np.concatenate([alternating(mean, 100) for mean in (0.0005, -0.05)]), np.repeat([0, 1], 100))
    (pair,) = result.pairs
    assert pair.fraction == pytest.approx(101.0)
    assert (pair.low, pair.high) == (None, None)
    assert result.verdict == NOT_DECIDABLE


def test_resamples_without_a_sharpe_ratio_do_not_narrow_the_interval():
    """One of 20 sessions has a return other than 0: every third resample lacks it, and has no Sharpe ratio."""
    rare = np.zeros(20)
    rare[3] = 0.01
    result = compare(np.concatenate([alternating(0.01, 100), rare]), np.repeat([0, 1], [100, 20]))
    (pair,) = result.pairs
    assert (pair.low, pair.high) == (None, None)


def test_same_seed_gives_the_same_result():
    returns, codes = sessions((0.004, 0.01, 50), (0.002, 0.01, 50))
    assert compare(returns, codes, seed=3) == compare(returns, codes, seed=3)
    assert compare(returns, codes, seed=3) != compare(returns, codes, seed=4)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Sharpe ratios of 0.5 and 0.3 a session: 40 %. 200 worlds: 95 % +- 1.5 %, three standard errors are allowed."""
    hits = 0
    for world in range(200):
        returns, codes = sessions((0.005, 0.01, 100), (0.003, 0.01, 100), seed=world)
        (pair,) = compare(returns, codes, num_resamples=400, seed=1000 + world).pairs
        truth = 0.4 if pair.better == REGIMES[0] else 1 - 5 / 3
        hits += pair.low is None or pair.low <= truth <= pair.high
    assert 0.90 <= hits / 200 <= 0.99


def test_equal_regimes_seldom_fail():
    """Four equal regimes of 40 sessions: the largest of six differences is not evidence. At most 5 % fail."""
    verdicts = []
    for world in range(200):
        returns, codes = sessions(*[(0.005, 0.01, 40)] * 4, seed=world)
        verdicts.append(compare(returns, codes, num_resamples=400, seed=1000 + world).verdict)
    assert verdicts.count(NOT_MET) / 200 <= 0.05 + 3 * 0.0154
    assert verdicts.count(MET) == 0


@pytest.mark.parametrize(
    ("returns", "codes", "message"),
    [
        ([0.1, 0.2], [0], r"compare_regimes\.codes must have one regime per session \(2,\), had shape \(1,\)"),
        ([0.1, 0.2], [0, 4], r"compare_regimes\.codes must be -1 to 3, was \[0 4\]"),
        ([0.1, np.inf], [0, 0], "must be finite or NaN"),
    ],
)
def test_impossible_arguments_are_refused(returns, codes, message):
    with pytest.raises(ParameterError, match=message):
        compare(returns, codes)
