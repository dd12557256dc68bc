import math

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import (
    break_even_hit_rate,
    expectancy,
    expectancy_r,
    hit_rate,
    median_hold_minutes,
    profit_factor,
    win_loss_ratio,
)


def test_profit_factor_by_hand():
    assert profit_factor([30.0, -10.0, 20.0, -30.0, 0.0]) == pytest.approx(1.25, abs=1e-15)


def test_profit_factor_at_the_edges():
    assert profit_factor([10.0, 0.0]) == math.inf
    assert profit_factor([-10.0, 0.0]) == 0.0
    assert math.isnan(profit_factor([]))
    assert math.isnan(profit_factor([0.0, 0.0]))


def test_hit_rate_counts_zero_as_no_win():
    assert hit_rate([5.0, 0.0, -5.0, 1.0]) == 0.5
    assert hit_rate([0.0]) == 0.0
    assert math.isnan(hit_rate([]))


def test_win_loss_ratio_by_hand():
    # mean win 20, mean loss 10; the zero belongs to neither
    assert win_loss_ratio([10.0, 30.0, -10.0, 0.0]) == 2.0
    assert win_loss_ratio([10.0]) == math.inf
    assert math.isnan(win_loss_ratio([-10.0]))
    assert math.isnan(win_loss_ratio([]))


def test_break_even_hit_rate_by_hand():
    assert break_even_hit_rate(2.0) == pytest.approx(1 / 3, abs=1e-15)
    assert break_even_hit_rate(1.0) == 0.5
    assert break_even_hit_rate(math.inf) == 0.0
    assert math.isnan(break_even_hit_rate(math.nan))


def test_expectancy_by_hand():
    assert expectancy([30.0, -10.0, -14.0]) == 2.0
    assert math.isnan(expectancy([]))


def test_expectancy_r_averages_the_multiples_of_each_trades_own_risk():
    # 20/10 = 2 R and -5/5 = -1 R; the third trade states no risk
    assert expectancy_r([20.0, -5.0, 100.0], [10.0, 5.0, math.nan]) == 0.5
    assert expectancy_r([20.0, 100.0], [10.0, 0.0]) == 2.0
    assert math.isnan(expectancy_r([20.0], [math.nan]))


def test_expectancy_r_refuses_other_lengths():
    with pytest.raises(ParameterError, match="one value per trade"):
        expectancy_r([1.0, 2.0], [1.0])


def test_median_hold_minutes_by_hand():
    assert median_hold_minutes([1.0, 4.0, 30.0]) == 4.0
    assert median_hold_minutes([1.0, 4.0]) == 2.5
    assert math.isnan(median_hold_minutes([]))


@pytest.mark.parametrize("measure", [profit_factor, hit_rate, win_loss_ratio, expectancy, median_hold_minutes])
def test_trade_metrics_refuse_a_missing_result(measure):
    with pytest.raises(ParameterError, match="must be finite, was nan at position 1"):
        measure([1.0, math.nan])
