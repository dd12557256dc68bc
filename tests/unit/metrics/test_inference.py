import itertools
import math

import numpy as np
import pytest
from scipy import stats

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    profit_factor,
    profit_factor_lower_bound,
    sharpe_standard_error,
    skewness_and_kurtosis,
)

# The example of "The Deflated Sharpe Ratio": annual 2.5 over 250 days, five years, 100 trials with variance 0.5 a year.
EXAMPLE = {"sharpe": 2.5 / math.sqrt(250), "num_returns": 1250, "skewness": -3.0, "kurtosis": 10.0}
EXAMPLE_TRIALS = {"num_trials": 100, "trials_sharpe_variance": 0.5 / 250}


def test_deflated_sharpe_ratio_of_the_papers_example():
    assert deflated_sharpe_ratio(**EXAMPLE, **EXAMPLE_TRIALS) == pytest.approx(0.900397, abs=1e-6)
    assert deflated_sharpe_ratio(**EXAMPLE, **EXAMPLE_TRIALS) == pytest.approx(0.90039683444939034, abs=1e-12)


def test_deflated_sharpe_ratio_refuses_excess_kurtosis_that_would_flatter_it():
    excess = EXAMPLE["kurtosis"] - 3.0
    error = math.sqrt((1 + 3 * EXAMPLE["sharpe"] + (excess - 1) / 4 * EXAMPLE["sharpe"] ** 2) / 1249)
    flattered = stats.norm.cdf((EXAMPLE["sharpe"] - expected_maximum_sharpe(**EXAMPLE_TRIALS)) / error)
    assert flattered == pytest.approx(0.9018, abs=1e-4)  # far outside the 1e-6 of the paper's example
    with pytest.raises(ParameterError, match=r"was 7\.0 with skewness -3\.0"):
        deflated_sharpe_ratio(**(EXAMPLE | {"kurtosis": excess}), **EXAMPLE_TRIALS)


def test_expected_maximum_sharpe_published_values():
    assert expected_maximum_sharpe(**EXAMPLE_TRIALS) == pytest.approx(0.11317, abs=5e-6)
    assert expected_maximum_sharpe(100, 1.0) == pytest.approx(2.530603, abs=1e-6)
    assert expected_maximum_sharpe(30, 1.0) == pytest.approx(2.073392, abs=1e-6)


def test_expected_maximum_sharpe_of_one_trial_is_zero():
    assert expected_maximum_sharpe(1, 0.3) == 0.0
    expected = probabilistic_sharpe_ratio(**EXAMPLE, benchmark_sharpe=0.0)
    assert deflated_sharpe_ratio(**EXAMPLE, num_trials=1, trials_sharpe_variance=0.3) == expected


def test_expected_maximum_sharpe_grows_with_trials_without_losing_digits():
    values = [expected_maximum_sharpe(10**power, 1.0) for power in range(18)]
    assert all(np.diff(values) > 0)


def test_expected_maximum_sharpe_refuses_no_trials_and_negative_variance():
    with pytest.raises(ParameterError, match="num_trials must be >= 1, was 0"):
        expected_maximum_sharpe(0, 1.0)
    with pytest.raises(ParameterError, match="trials_sharpe_variance must be >= 0"):
        expected_maximum_sharpe(2, -1.0)


def test_probabilistic_sharpe_ratio_of_the_papers_example():
    monthly = 1.585 / math.sqrt(12)
    assert probabilistic_sharpe_ratio(monthly, 24, -2.448, 10.164, 0.0) == pytest.approx(0.913234, abs=1e-6)
    assert probabilistic_sharpe_ratio(monthly, 24, -2.448, 10.164, 0.0) == pytest.approx(0.91323430688486018, abs=1e-12)
    assert probabilistic_sharpe_ratio(monthly, 24, 0.0, 3.0, 0.0) == pytest.approx(0.982, abs=5e-4)


def test_probabilistic_sharpe_ratio_against_itself_is_one_half():
    assert probabilistic_sharpe_ratio(0.1, 50, 0.3, 4.0, 0.1) == 0.5


def test_probabilistic_sharpe_ratio_is_nan_where_undefined():
    assert math.isnan(probabilistic_sharpe_ratio(0.1, 1, 0.0, 3.0, 0.0))
    assert math.isnan(probabilistic_sharpe_ratio(math.nan, 50, 0.0, 3.0, 0.0))
    assert math.isnan(probabilistic_sharpe_ratio(0.1, 50, math.nan, math.nan, 0.0))
    # two values, +-1 around 1: 1 - 0 + (1 - 1)/4 = 1, but skewness 2 with kurtosis 5 at SR 1 has no error at all
    assert math.isnan(probabilistic_sharpe_ratio(1.0, 50, 2.0, 5.0, 0.0))


def test_sharpe_standard_error_of_normal_returns_by_hand():
    # sqrt((1 + 0.5 x 0.2^2) / 101)
    assert sharpe_standard_error(0.2, 102, 0.0, 3.0) == pytest.approx(math.sqrt(1.02 / 101), rel=1e-12)


