"""Bundles of every kind of network: out comes what went in, memory and critics too, and no other network."""

import numpy as np
import pytest

from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.env.actions import Continuous, DiscreteStep
from tests.support.bundles import assert_refused, bundle_rules, change_json, observations, save_example, sign_again
from tests.support.networks import ACTOR_CRITIC, RECURRENT, SAC

CASES = [
    pytest.param(ACTOR_CRITIC, DiscreteStep(), id="ActorCritic"),
    pytest.param(RECURRENT, DiscreteStep(), id="Recurrent"),
    pytest.param(RECURRENT | {"activation": "tanh", "lstm_size": 3}, Continuous(), id="Recurrent sizes"),
    pytest.param(SAC, Continuous(), id="SAC"),
]


@pytest.mark.parametrize(("description", "actions"), CASES)
def test_bundle_returns_the_network_to_the_last_bit(tmp_path, description, actions):
    snapshot = save_example(tmp_path, bundle_rules(actions=actions), description=description)
    loaded = load_bundle(tmp_path)
    assert loaded.parts["policy.json"] == description == snapshot.network
    state = loaded.policy.network.state_dict()
    assert list(state) == list(snapshot.weights)
    assert all(state[name].numpy().tobytes() == value.tobytes() for name, value in snapshot.weights.items())
    live, again = snapshot.live_policy, loaded
    memory = other = None
    seen = set()
    for step in range(20):
        raw, start = observations(40, step), np.full(40, step == 7)
        expected, memory = live.predict(raw, memory, start)
        actions, other = again.predict(raw, other, start)
        assert actions.tobytes() == expected.tobytes()
        seen |= set(actions.tolist())
    assert len(seen) >= 2


def test_bundle_of_sac_keeps_the_critics_for_further_training(tmp_path):
    weights = save_example(tmp_path, bundle_rules(actions=Continuous()), description=SAC).weights
    trunks = {name.split(".")[0] for name in weights}
    assert trunks == {"actor", "critic", "critic_target"}
    assert {"critic.qf0.0.weight", "critic.qf1.0.weight"} <= set(weights)


@pytest.mark.parametrize(
    ("description", "change", "words"),
    [
        (RECURRENT, {"lstm_size": 0}, "lstm_size must be a width > 0, was 0"),
        (RECURRENT, {"activation": "os.system"}, "activation must be one of tanh, relu, was 'os.system'"),
        (RECURRENT, {"hidden_layers": []}, "hidden_layers must be a list of widths > 0"),
        (SAC, {"hidden_layers": [-1]}, "hidden_layers must be a list of widths > 0"),
        (ACTOR_CRITIC, {"network": "SACPolicy"}, "SACPolicy needs actions in a Box, was Discrete(3)"),
        (ACTOR_CRITIC, {"network": "Stranger"}, "network must be one of ActorCriticPolicy"),
    ],
)
def test_hostile_description_of_a_network_is_refused(tmp_path, description, change, words):
    actions = Continuous() if description is SAC else DiscreteStep()
    folder = tmp_path / "bundle"
    save_example(folder, bundle_rules(actions=actions), description=description)
    for key, value in change.items():
        change_json(folder / "policy.json", key, value=value)
    sign_again(folder)
    assert_refused(folder, "policy.json", words)


@pytest.mark.parametrize("change", [{"lstm_size": 7}, {"network": "ActorCriticPolicy"}, {"hidden_layers": [8, 5]}])
def test_hostile_description_of_another_network_than_the_weights(tmp_path, change):
    folder = tmp_path / "bundle"
    save_example(folder, description=RECURRENT)
    for key, value in change.items():
        change_json(folder / "policy.json", key, value=value)
    sign_again(folder)
    assert_refused(folder, "policy.npz")
