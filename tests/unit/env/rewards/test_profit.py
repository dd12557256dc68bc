"""Profit: the change of NAV, in USD from the term and in basis points from the environment."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import Profit
from intraday_rl.env.rewards.profit import profit
from tests.support.rows import own_memory, step_row
from tests.support.tapes import random_tape
from tests.unit.env.rewards.episodes import finish_episode


@pytest.mark.parametrize(("weight", "expected"), [(1.0, 17.25), (0.5, 8.625), (0.0, 0.0)])
def test_profit_is_the_weighted_change_of_nav(weight, expected):
    step = step_row(nav_before=50_100.0, nav_after=50_117.25)
    assert _call(weight, step) == pytest.approx(expected, rel=1e-12)


def test_profit_of_a_loss_is_negative():
    assert _call(2.0, step_row(nav_before=50_000.0, nav_after=49_990.0)) == -20.0


def _call(weight, step):
    return profit(Profit(weight), step, own_memory())


def test_profit_refuses_a_negative_weight():
    with pytest.raises(ParameterError, match=r"Profit\.weight must be >= 0"):
        Profit(-1.0).check()


@pytest.mark.parametrize("scale", [1.0, 0.07])
def test_profit_sums_to_the_change_of_nav_in_basis_points(scale):
    batch, rewards = finish_episode(random_tape(2, 40), reward_scale=scale)
    account = batch.finished[0]
    basis_points = (account["nav"] - 50_000.0) / 5.0
    assert account["nav"] != 50_000.0
    assert sum(rewards) == pytest.approx(scale * basis_points, abs=1e-9)
    info = batch.episode_infos([0])[0]
    assert info["episode"]["r"] == pytest.approx(scale * basis_points, abs=1e-9)
    assert info["session_return"] * 1e4 == pytest.approx(basis_points, abs=1e-9)
