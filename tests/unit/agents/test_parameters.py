"""Parameters of the algorithms: each law with the value that breaks it, and the edges that are allowed."""

import math

import pytest

from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ParameterError
from tests.support.training import DEFAULTS, PPO

PROXIMAL_KINDS = (PpoParameters, RecurrentPpoParameters)
KINDS = (*PROXIMAL_KINDS, SacParameters)
NOT_POSITIVE = (0.0, -1.0, math.nan, math.inf)
NEGATIVE = (-1e-9, math.nan, math.inf)
NO_FRACTION = (0.0, -0.1, 1.0001, math.nan)
REFUSED = {  # parameter -> values
    KINDS: {
        **dict.fromkeys(("total_timesteps", "num_envs"), (0, -1)),
        "batch_size": (0, 1),
        **dict.fromkeys(("learning_rate", "normalize_clip"), NOT_POSITIVE),
        "discount": NO_FRACTION,
        "hidden_layers": ((), (0,), (64, 0), (64, -1)),
    },
    PROXIMAL_KINDS: {
        "rollout_steps": (0, 1),
        "num_epochs": (0, -1),
        **dict.fromkeys(("clip_range", "max_gradient_norm", "target_kl"), NOT_POSITIVE),
        **dict.fromkeys(("entropy_start", "entropy_end", "value_coefficient"), NEGATIVE),
        **dict.fromkeys(("gae_lambda", "entropy_anneal_fraction"), NO_FRACTION),
    },
    (RecurrentPpoParameters,): {"lstm_size": (0, -1), "activation": ("gelu", "")},
    (SacParameters,): {
        "tau": NO_FRACTION,
        **dict.fromkeys(("train_every", "gradient_steps"), (0, -1)),
        "buffer_size": (0, 31),
        "learning_starts": (-1, 256, 1000),
        "entropy_coefficient": NEGATIVE,
    },
}
ALLOWED = {
    KINDS: {"discount": 1.0, "hidden_layers": (1,)},
    PROXIMAL_KINDS: {
        "target_kl": None,
        "gae_lambda": 1.0,
        "entropy_anneal_fraction": 1.0,
        "entropy_start": 0.0,
        "entropy_end": 0.0,
        "value_coefficient": 0.0,
        "total_timesteps": 1,
        "num_epochs": 1,
    },
    (RecurrentPpoParameters,): {"lstm_size": 1, "activation": "tanh"},
    (SacParameters,): {
        "tau": 1.0,
        "buffer_size": 32,
        "learning_starts": 0,
        "total_timesteps": 65,
        "train_every": 1,
        "entropy_coefficient": 0.0,
    },
}


def parameters(kind=PpoParameters, **changes):
    return kind(**(DEFAULTS[kind] | changes))


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_the_tests_are_allowed(kind):
    parameters(kind).check()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (kind, name, value)
        for kinds, refused in REFUSED.items()
        for kind in kinds
        for name, values in refused.items()
        for value in values
    ],
)
def test_parameters_refuse(kind, name, value):
    with pytest.raises(ParameterError, match=rf"{kind.__name__}\.{name} must be ") as caught:
        parameters(kind, **{name: value}).check()
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kinds, allowed in ALLOWED.items() for kind in kinds for name, value in allowed.items()],
)
def test_parameters_allow(kind, name, value):
    parameters(kind, **{name: value}).check()


@pytest.mark.parametrize("kind", PROXIMAL_KINDS)
def test_parameters_refuse_a_rollout_that_environments_cannot_share(kind):
    with pytest.raises(ParameterError, match=r"rollout_steps must be a multiple of num_envs \(3\), was 256"):
        parameters(kind, num_envs=3, rollout_steps=256).check()


@pytest.mark.parametrize("kind", PROXIMAL_KINDS)
def test_parameters_refuse_a_batch_larger_than_the_rollout(kind):
    with pytest.raises(ParameterError, match=r"batch_size must be <= rollout_steps \(256\), was 257"):
        parameters(kind, rollout_steps=256, batch_size=257).check()
    parameters(kind, rollout_steps=256, batch_size=256).check()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_need_every_name(kind):
    for name in DEFAULTS[kind]:
        with pytest.raises(ParameterError, match=f"needs {name}"):
            coerce(kind, {key: value for key, value in DEFAULTS[kind].items() if key != name})


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


@pytest.mark.parametrize("given", [None, "auto"])
def test_entropy_coefficient_may_be_left_to_tuning(given):
    built = coerce(SacParameters, DEFAULTS[SacParameters] | {"entropy_coefficient": given})
    assert built.entropy_coefficient is None
