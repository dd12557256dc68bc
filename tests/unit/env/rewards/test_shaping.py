"""The potential against its telescoping sums, the differential Sharpe ratio against its own definition.

Source of the second: Moody, Wu, Liao, Saffell (1998), equations 12 to 15, and the derivative that they stand for.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import DifferentialSharpe, DrawdownPotential
from intraday_rl.env.rewards.shaping import differential_sharpe, drawdown_potential
from tests.support.rows import own_memory, step_row

POTENTIAL = DrawdownPotential(weight=1.0, discount=0.99)
SHARPE = DifferentialSharpe(weight_bps=1.0, rate=0.01)
RETURNS = np.random.default_rng(6).normal(2e-5, 4e-4, 120)


def shaped(drawdowns, params=POTENTIAL):
    """Return the potential's term in an episode with these drawdowns, which ends with the last bar, USD."""
    memory, last = own_memory(), len(drawdowns) - 1
    return [
        drawdown_potential(params, step_row(drawdown=drawdown, ends=i == last), memory)
        for i, drawdown in enumerate(drawdowns)
    ]


def test_potential_by_hand():
    # Potentials 0, -500, -1,000, -250, 0 at the end: 0.99 times the later one less the earlier one.
    expected = [0.99 * -500, 0.99 * -1_000 + 500, 0.99 * -250 + 1_000, 250]
    answer = shaped([0.01, 0.02, 0.005, 0.04])
    assert answer == pytest.approx(expected, rel=1e-12)
    assert sum(answer) == pytest.approx(0.01 * 1_750, rel=1e-9)  # the discount's part


@given(
    drawdowns=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40),
    weight=st.floats(0.0, 10.0),
    discount=st.floats(0.5, 1.0),
)
def test_discounted_potential_comes_to_nothing_over_an_episode(drawdowns, weight, discount):
    answer = shaped(drawdowns, DrawdownPotential(weight, discount))
    assert sum(discount**t * usd for t, usd in enumerate(answer)) == pytest.approx(0.0, abs=1e-7)


def test_potential_without_discount_comes_to_nothing():
    assert sum(shaped([0.01, 0.3, 0.02, 0.5], POTENTIAL._replace(discount=1.0))) == pytest.approx(0.0, abs=1e-9)


def test_potential_is_in_units_of_the_start_and_its_weight():
    params = DrawdownPotential(weight=3.0, discount=1.0)
    assert drawdown_potential(params, step_row(drawdown=0.01, start_nav=20_000.0), own_memory()) == pytest.approx(-600)


@pytest.mark.parametrize(("name", "value"), [("weight", -1.0), ("discount", 0.0), ("discount", 1.01)])
def test_potential_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^DrawdownPotential\.{name} must be"):
        POTENTIAL._replace(**{name: value}).check()


def sharpe_terms(returns, params=SHARPE):
    """Return the term along these returns, in units of weight."""
    memory, nav, terms = own_memory(), 50_000.0, []
    for result in returns:
        usd = differential_sharpe(params, step_row(nav_before=nav, nav_after=nav * (1.0 + result)), memory)
        terms.append(usd / 5.0 / params.weight_bps)
        nav *= 1.0 + result
    return np.array(terms)


def ratio(mean, square):
    return mean / math.sqrt(square - mean * mean)


def moments(returns, rate):
    """Return the running mean of returns and squares before each of them: sums of faded parts, not a recursion."""
    before = []
    for t in range(len(returns)):
        fading = rate * (1.0 - rate) ** np.arange(t - 1, -1, -1.0)
        before.append((float(fading @ returns[:t]), float(fading @ returns[:t] ** 2)))
    return before


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_differential_sharpe_is_equation_15(rate):
    expected = [0.0]
    for (a, b), r in list(zip(moments(RETURNS, rate), RETURNS, strict=True))[1:]:
        expected.append((b * (r - a) - 0.5 * a * (r**2 - b)) / (b - a**2) ** 1.5)
    answer = sharpe_terms(RETURNS, DifferentialSharpe(2.5, rate))
    np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-9)


def test_differential_sharpe_is_the_derivative_of_the_ratio_by_the_rate():
    small = 1e-6
    answer = sharpe_terms(RETURNS)
    for (a, b), r, term in list(zip(moments(RETURNS, 0.01), RETURNS, answer, strict=True))[20:]:
        up, down = (ratio(a + h * (r - a), b + h * (r * r - b)) for h in (small, -small))
        assert (up - down) / (2.0 * small) == pytest.approx(term, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("returns", [[0.0] * 5, [1e-3], [0.0, 0.0, -1e-3]])
def test_differential_sharpe_is_nothing_before_returns_differ(returns):
    assert sharpe_terms(returns).tolist() == [0.0] * len(returns)


def test_differential_sharpe_of_the_last_return_alone_is_nothing():
    # At a rate of 1 the means are the last return and its square: they have no variance.
    assert not sharpe_terms(RETURNS, DifferentialSharpe(1.0, 1.0)).any()


@pytest.mark.parametrize("nav", [0.0, -100.0])
def test_differential_sharpe_of_an_account_that_has_nothing_left_takes_the_return_as_none(nav):
    memory = own_memory()
    differential_sharpe(SHARPE, step_row(nav_before=50_000.0, nav_after=51_000.0), memory)
    answer = differential_sharpe(SHARPE, step_row(nav_before=nav, nav_after=-50.0), memory)
    # A = 0.01 * 0.02, B = 0.01 * 0.0004; a return of 0: (-B A + A B / 2) / (B - A^2)^1.5 = -A B / 2 / (B - A^2)^1.5
    a, b = 2e-4, 4e-6
    assert answer / 5.0 == pytest.approx(-0.5 * a * b / (b - a * a) ** 1.5, rel=1e-9)


@pytest.mark.parametrize(("name", "value"), [("weight_bps", -1.0), ("rate", 0.0), ("rate", 1.01)])
def test_differential_sharpe_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^DifferentialSharpe\.{name} must be"):
        SHARPE._replace(**{name: value}).check()
