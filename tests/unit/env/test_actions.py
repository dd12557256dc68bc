"""Action maps: from an agent's number to a target position, worked out case by case."""

import gymnasium
import numpy as np
import pytest

from intraday_rl.env.actions import (
    BUY,
    HOLD,
    SELL,
    Continuous,
    DiscreteStep,
    DiscreteTarget,
    continuous_target,
    side_target,
    step_target,
)
from tests.support.rows import account_row


@pytest.mark.parametrize(
    ("target", "action", "expected"),
    [
        (0.0, BUY, 100.0),
        (0.0, HOLD, 0.0),
        (0.0, SELL, -100.0),
        (80.0, BUY, 80.0),  # there is nothing above long: what is held is kept, though 100 would be allowed
        (80.0, HOLD, 80.0),
        (80.0, SELL, 0.0),
        (-80.0, BUY, 0.0),
        (-80.0, HOLD, -80.0),
        (-80.0, SELL, -80.0),
    ],
)
def test_step_moves_one_side_at_a_time(target, action, expected):
    assert step_target(DiscreteStep(), action, account_row(target=target)) == expected


@pytest.mark.parametrize(
    ("target", "action", "expected"),
    [
        (0.0, BUY, 100.0),
        (0.0, HOLD, 0.0),
        (0.0, SELL, -100.0),
        (80.0, BUY, 80.0),
        (80.0, HOLD, 0.0),
        (80.0, SELL, -100.0),
        (-80.0, BUY, 100.0),
        (-80.0, HOLD, 0.0),
        (-80.0, SELL, -80.0),
    ],
)
def test_target_names_the_side_whatever_is_held(target, action, expected):
    assert side_target(DiscreteTarget(), action, account_row(target=target)) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [(1.0, 7.0), (-1.0, -7.0), (0.0, 0.0), (0.5, 4.0), (0.2, 1.0), (-0.2, -1.0), (0.07, 0.0)],
)
def test_continuous_rounds_the_fraction_to_whole_units(action, expected):
    # 7 * 0.5 = 3.5 goes to the even 4; 7 * 0.2 = 1.4 to 1.
    assert continuous_target(Continuous(), action, account_row(base_size=7.0)) == expected


@pytest.mark.parametrize("action", [SELL, HOLD, BUY])
def test_discrete_targets_are_flat_where_nothing_is_allowed(action):
    account = account_row(base_size=0.0)
    assert step_target(DiscreteStep(), action, account) == 0.0
    assert side_target(DiscreteTarget(), action, account) == 0.0


def test_action_spaces_are_what_the_maps_understand():
    assert DiscreteStep().space() == gymnasium.spaces.Discrete(3)
    assert DiscreteTarget().space() == gymnasium.spaces.Discrete(3)
    assert Continuous().space() == gymnasium.spaces.Box(-1.0, 1.0, (1,), dtype=np.float32)


@pytest.mark.parametrize(
    ("target", "side", "step"),
    [
        (0.0, 1.0, BUY),
        (0.0, 0.0, HOLD),
        (0.0, -1.0, SELL),
        (80.0, 1.0, HOLD),
        (80.0, 0.0, SELL),
        (80.0, -1.0, SELL),  # by way of flat
        (-80.0, -1.0, HOLD),
        (-80.0, 0.0, BUY),
        (-80.0, 1.0, BUY),
    ],
)
def test_actions_lead_towards_a_side(target, side, step):
    sides, targets = np.array([side]), np.array([target])
    assert DiscreteStep().towards(sides, targets) == [step]
    assert DiscreteTarget().towards(sides, targets) == [{-1.0: SELL, 0.0: HOLD, 1.0: BUY}[side]]
    assert Continuous().towards(sides, targets) == [side]
