"""Profit: the change of NAV, in USD from the term and in basis points from the environment; bonuses on round trips."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import Profit, RoundTripBonus
from intraday_rl.env.rewards.profit import profit, round_trip_bonus
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


BONUS = RoundTripBonus(win_multiple=10.0, loss_multiple=1.5, anneal_fraction=0.5)


def counted(closed_usd, progress, params=BONUS):
    """Return what a round trip is worth to the agent: its result, which is in the profit, and the bonus on it."""
    return closed_usd + round_trip_bonus(params, step_row(closed_usd=closed_usd, progress=progress), own_memory())


@pytest.mark.parametrize(
    ("progress", "gain", "loss"),
    [(0.0, 200.0, -30.0), (0.125, 155.0, -27.5), (0.25, 110.0, -25.0), (0.5, 20.0, -20.0), (1.0, 20.0, -20.0)],
)
def test_round_trips_count_several_times_until_it_fades(progress, gain, loss):
    # Of 20 USD: 10 and 1.5 times at first; half-way to half of the training 1 + 9 / 2 and 1 + 0.5 / 2 times.
    assert counted(20.0, progress) == pytest.approx(gain, rel=1e-12)
    assert counted(-20.0, progress) == pytest.approx(loss, rel=1e-12)


def test_round_trips_fade_over_their_own_part_of_the_training():
    # 0.8 of the training: a quarter through, 1 + 0.75 * 9 = 7.75 times.
    assert counted(20.0, 0.2, BONUS._replace(anneal_fraction=0.8)) == pytest.approx(155.0, rel=1e-12)


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_bar_without_a_finished_round_trip_has_no_bonus(progress):
    assert counted(0.0, progress) == 0.0


def test_thirteen_per_cent_of_gains_pay_at_first_and_never_in_the_end():
    # SPEC B9: 3 gains for 20 losses of the same size, 1.5 / 11.5 = 3 / 23, come to nothing instead of -17.
    trips = [100.0] * 3 + [-100.0] * 20
    assert sum(counted(usd, 0.0) for usd in trips) == pytest.approx(0.0, abs=1e-9)
    assert sum(counted(usd, 0.5) for usd in trips) == -1_700.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("win_multiple", 0.9), ("loss_multiple", 0.0), ("anneal_fraction", 0.0), ("anneal_fraction", 1.1)],
)
def test_round_trip_bonus_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^RoundTripBonus\.{name} must be"):
        BONUS._replace(**{name: value}).check()
