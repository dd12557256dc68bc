"""What is refused before the first step, with both sides named, and what is said about a training."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.preflight import (
    check_columns,
    check_first_observations,
    check_model,
    columns_hash,
    describe_training,
)
from intraday_rl.agents.trainer import make_training_env, train
from intraday_rl.core.errors import TrainingError
from intraday_rl.env.actions import Continuous
from tests.support.tapes import make_layout, random_tape
from tests.support.training import tiny_task


@pytest.fixture(scope="module")
def env():
    return make_training_env(tiny_task())


@pytest.fixture(scope="module")
def model(env):
    return build_model(tiny_task().parameters, env, seed=0)


def spaces_of(env, **changes):
    return SimpleNamespace(**{"observation_space": env.observation_space, "action_space": env.action_space} | changes)


def test_model_of_the_environment_passes(model, env):
    check_model(model, env)


def test_model_of_another_observation_is_refused(model, env):
    wider = spaces_of(env, observation_space=spaces.Box(-np.inf, np.inf, (12,), dtype=np.float32))
    with pytest.raises(TrainingError, match=r"the model's observation_space is Box\(.*\(11,\).*shows Box\(.*\(12,\)"):
        check_model(model, wider)


def test_model_of_other_actions_is_refused(model, env):
    continuous = spaces_of(env, action_space=Continuous().space())
    with pytest.raises(TrainingError, match=r"action_space is Discrete\(3\), but the environment takes Box"):
        check_model(model, continuous)


def test_network_that_takes_in_less_than_an_observation_is_refused(env):
    """A window of five bars has 11 columns, and 55 numbers: its last axis alone is not the network's width."""
    window = spaces.Box(-np.inf, np.inf, (5, 11), dtype=np.float32)
    narrow = build_model(tiny_task().parameters, env, seed=0)
    narrow.observation_space = window
    with pytest.raises(TrainingError, match=r"features_extractor gives 11 inputs, but an observation \(5, 11\) has 55"):
        check_model(narrow, spaces_of(env, observation_space=window))


def test_same_columns_pass_whatever_their_units():
    layout = make_layout(("a", "b"), account=("position",))
    check_columns(layout, {"evaluation": replace(layout, daily_loss_unit=0.5)})


@pytest.mark.parametrize(
    ("market", "account", "message"),
    [
        (("b", "a"), ("position",), "column 0 is b there, a here"),
        (("a", "b"), ("bars_held",), "column 2 is bars_held there, position here"),
        (("a", "b"), (), "column 2 is nothing there, position here"),
        (("a", "b", "c"), ("position",), "column 2 is c there, position here"),
    ],
)
def test_other_columns_are_refused_by_the_first(market, account, message):
    layout, other = make_layout(("a", "b"), account=("position",)), make_layout(market, account=account)
    with pytest.raises(TrainingError, match=rf"^training: warm start observes other .*: {message}$") as refusal:
        check_columns(layout, {"evaluation": layout, "warm start": other})
    assert columns_hash(layout) in str(refusal.value)
    assert columns_hash(other) in str(refusal.value)


def test_first_observations_have_to_be_finite():
    task = tiny_task()
    check_first_observations(make_training_env(task).unwrapped.batch)
    task.tape.features[task.tape.first_row[:4], 3] = math.nan
    with pytest.raises(TrainingError, match=r"of account 0 has a number that is not finite in feature3, session \d{4}"):
        check_first_observations(make_training_env(task).unwrapped.batch)


def test_training_begins_with_the_checks():
    evaluate = {"net_return": 0.0}
    task = tiny_task()
    broken = replace(task, layouts={"evaluation": replace(task.rules.layout, account=("position",))})
    with pytest.raises(TrainingError, match="evaluation observes other columns"):
        train(broken, lambda policy: evaluate, lambda snapshot, name: None, [])
    task.tape.features[task.tape.first_row[:4]] = math.inf
    with pytest.raises(TrainingError, match="not finite"):
        train(task, lambda policy: evaluate, lambda snapshot, name: None, [])


def test_description_counts_what_there_is(model, env):
    observation, network, updates, actions, sessions = describe_training(
        model, env.unwrapped.batch, tiny_task().parameters
    )
    digest = columns_hash(tiny_task().rules.layout)
    assert observation == (
        "observation  (11,) float32: 5 market and 6 account columns of the last bar, 0 of earlier ones; names " + digest
    )
    # two trunks of 11-8-8: 2 x (96 + 72); heads 8-3 and 8-1: 27 + 9
    assert network == (
        "network      mlp_extractor.policy_net 11-8-8, mlp_extractor.value_net 11-8-8, action_net 8-3, value_net 8-1; "
        "372 parameters"
    )
    assert updates == ("updates      4 environments x 64 steps = 256 steps, 4 batches of 64, 2 epochs; 2 updates")
    assert actions == "actions      SELL, HOLD or BUY, DiscreteTarget"
    assert sessions == "sessions     4 to train on, 156 decisions"  # 4 x 39 of 40 minutes


def test_description_counts_earlier_bars():
    tape = random_tape(num_sessions=6, minutes=40, num_features=5)
    task = tiny_task(layout=make_layout(tape.feature_names, stacked=("feature1", "feature2"), frames=4))
    env = make_training_env(task)
    lines = describe_training(build_model(task.parameters, env, 0), env.unwrapped.batch, task.parameters)
    assert "5 market and 6 account columns of the last bar, 6 of earlier ones" in lines[0]