def test_sharpe_standard_error_matches_simulated_ratios():
    draws = np.random.default_rng(0).exponential(size=(20_000, 100)) - 0.7
    ratios = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    # exponential: skewness 2, raw kurtosis 9, true ratio 0.3
    assert ratios.std() == pytest.approx(sharpe_standard_error(0.3, 100, 2.0, 9.0), rel=0.03)


def test_sharpe_standard_error_refuses_excess_kurtosis():
    with pytest.raises(ParameterError, match=r"kurtosis must be >= 1 \+ skewness\^2 \(raw: 3 for a normal"):
        sharpe_standard_error(0.2, 102, 0.0, 0.0)


def test_minimum_track_record_length_published_values():
    daily = minimum_track_record_length(2 / math.sqrt(250), 0.0, 3.0, 1 / math.sqrt(250), 0.95) / 250
    assert daily == pytest.approx(2.731188, abs=1e-6)
    weekly = minimum_track_record_length(2 / math.sqrt(52), 0.0, 3.0, 1 / math.sqrt(52), 0.95) / 52
    assert weekly == pytest.approx(2.828834, abs=1e-6)
    # annual 3 against 2.5 with the skewness and kurtosis of hedge-fund months
    monthly = minimum_track_record_length(3 / math.sqrt(12), -0.72, 5.78, 2.5 / math.sqrt(12), 0.95) / 12
    assert monthly == pytest.approx(27.352920, abs=1e-6)


def test_minimum_track_record_length_is_where_the_probability_reaches_the_confidence():
    length = minimum_track_record_length(0.2, -0.5, 5.0, 0.05, 0.9)
    below = probabilistic_sharpe_ratio(0.2, math.floor(length), -0.5, 5.0, 0.05)
    above = probabilistic_sharpe_ratio(0.2, math.ceil(length), -0.5, 5.0, 0.05)
    assert below < 0.9 < above


def test_minimum_track_record_length_never_ends_without_an_edge():
    assert minimum_track_record_length(0.1, 0.0, 3.0, 0.1, 0.95) == math.inf


def test_minimum_track_record_length_refuses_certainty():
    with pytest.raises(ParameterError, match="confidence must be in"):
        minimum_track_record_length(0.2, 0.0, 3.0, 0.0, 1.0)


def test_minimum_backtest_length_published_value():
    assert minimum_backtest_length(45, 1.0) == pytest.approx(4.998087, abs=1e-6)


def test_skewness_and_kurtosis_agree_with_scipy():
    values = np.random.default_rng(2).gamma(2.0, size=500)
    skewness, kurtosis = skewness_and_kurtosis(values)
    assert skewness == pytest.approx(stats.skew(values), rel=1e-12)
    assert kurtosis == pytest.approx(stats.kurtosis(values, fisher=False), rel=1e-12)


def test_skewness_and_kurtosis_of_equal_or_no_values_are_nan():
    assert all(math.isnan(moment) for moment in skewness_and_kurtosis(np.full(3, 0.1)))
    assert all(math.isnan(moment) for moment in skewness_and_kurtosis([]))


def _bound(pnl, level=0.05, num_resamples=4000, mean_block_trades=1.0, seed=0):
    return profit_factor_lower_bound(
        pnl,
        level=level,
        num_resamples=num_resamples,
        mean_block_trades=mean_block_trades,
        rng=np.random.default_rng(seed),
    )


def test_profit_factor_lower_bound_agrees_with_a_multinomial_bootstrap():
    rng = np.random.default_rng(4)
    pnl = rng.normal(2.0, 20.0, 200)
    counts = rng.multinomial(200, np.full(200, 1 / 200), size=4000)
    expected = np.quantile((counts @ np.maximum(pnl, 0)) / (counts @ np.maximum(-pnl, 0)), 0.05)
    assert _bound(pnl) == pytest.approx(expected, rel=0.02)


def test_profit_factor_lower_bound_is_below_the_profit_factor_and_grows_with_its_level():
    pnl = np.random.default_rng(5).normal(2.0, 20.0, 150)
    bounds = [_bound(pnl, level) for level in (0.01, 0.05, 0.5, 0.95)]
    assert bounds == sorted(bounds)
    assert bounds[1] < profit_factor(pnl) < bounds[3]


def test_profit_factor_lower_bound_respects_runs_of_losses():
    pnl = np.tile(np.repeat([12.0, -10.0], 10), 10)  # ten wins, then ten losses, over and over
    assert _bound(pnl, mean_block_trades=10.0) < _bound(pnl, mean_block_trades=1.0) - 0.05


def test_profit_factor_lower_bound_at_the_edges():
    assert _bound([1.0, 2.0]) == math.inf
    assert _bound([-1.0, -2.0]) == 0.0
    assert _bound([0.0, 0.0]) == 0.0
    assert math.isnan(_bound([]))


