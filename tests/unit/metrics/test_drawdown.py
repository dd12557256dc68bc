import math

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import (
    bootstrap_session_drawdowns,
    bootstrap_tail_drawdown,
    max_drawdown,
    session_drawdown,
    tail_drawdown,
)


def _generator():
    return np.random.default_rng(7)


def _draw(bar_returns, num_sessions=2000, num_bars=390, mean_block_bars=30.0):
    return bootstrap_session_drawdowns(
        bar_returns, num_bars=num_bars, num_sessions=num_sessions, mean_block_bars=mean_block_bars, rng=_generator()
    )


def test_max_drawdown_of_plus_ten_minus_ten_plus_ten_is_ten_per_cent():
    assert max_drawdown([100.0, 110.0, 99.0, 108.9]) == pytest.approx(0.10, abs=1e-12)


def test_max_drawdown_counts_a_loss_in_the_first_bar():
    assert max_drawdown([100.0, 90.0, 95.0]) == pytest.approx(0.10, abs=1e-12)


def test_max_drawdown_of_a_rising_account_is_zero_and_of_nothing_nan():
    assert max_drawdown([100.0, 100.0, 101.0]) == 0.0
    assert max_drawdown([100.0]) == 0.0
    assert math.isnan(max_drawdown([]))


def test_session_drawdown_is_measured_in_session_start_nav():
    # the fall from 110 to 99 is 11 % of the 100 at the start, 10 % of the high-water mark
    assert session_drawdown([100.0, 110.0, 99.0]) == pytest.approx(0.11, abs=1e-12)
    assert session_drawdown([100.0, 99.4]) == pytest.approx(0.006, abs=1e-12)
    assert math.isnan(session_drawdown([]))


@pytest.mark.parametrize("measure", [max_drawdown, session_drawdown])
def test_drawdowns_refuse_impossible_accounts(measure):
    with pytest.raises(ParameterError, match="finite"):
        measure([100.0, math.nan])
    with pytest.raises(ParameterError, match=r"nav\[0\] must be > 0"):
        measure([0.0, 1.0])


def test_tail_drawdown_averages_from_the_interpolated_quantile_on():
    # 1..20 %: the 95 % quantile lies at position 0.95 x 19 = 18.05, that is 19.05 %; only 20 % is above
    drawdowns = np.arange(1, 21) / 100
    assert tail_drawdown(drawdowns) == pytest.approx(0.20, abs=1e-12)
    # 1..41 %: position 38 exactly, 39 %; the mean of 39, 40 and 41 % is 40 %
    assert tail_drawdown(np.arange(1, 42) / 100) == pytest.approx(0.40, abs=1e-12)


def test_tail_drawdown_uses_the_linear_quantile_of_the_published_example():
    # value at risk of [1, 81, ..., 85] at 10 % is 41: mirrored at 100 the 90 % quantile is 59, and only 99 is above
    mirrored = 100.0 - np.array([1.0, 81.0, 82.0, 83.0, 84.0, 85.0])
    assert np.quantile(mirrored, 0.9) == pytest.approx(59.0)
    assert tail_drawdown(mirrored, 0.1) == pytest.approx(99.0, abs=1e-12)
    assert tail_drawdown(mirrored, 1.0) == pytest.approx(mirrored.mean(), abs=1e-12)


def test_tail_drawdown_of_equal_or_no_sessions():
    assert tail_drawdown(np.full(7, 0.1)) == pytest.approx(0.1, abs=1e-15)
    assert tail_drawdown([0.3]) == 0.3
    assert math.isnan(tail_drawdown([]))


def test_tail_drawdown_refuses_an_impossible_tail():
    with pytest.raises(ParameterError, match=r"tail must be in \(0, 1\]"):
        tail_drawdown([0.1], 0.0)


def test_bootstrap_of_a_constant_loss_is_exact():
    drawn = _draw(np.full(100, -1e-5), num_sessions=50)
    np.testing.assert_allclose(drawn, 390e-5, rtol=1e-12)


def test_bootstrap_of_a_rising_account_has_no_drawdown():
    assert _draw(np.full(100, 1e-5), num_sessions=50).max() == 0.0


def test_bootstrap_of_gaussian_bars_has_the_drawdowns_of_brownian_motion():
    # In units of the session's standard deviation: mean 1.19, 95 % quantile 2.18 for 390 steps.
    bars = np.random.default_rng(3).normal(size=390 * 400)
    bars = (bars - bars.mean()) / bars.std() / math.sqrt(390)
    drawn = _draw(bars, num_sessions=10_000)
    assert drawn.mean() == pytest.approx(1.19, abs=0.02)
    assert np.quantile(drawn, 0.95) == pytest.approx(2.18, abs=0.05)


def test_bootstrap_keeps_the_trends_inside_a_block():
    # Fifty falling bars then fifty rising ones: single bars cancel, blocks of thirty fall far.
    bars = np.repeat([-1e-4, 1e-4], 50)
    assert _draw(bars, mean_block_bars=30.0).mean() > 2.5 * _draw(bars, mean_block_bars=1.0).mean()


def test_bootstrap_tail_drawdown_is_the_tail_of_the_drawn_sessions():
    bars = np.random.default_rng(1).normal(0, 1e-4, 3900)
    drawn = np.sort(_draw(bars, num_sessions=1000))
    value = bootstrap_tail_drawdown(
        bars, num_bars=390, num_sessions=1000, mean_block_bars=30.0, tail=0.05, rng=_generator()
    )
    assert value == pytest.approx(drawn[950:].mean(), rel=1e-12)


def test_bootstrap_tail_drawdown_without_bars_is_nan():
    value = bootstrap_tail_drawdown(
        [], num_bars=390, num_sessions=10, mean_block_bars=30.0, tail=0.05, rng=_generator()
    )
    assert math.isnan(value)
