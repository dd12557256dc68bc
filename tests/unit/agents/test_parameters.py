"""PPO's parameters: each law with the value that breaks it, and the edges that are allowed."""

import math

import pytest

from intraday_rl.agents.parameters import PpoParameters
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ParameterError
from tests.support.training import PPO


def parameters(**changes):
    return PpoParameters(**(PPO | changes))


def test_parameters_of_the_tests_are_allowed():
    parameters().check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("total_timesteps", "num_envs", "num_epochs") for value in (0, -1)],
        *[(name, value) for name in ("rollout_steps", "batch_size") for value in (0, 1)],
        *[
            (name, value)
            for name in ("learning_rate", "clip_range", "max_gradient_norm", "normalize_clip", "target_kl")
            for value in (0.0, -1.0, math.nan, math.inf)
        ],
        *[
            (name, value)
            for name in ("entropy_start", "entropy_end", "value_coefficient")
            for value in (-1e-9, math.nan, math.inf)
        ],
        *[
            (name, value)
            for name in ("discount", "gae_lambda", "entropy_anneal_fraction")
            for value in (0.0, -0.1, 1.0001, math.nan)
        ],
        *[("hidden_layers", value) for value in ((), (0,), (64, 0), (64, -1))],
    ],
)
def test_parameters_refuse(name, value):
    with pytest.raises(ParameterError, match=rf"PpoParameters\.{name} ") as caught:
        parameters(**{name: value}).check()
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target_kl", None),
        ("discount", 1.0),
        ("gae_lambda", 1.0),
        ("entropy_anneal_fraction", 1.0),
        ("entropy_start", 0.0),
        ("entropy_end", 0.0),
        ("value_coefficient", 0.0),
        ("hidden_layers", (1,)),
        ("total_timesteps", 1),
        ("num_epochs", 1),
    ],
)
def test_parameters_allow(name, value):
    parameters(**{name: value}).check()


def test_parameters_refuse_a_rollout_that_environments_cannot_share():
    with pytest.raises(ParameterError, match=r"rollout_steps must be a multiple of num_envs \(3\), was 256"):
        parameters(num_envs=3, rollout_steps=256).check()


def test_parameters_refuse_a_batch_larger_than_the_rollout():
    with pytest.raises(ParameterError, match=r"batch_size must be <= rollout_steps \(256\), was 257"):
        parameters(rollout_steps=256, batch_size=257).check()
    parameters(rollout_steps=256, batch_size=256).check()


def test_parameters_need_every_name():
    for name in PPO:
        with pytest.raises(ParameterError, match=f"needs {name}"):
            coerce(PpoParameters, {key: value for key, value in PPO.items() if key != name})


def test_parameters_from_the_configuration_have_their_types():
    built = coerce(PpoParameters, PPO | {"learning_rate": 1, "hidden_layers": [16, 8.0], "num_envs": 4.0})
    assert (built.learning_rate, type(built.learning_rate)) == (1.0, float)
    assert built.hidden_layers == (16, 8)
    assert all(type(width) is int for width in built.hidden_layers)
    assert type(built.num_envs) is int
    with pytest.raises(ParameterError, match="num_envs must be a whole number"):
        coerce(PpoParameters, PPO | {"num_envs": 4.5})
    with pytest.raises(ParameterError, match="normalize must be true or false"):
        coerce(PpoParameters, PPO | {"normalize": "yes"})
