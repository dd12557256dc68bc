"""Laws that metrics obey for every run, not only for the examples."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from intraday_rl.metrics import (
    annualised_return,
    break_even_hit_rate,
    calmar_ratio,
    deflated_sharpe_ratio,
    hit_rate,
    information_ratio,
    max_drawdown,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
    profit_factor,
    session_drawdown,
    sharpe_ratio,
    skewness_and_kurtosis,
    sortino_ratio,
    tail_drawdown,
    win_loss_ratio,
)

RETURNS = npst.arrays(np.float64, st.integers(2, 40), elements=st.integers(-500, 1000).map(lambda units: units / 1000))
PNL = npst.arrays(np.float64, st.integers(1, 60), elements=st.integers(-10_000, 10_000).map(lambda cents: cents / 100))
SCALES = st.floats(1e-3, 1e3)


def _nav(returns):
    return np.append(50_000.0, 50_000.0 * np.cumprod(1.0 + returns))


def _equal(one, other):
    return (math.isnan(one) and math.isnan(other)) or one == pytest.approx(other, rel=1e-9)


@given(RETURNS)
def test_positive_total_return_implies_positive_sharpe_ratio(returns):
    assume(np.prod(1.0 + returns) - 1.0 > 1e-9)
    assume(np.ptp(returns) > 0)
    assert sharpe_ratio(returns) > 0


@given(PNL, SCALES)
def test_profit_factor_and_hit_rate_do_not_depend_on_size(pnl, scale):
    assert _equal(profit_factor(pnl * scale), profit_factor(pnl))
    assert hit_rate(pnl * scale) == hit_rate(pnl)


@given(PNL, st.randoms(use_true_random=False))
def test_profit_factor_and_hit_rate_do_not_depend_on_order(pnl, random):
    shuffled = pnl.copy()
    random.shuffle(shuffled)
    assert _equal(profit_factor(shuffled), profit_factor(pnl))
    assert hit_rate(shuffled) == hit_rate(pnl)


def test_max_drawdown_depends_on_order():
    assert max_drawdown([100.0, 110.0, 99.0]) > max_drawdown([100.0, 90.0, 99.0]) - 1e-12
    assert max_drawdown(_nav(np.array([-0.1, -0.1, 0.1]))) > max_drawdown(_nav(np.array([-0.1, 0.1, -0.1])))


@given(PNL)
def test_profit_factor_is_hits_over_misses_times_the_win_loss_ratio(pnl):
    assume((pnl > 0).any() and (pnl < 0).any() and (pnl != 0).all())
    hits = hit_rate(pnl)
    assert profit_factor(pnl) == pytest.approx(hits / (1 - hits) * win_loss_ratio(pnl), rel=1e-9)


@given(PNL)
def test_break_even_hit_rate_separates_gain_from_loss(pnl):
    assume((pnl > 0).any() and (pnl < 0).any() and (pnl != 0).all())
    assume(abs(pnl.sum()) > 1e-6)
    assert (hit_rate(pnl) > break_even_hit_rate(win_loss_ratio(pnl))) == (pnl.sum() > 0)


@given(RETURNS, st.integers(-100, 100).map(lambda units: units / 10_000))
def test_sharpe_ratio_of_shifted_returns_against_the_shift_is_unchanged(returns, shift):
    assert _equal(sharpe_ratio(returns + shift, shift), sharpe_ratio(returns))
    assert _equal(information_ratio(returns + shift, np.full(returns.size, shift)), sharpe_ratio(returns))


@given(RETURNS, SCALES)
def test_ratios_do_not_depend_on_leverage(returns, scale):
    assert _equal(sharpe_ratio(returns * scale), sharpe_ratio(returns))
    assert _equal(sortino_ratio(returns * scale), sortino_ratio(returns))


@given(RETURNS)
def test_drawdown_is_a_fraction_of_a_positive_account(returns):
    nav = _nav(returns)
    assert 0.0 <= max_drawdown(nav) <= 1.0
    assert session_drawdown(nav) >= max_drawdown(nav) - 1e-12  # its denominator is the smaller one


@given(RETURNS)
def test_calmar_ratio_times_drawdown_is_the_annualised_return(returns):
    nav = _nav(returns)
    growth = annualised_return(nav, returns.size)
    assume(max_drawdown(nav) > 0 and math.isfinite(growth))
    assert calmar_ratio(returns, nav) * max_drawdown(nav) == pytest.approx(growth, rel=1e-9, abs=1e-12)


@given(npst.arrays(np.float64, st.integers(1, 60), elements=st.floats(0.0, 1.0)))
def test_tail_drawdown_lies_between_mean_and_maximum(drawdowns):
    assert drawdowns.mean() - 1e-12 <= tail_drawdown(drawdowns) <= drawdowns.max() + 1e-12


@given(RETURNS)
def test_kurtosis_is_never_below_one_plus_squared_skewness(returns):
    skewness, kurtosis = skewness_and_kurtosis(returns)
    assume(not math.isnan(skewness))
    assert kurtosis >= (1 + skewness**2) * (1 - 1e-9)


@given(RETURNS, st.integers(1, 1000), st.floats(0.0, 1.0))
def test_deflation_never_raises_the_probability(returns, num_trials, variance):
    sharpe = sharpe_ratio(returns) / math.sqrt(252)
    assume(math.isfinite(sharpe))
    moments = skewness_and_kurtosis(returns)
    plain = probabilistic_sharpe_ratio(sharpe, returns.size, *moments, 0.0)
    deflated = deflated_sharpe_ratio(sharpe, returns.size, *moments, num_trials, variance)
    assert math.isnan(plain) or deflated <= plain + 1e-12


@settings(max_examples=25)
@given(npst.arrays(np.float64, (24, 4), elements=st.floats(-1.0, 1.0)))
def test_overfitting_is_a_probability(returns):
    value = probability_of_backtest_overfitting(returns, 4)
    assert 0.0 <= value <= 1.0
    assert probability_of_backtest_overfitting(np.asfortranarray(returns), 4) == value


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.permutations(range(5)))
def test_overfitting_does_not_depend_on_the_order_of_trials(seed, order):
    returns = np.random.default_rng(seed).normal(size=(24, 5))
    expected = probability_of_backtest_overfitting(returns, 6)
    assert probability_of_backtest_overfitting(returns[:, order], 6) == pytest.approx(expected, abs=1e-12)
