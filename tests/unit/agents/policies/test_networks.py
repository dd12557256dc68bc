"""Descriptions of networks: from a model to JSON and back to a network of the same make, and what is refused."""

import json

import pytest
import torch

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.agents.policies.networks import as_policy, build_policy, describe_network
from intraday_rl.agents.trainer import make_training_env
from tests.support.networks import ACTOR_CRITIC, CODES, RECURRENT, SAC, SIZES, box, example_rows
from tests.support.training import tiny_task

CASES = [
    (PpoParameters, {"hidden_layers": (8, 4)}, ACTOR_CRITIC),
    (RecurrentPpoParameters, {"hidden_layers": (8, 4), "lstm_size": 6, "activation": "relu"}, RECURRENT),
    (
        RecurrentPpoParameters,
        {"hidden_layers": (5,), "lstm_size": 3, "activation": "tanh"},
        RECURRENT | {"hidden_layers": [5], "lstm_size": 3, "activation": "tanh"},
    ),
    (SacParameters, {"hidden_layers": (8, 4)}, SAC),
]


@pytest.mark.parametrize(("kind", "parameters", "description"), CASES)
def test_network_of_a_model_is_built_again_from_its_description(kind, parameters, description):
    task = tiny_task(kind, parameters=parameters)
    network = build_model(task.parameters, make_training_env(task), 0).policy
    found = json.loads(json.dumps(describe_network(network)))
    assert found == description
    again = build_policy(found, network.observation_space, network.action_space)
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    assert {name: value.shape for name, value in again.state_dict().items()} == shapes
    assert str(again) == str(network)  # activations too
    again.load_state_dict(network.state_dict())
    rows = example_rows(50, 11)
    actions = as_policy(again, None).predict(rows)[0]
    assert actions.tobytes() == as_policy(network, None).predict(rows)[0].tobytes()


@pytest.mark.parametrize(
    ("description", "space", "words"),
    [
        ({"network": "os.system"}, CODES, "network must be one of ActorCriticPolicy, "),
        ({"network": ["ActorCriticPolicy"]}, CODES, "network must be one of"),
        *[
            (base | {"hidden_layers": layers}, SIZES, "hidden_layers must be a list of widths > 0")
            for base in (ACTOR_CRITIC, RECURRENT, SAC)
            for layers in ([], [0], [8, -1], [2.5], [True], "88", 8, None)
        ],
        *[
            (RECURRENT | {"lstm_size": n}, CODES, "lstm_size must be a width > 0")
            for n in (0, -1, 2.5, True, "6", None)
        ],
        *[(RECURRENT | {"activation": a}, CODES, "must be one of tanh, relu") for a in ("gelu", "os.system", None, [])],
        (SAC, CODES, "SACPolicy needs actions in a Box, was Discrete"),
    ],
)
def test_description_that_cannot_be_one_is_refused(description, space, words):
    with pytest.raises(ValueError, match=words) as caught:
        build_policy(description, box(3), space)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["network", "hidden_layers", "lstm_size", "activation"])
def test_description_needs_every_key(missing):
    with pytest.raises(KeyError, match=missing):
        build_policy({key: value for key, value in RECURRENT.items() if key != missing}, box(3), CODES)


def test_networks_have_memories_of_their_own_for_policy_and_value():
    network = build_policy(RECURRENT, box(3), CODES)
    assert isinstance(network.lstm_critic, torch.nn.LSTM)
    assert network.lstm_critic is not network.lstm_actor
