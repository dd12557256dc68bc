"""The volatility penalty against numpy's standard deviation (ddof 1) of 30 returns."""

from itertools import pairwise

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import VolatilityPenalty
from intraday_rl.env.rewards.volatility import volatility_penalty
from tests.support.rows import own_memory, step_row

PENALTY = VolatilityPenalty(penalty_lambda=0.001, target_sigma=0.15)
RETURNS = np.random.default_rng(4).normal(0.0, 1e-3, 100)  # about 0.31 a year
NAVS = 50_000.0 * np.cumprod(np.r_[1.0, 1.0 + RETURNS])


def charges(navs, params=PENALTY, memory=None):
    """Return what each bar costs an account that goes through these NAVs, USD."""
    memory = own_memory() if memory is None else memory
    steps = [step_row(nav_before=before, nav_after=after) for before, after in pairwise(navs)]
    return np.array([-volatility_penalty(params, step, memory) for step in steps])


def expected(navs, params=PENALTY):
    """Return the same from windows of 30 returns, bar by bar."""
    returns = navs[1:] / navs[:-1] - 1.0
    sigmas = [np.std(returns[t - 29 : t + 1], ddof=1) * np.sqrt(390 * 252) for t in range(29, len(returns))]
    excess = np.maximum(np.array(sigmas) - params.target_sigma, 0.0)
    return np.r_[np.zeros(29), params.penalty_lambda * excess * navs[30:]]


def test_volatility_costs_what_numpy_says():
    answer = charges(NAVS)
    np.testing.assert_allclose(answer, expected(NAVS), rtol=1e-9)
    assert (answer[29:] > 0.0).all()


def test_volatility_of_returns_to_and_fro_by_hand():
    # 15 returns of +0.001 and 15 of -0.001: sigma^2 = 30 / 29 * 1e-6 * 98,280; sigma = 0.318855.
    navs = np.cumprod([50_000.0] + [1.001, 0.999] * 15)
    usd = 0.001 * (np.sqrt(30 / 29 * 1e-6 * 98_280) - 0.15) * navs[-1]
    assert usd == pytest.approx(0.001 * 0.168855 * navs[-1], rel=1e-5)
    np.testing.assert_allclose(charges(navs), [*[0.0] * 29, usd], rtol=1e-9)


def test_volatility_within_the_target_is_free():
    assert not charges(NAVS, PENALTY._replace(target_sigma=0.6)).any()


def test_volatility_is_charged_only_above_the_target():
    params = PENALTY._replace(target_sigma=0.3)
    answer = charges(NAVS, params)
    np.testing.assert_allclose(answer, expected(NAVS, params), rtol=1e-9, atol=1e-12)
    assert 0 < np.count_nonzero(answer) < 71


def test_next_session_waits_for_thirty_returns_of_its_own():
    memory = own_memory()
    charges(NAVS, memory=memory)
    memory["first"] = 0.0  # what a session's start does; the window is left over
    np.testing.assert_allclose(charges(NAVS[:41], memory=memory), expected(NAVS[:41]), rtol=1e-9)


def test_account_that_has_nothing_left_is_charged_nothing():
    ruined = np.concatenate([NAVS, [0.0, -400.0, -100.0, -900.0]])
    assert charges(ruined)[-4:].tolist() == [0.0] * 4


@pytest.mark.parametrize(("name", "value"), [("penalty_lambda", -1e-3), ("target_sigma", 0.0)])
def test_volatility_penalty_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^VolatilityPenalty\.{name} must be"):
        PENALTY._replace(**{name: value}).check()
