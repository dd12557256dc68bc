import math

import empyrical
import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import (
    annualised_return,
    annualised_volatility,
    calmar_ratio,
    information_ratio,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
)

# The series of empyrical's own tests, and the values listed there.
MIXED = np.array([math.nan, 1.0, 10.0, -4.0, 2.0, 3.0, 2.0, 1.0, -10.0]) / 100
MIXED_NAV = 50_000 * np.cumprod(1 + np.nan_to_num(MIXED))


def test_published_values_of_the_mixed_series():
    assert sharpe_ratio(MIXED) == pytest.approx(1.7238613961706866, abs=1e-8)
    assert sortino_ratio(MIXED) == pytest.approx(2.605531251673693, abs=1e-8)
    assert max_drawdown(MIXED_NAV) == pytest.approx(0.10, abs=1e-8)
    assert annualised_return(MIXED_NAV, MIXED.size) == pytest.approx(1.9135925373194231, abs=1e-8)
    assert calmar_ratio(MIXED, MIXED_NAV) == pytest.approx(19.135925373194233, abs=1e-8)
    assert annualised_volatility(MIXED) == pytest.approx(0.9136465399704637, abs=1e-8)


def test_information_ratio_against_zero_is_the_published_value_annualised():
    assert information_ratio(MIXED, 0.0) / math.sqrt(252) == pytest.approx(0.10859306069076737, abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_ratios_agree_with_empyrical(seed):
    rng = np.random.default_rng(seed)
    returns, benchmark = rng.standard_t(4, size=(2, 60)) / 100
    nav = np.append(1.0, np.cumprod(1 + returns))
    assert sharpe_ratio(returns) == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-10)
    assert sharpe_ratio(returns, 0.001) == pytest.approx(empyrical.sharpe_ratio(returns, 0.001), rel=1e-10)
    assert sortino_ratio(returns) == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-10)
    assert annualised_volatility(returns) == pytest.approx(empyrical.annual_volatility(returns), rel=1e-10)
    assert annualised_return(nav, 60) == pytest.approx(empyrical.annual_return(returns), rel=1e-10)
    assert max_drawdown(nav) == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-10)
    assert calmar_ratio(returns, nav) == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-10)
    expected = empyrical.excess_sharpe(returns, benchmark) * math.sqrt(252)
    assert information_ratio(returns, benchmark) == pytest.approx(expected, rel=1e-10)


def test_sharpe_ratio_by_hand():
    # mean 0.01, deviations -0.01, 0, 0.01: sd (n - 1) 0.01
    assert sharpe_ratio([0.0, 0.01, 0.02]) == pytest.approx(math.sqrt(252), rel=1e-12)


def test_sortino_ratio_divides_by_all_sessions():
    # mean 0.01; squares of the losses (0.02^2) over all four sessions: 0.01
    assert sortino_ratio([-0.02, 0.02, 0.02, 0.02]) == pytest.approx(math.sqrt(252), rel=1e-12)


def test_ratios_are_nan_where_undefined():
    assert math.isnan(sharpe_ratio([0.01, 0.01, 0.01]))
    assert math.isnan(sharpe_ratio([0.1, 0.1, 0.1]))
    assert math.isnan(sharpe_ratio([0.01]))
    assert math.isnan(sharpe_ratio([]))
    assert math.isnan(sortino_ratio([0.01, 0.02]))
    assert math.isnan(sortino_ratio([]))
    assert math.isnan(information_ratio([0.01, 0.02], [0.01, 0.02]))
    assert math.isnan(calmar_ratio([0.01], [100.0, 101.0]))
    assert math.isnan(calmar_ratio([], []))
    assert math.isnan(annualised_volatility([0.01]))
    assert math.isnan(annualised_return([100.0], 0))


def test_annualised_volatility_of_equal_returns_is_zero():
    assert annualised_volatility([0.01, 0.01]) == 0.0


def test_annualised_return_compounds():
    # 10 % in half a year is 1.1^2 - 1
    assert annualised_return([100.0, 90.0, 110.0], 126) == pytest.approx(0.21, rel=1e-12)


def test_annualised_return_of_a_lost_account_is_minus_one():
    assert annualised_return([100.0, -5.0], 10) == -1.0
    assert annualised_return([100.0, 0.0], 10) == -1.0


def test_annualised_return_overflows_to_infinity_without_a_warning():
    assert annualised_return([1.0, 100.0], 1) == math.inf


def test_calmar_ratio_by_hand():
    # growth 1.1 in 252 sessions, drawdown (110 - 99) / 110 = 0.1 on the way
    assert calmar_ratio(np.zeros(252), [100.0, 110.0, 99.0, 110.0]) == pytest.approx(1.0, rel=1e-12)


def test_information_ratio_refuses_another_number_of_sessions():
    with pytest.raises(ParameterError, match=r"one return per session \(2,\), had shape \(3,\)"):
        information_ratio([0.01, 0.02], [0.01, 0.02, 0.03])


def test_ratios_refuse_infinite_returns():
    with pytest.raises(ParameterError, match="session_returns must be finite or NaN, was inf at position 1"):
        sharpe_ratio([0.01, math.inf])


def test_annualised_return_refuses_an_account_that_starts_at_zero():
    with pytest.raises(ParameterError, match=r"nav\[0\] must be > 0"):
        annualised_return([0.0, 1.0], 1)