def _overfitting_by_definition(returns, num_splits):
    """Choose, rank and count one by one, with ranks and Sharpe ratios written out from their definitions."""
    blocks = np.array_split(returns, num_splits)
    below = []
    for chosen in itertools.combinations(range(num_splits), num_splits // 2):
        inside = np.concatenate([blocks[block] for block in chosen])
        outside = np.concatenate([block for index, block in enumerate(blocks) if index not in chosen])
        best = np.argmax(inside.mean(axis=0) / inside.std(axis=0, ddof=1))
        relative_rank = stats.rankdata(outside.mean(axis=0) / outside.std(axis=0, ddof=1))[best]
        relative_rank /= returns.shape[1] + 1
        below.append(math.log(relative_rank / (1 - relative_rank)) <= 0)
    return np.mean(below)


@pytest.mark.parametrize(("periods", "trials", "splits"), [(24, 3, 4), (60, 7, 6), (80, 10, 8)])
def test_overfitting_agrees_with_its_definition(periods, trials, splits):
    for seed in range(5):
        returns = np.random.default_rng(seed).normal(0.02, 1.0, (periods, trials))
        assert probability_of_backtest_overfitting(returns, splits) == _overfitting_by_definition(returns, splits)


def test_overfitting_of_worthless_trials_is_one_half():
    # Published for 200 trials, 1000 periods, 16 blocks: 0.476 with a standard deviation of 0.137.
    rng = np.random.default_rng(0)
    values = [probability_of_backtest_overfitting(rng.normal(size=(1000, 200)), 16) for _ in range(6)]
    assert np.mean(values) == pytest.approx(0.476, abs=3 * 0.137 / math.sqrt(6))


def test_overfitting_of_few_worthless_trials_is_one_half():
    # 20 trials, 10 blocks: 0.484, standard deviation 0.165 over 60 repetitions
    rng = np.random.default_rng(1)
    values = [probability_of_backtest_overfitting(rng.normal(size=(1000, 20)), 10) for _ in range(60)]
    assert np.mean(values) == pytest.approx(0.484, abs=3 * 0.165 / math.sqrt(60))
    assert np.std(values) == pytest.approx(0.165, abs=0.05)


def test_overfitting_finds_twenty_trials_with_an_edge():
    # Published: 0.001 with an edge of 0.15 in 20 of 200 trials.
    returns = np.random.default_rng(2).normal(size=(1000, 200))
    returns[:, :20] += 0.15
    assert probability_of_backtest_overfitting(returns, 16) < 0.01


def test_overfitting_finds_one_trial_with_an_edge():
    # 0.0375 as the mean of 60 repetitions with an edge of 0.15 in one of 20 trials; single values scatter by 0.074
    rng = np.random.default_rng(3)
    values = []
    for _ in range(400):
        returns = rng.normal(size=(1000, 20))
        returns[:, 7] += 0.15
        values.append(probability_of_backtest_overfitting(returns, 10))
    standard_error = 0.074 * math.hypot(1 / math.sqrt(60), 1 / math.sqrt(400))
    assert np.mean(values) == pytest.approx(0.0375, abs=3 * standard_error)


def test_overfitting_of_demeaned_trials_is_certain():
    # What is won in one half is lost in the other.
    returns = np.random.default_rng(4).normal(size=(1000, 20))
    assert probability_of_backtest_overfitting(returns - returns.mean(axis=0), 10) == 1.0


def test_overfitting_of_equal_trials_is_certain():
    one = np.random.default_rng(5).normal(size=(90, 1))
    assert probability_of_backtest_overfitting(np.repeat(one, 3, axis=1), 6) == 1.0


def test_overfitting_gives_a_trial_that_never_trades_the_ratio_zero():
    # The other two lose in every block, so doing nothing is best inside and outside.
    losing = -0.1 + 0.01 * np.random.default_rng(6).normal(size=(60, 2))
    returns = np.column_stack([losing[:, 0], np.zeros(60), losing[:, 1]])
    assert probability_of_backtest_overfitting(returns, 6) == 0.0


def test_overfitting_sees_equal_returns_in_a_half_through_their_rounding():
    # Trials 1 and 2 always earn 0.013, trial 0 does but for the first period. In a half without that period all three
    # have an infinite ratio and share rank 2 of 3. Chosen with the first block inside, trial 1 shares that rank
    # outside; chosen without it, trial 0 is the first of three equals inside and the last outside: never above median.
    returns = np.full((24, 3), 0.013)
    returns[0, 0] = 0.0
    assert probability_of_backtest_overfitting(returns, 4) == 1.0


@pytest.mark.parametrize(
    ("returns", "num_splits", "message"),
    [
        (np.zeros((20, 1)), 4, r"must be \(periods, trials >= 2\), had shape \(20, 1\)"),
        (np.zeros(20), 4, r"must be \(periods, trials >= 2\), had shape \(20,\)"),
        (np.full((20, 2), np.nan), 4, "must be finite, had 40 other values"),
        (np.zeros((20, 2)), 5, "num_splits must be even, was 5"),
        (np.zeros((20, 2)), 12, r"num_splits must be in \[2, 10\]"),
    ],
)
def test_overfitting_refuses_what_it_cannot_judge(returns, num_splits, message):
    with pytest.raises(ParameterError, match=message):
        probability_of_backtest_overfitting(returns, num_splits)
