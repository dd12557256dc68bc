"""The drawdown penalty and the recovery bonus by hand: 1 bp of 50,000 USD is 5 USD.

At the training's end lambda is 7,500 bp: a drawdown of 0.01 beyond the soft one costs 7,500 * 0.0001 = 0.75 bp, 3.75
USD, and 0.0525 of reward at a scale of 0.07 (SPEC B49).
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import Continuous
from intraday_rl.env.rewards import DrawdownPenalty, RecoveryBonus
from intraday_rl.env.rewards.drawdown import drawdown_penalty, recovery_bonus
from tests.support.full_rules import full_batch
from tests.support.rows import own_memory, step_row
from tests.support.tapes import make_tape

PENALTY = DrawdownPenalty(soft_drawdown=0.03, lambda_start=1_500.0, lambda_end=7_500.0, ceiling=0.05)


def charge(memory=None, params=PENALTY, **fields):
    """Return what a bar costs, USD."""
    return -drawdown_penalty(params, step_row(**fields), own_memory() if memory is None else memory)


def test_drawdown_costs_what_the_specification_says():
    assert charge(drawdown=0.04, progress=1.0) == pytest.approx(3.75, rel=1e-9)
    assert 0.07 * charge(drawdown=0.04, progress=1.0) / 5.0 == pytest.approx(0.0525, rel=1e-9)


@pytest.mark.parametrize(("progress", "bps"), [(0.0, 0.15), (0.25, 0.30), (0.5, 0.45), (1.0, 0.75)])
def test_lambda_is_linear_in_progress(progress, bps):
    assert charge(drawdown=0.04, progress=progress) == pytest.approx(5.0 * bps, rel=1e-9)


@pytest.mark.parametrize(("drawdown", "usd"), [(0.0, 0.0), (0.03, 0.0), (0.05, 15.0), (0.06, 33.75), (1.0, 35_283.75)])
def test_drawdown_costs_the_square_of_its_excess(drawdown, usd):
    # 7,500 * 0.02^2 = 3 bp, 7,500 * 0.03^2 = 6.75 bp, 7,500 * 0.97^2 = 7,056.75 bp
    assert charge(drawdown=drawdown, progress=1.0) == pytest.approx(usd, rel=1e-9)


def test_drawdown_is_charged_in_units_of_the_start():
    assert charge(drawdown=0.04, progress=1.0, start_nav=20_000.0, nav_before=30_000.0) == pytest.approx(1.5, rel=1e-9)


def test_charges_of_an_episode_stop_at_the_ceiling():
    # 5 % of 160 USD are 8 USD: 3.75, 3.75, the 0.50 that are left, nothing.
    memory = own_memory()
    bars = [charge(memory, drawdown=0.04, progress=1.0, typical_usd=160.0) for _ in range(5)]
    assert bars == pytest.approx([3.75, 3.75, 0.50, 0.0, 0.0], abs=1e-9)


def test_next_episode_is_charged_anew():
    bars = [charge(own_memory(), drawdown=0.04, progress=1.0, typical_usd=60.0) for _ in range(2)]
    assert bars == pytest.approx([3.0, 3.0], rel=1e-9)


def test_bars_without_drawdown_use_up_nothing():
    memory = own_memory()
    bars = [charge(memory, drawdown=d, progress=1.0, typical_usd=100.0) for d in (0.03, 0.04, 0.0, 0.04)]
    assert bars == pytest.approx([0.0, 3.75, 0.0, 1.25], abs=1e-9)


def test_there_is_no_ceiling_before_an_episode_is_finished():
    memory = own_memory()
    assert [charge(memory, drawdown=1.0, progress=1.0) for _ in range(2)] == pytest.approx([35_283.75] * 2, rel=1e-9)


@given(
    drawdowns=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20),
    typical=st.floats(1e-3, 1e6),
    progress=st.floats(0.0, 1.0),
)
def test_charges_are_never_negative_and_sum_to_the_ceiling_at_most(drawdowns, typical, progress):
    memory = own_memory()
    bars = [charge(memory, drawdown=d, progress=progress, typical_usd=typical) for d in drawdowns]
    assert min(bars) >= 0.0
    assert sum(bars) <= 0.05 * typical * (1.0 + 1e-9)


@given(one=st.floats(0.0, 1.0), other=st.floats(0.0, 1.0), progress=st.floats(0.0, 1.0))
def test_deeper_drawdown_never_costs_less(one, other, progress):
    low, high = sorted((one, other))
    assert charge(drawdown=low, progress=progress) <= charge(drawdown=high, progress=progress)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("soft_drawdown", 0.0),
        ("soft_drawdown", 1.1),
        ("lambda_start", -1.0),
        ("lambda_end", float("nan")),
        ("ceiling", 0.0),
        ("ceiling", 1.1),
    ],
)
def test_drawdown_penalty_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^DrawdownPenalty\.{name} must be"):
        PENALTY._replace(**{name: value}).check()


def typical_sizes(units, scale):
    """Play an episode with each of these positions, which gains a dollar a unit; return what is typical after each."""
    tape = make_tape([[{"close": close} for close in (100.0, 100.0, 101.0, 101.0, 101.0)]])
    batch = full_batch(tape, actions=Continuous(), reward_scale=scale)
    observations, sizes = batch.reset(), []
    for position in units:
        action = np.array([position / 100.0])
        while not batch.step(action, observations):
            pass
        sizes.append(batch.accounts["typical_usd"].item())
    batch.seed(0)
    assert batch.accounts["typical_usd"].item() == 0.0
    return sizes


@pytest.mark.parametrize("scale", [1.0, 0.07])
def test_typical_size_is_the_trailing_mean_of_what_episodes_came_to(scale):
    # Size, not sign, in USD whatever the scale: of all at first; from the 20th on the newest counts a twentieth.
    units = np.random.default_rng(3).integers(-100, 101, 30)
    sizes = np.abs(units).astype(float)
    first = [sizes[:k].mean() for k in range(1, 21)]
    fading = [
        0.95 ** (k - 20) * first[-1] + 0.05 * sum(0.95 ** (k - 1 - j) * sizes[j] for j in range(20, k))
        for k in range(21, 31)
    ]
    assert typical_sizes(units, scale) == pytest.approx(first + fading, rel=1e-9)


@pytest.mark.parametrize(("recovered", "usd"), [(True, 0.05), (False, 0.0)])
def test_recovery_is_worth_its_basis_points_once(recovered, usd):
    step = step_row(recovered=recovered, drawdown=0.02)
    assert recovery_bonus(RecoveryBonus(0.01), step, own_memory()) == pytest.approx(usd, rel=1e-12)


def test_recovery_bonus_refuses_a_negative_bonus():
    with pytest.raises(ParameterError, match=r"^RecoveryBonus\.bonus_bps must be >= 0 \(bps"):
        RecoveryBonus(-0.01).check()
