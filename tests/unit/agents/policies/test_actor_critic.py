"""Policies without memory: actions as SB3 gives them, and one row's answer whatever stands beside it."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from tests.support.networks import ACTOR_CRITIC, CODES, SIZES, box, example_rows, example_scaler, lively_network

WIDTH = 11
SPACES = [pytest.param(CODES, id="Discrete"), pytest.param(SIZES, id="Box")]


def scaler_of():
    return example_scaler(WIDTH)


def network_of(space, layers=(32, 16), gain=300.0):
    return lively_network(ACTOR_CRITIC | {"hidden_layers": list(layers)}, box(WIDTH), space, gain=gain)


def observations_of(count):
    return example_rows(count, WIDTH)


@pytest.mark.parametrize("space", SPACES)
def test_policy_acts_as_sb3_does(space):
    network, scaler = network_of(space), scaler_of()
    raw = observations_of(300)
    actions, state = NetworkPolicy(network, scaler).predict(raw, "state")
    expected, _ = PPO.predict(type("Model", (), {"policy": network})(), scaler.scale(raw), deterministic=True)
    assert state == "state"
    assert len(np.unique(actions)) >= 3
    assert actions == pytest.approx(expected.reshape(300), abs=1e-6)


def test_policy_without_scaler_takes_observations_as_they_are():
    network, scaler = network_of(CODES), scaler_of()
    raw = observations_of(200)
    plain = NetworkPolicy(network, None).predict(scaler.scale(raw))[0]
    assert list(plain) == list(NetworkPolicy(network, scaler).predict(raw)[0])
    assert list(plain) != list(NetworkPolicy(network, None).predict(raw)[0])


def test_policy_clips_to_the_action_space():
    actions, _ = NetworkPolicy(network_of(SIZES, gain=5000.0), None).predict(observations_of(300))
    assert (actions.min(), actions.max()) == (-1.0, 1.0)
    assert actions.shape == (300,)


def test_policy_actions_are_codes():
    actions, _ = NetworkPolicy(network_of(CODES), None).predict(observations_of(300))
    assert actions.dtype.kind == "i"
    assert set(actions) == {0, 1, 2}


def test_policy_takes_windows_and_rows_alike():
    policy, rows = NetworkPolicy(network_of(CODES), scaler_of()), observations_of(60)
    actions = policy.predict(rows)[0]
    assert len(set(actions)) == 3
    assert list(policy.predict(rows.reshape(60, 1, WIDTH))[0]) == list(actions)
    assert list(policy.predict(rows[:, :, None])[0]) == list(actions)
    assert len(policy.predict(rows[:0])[0]) == 0


def test_policy_leaves_its_observations_alone():
    raw = observations_of(20)
    kept = raw.copy()
    for scaler in (None, scaler_of()):
        NetworkPolicy(network_of(CODES), scaler).predict(raw)
    assert raw.tobytes() == kept.tobytes()


@pytest.mark.parametrize("layers", [(32, 16), (256, 256, 128)])
def test_policy_outputs_do_not_depend_on_the_batch(layers):
    """The same observation alone, in a batch of 400, and in batches of any size between: the same bits."""
    policy = NetworkPolicy(network_of(SIZES, layers=layers, gain=10.0), scaler_of())
    raw = observations_of(400)
    together = policy.predict(raw)[0]
    assert len(np.unique(together)) > 300  # not clipped
    for size in (1, 2, 7, 24, 100):
        apart = np.concatenate([policy.predict(raw[i : i + size])[0] for i in range(0, 400, size)])
        assert apart.tobytes() == together.tobytes(), size


def test_policy_draws_no_random_numbers():
    policy = NetworkPolicy(network_of(SIZES), scaler_of())
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = policy.predict(observations_of(50))[0]
    assert torch.equal(before, torch.get_rng_state())
    assert first.tobytes() == policy.predict(observations_of(50))[0].tobytes()
