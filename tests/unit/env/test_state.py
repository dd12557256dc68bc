"""Environments set aside and taken up again by new ones: whatever follows is the same, bit by bit."""

import copy

import numpy as np
import pytest

from intraday_rl.core.errors import CheckpointError
from intraday_rl.env.episodes import EPISODES_AHEAD
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.contents import differences, flatten
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, random_tape

TAPE = random_tape(num_sessions=4, minutes=9, num_features=5)
TURNOVER = "terms.turnover.weight"


def new_batch(num_envs=3, order="mixed"):
    return full_batch(TAPE, num_envs, execution=make_execution(**COSTLY), episode_order=order)


def new_env(num_envs=3, order="mixed"):
    return RunningNormalize(TradingVecEnv(new_batch(num_envs, order)), 0.97, 3.0)


def begun(env):
    env.reset()
    return env


def play(env, steps, seed):
    """Step by drawn actions; return all that came back."""
    rng, seen = np.random.default_rng(seed), []
    for _ in range(steps):
        observations, rewards, dones, infos = env.step(rng.integers(0, 3, env.num_envs))
        seen.append({"observations": observations, "rewards": rewards, "dones": dones, "raw": env.get_original_obs()})
        seen[-1]["infos"] = [dict(info) for info in infos]
    return flatten(seen)


@pytest.mark.parametrize("order", ["mixed", "sequential", "weighted"])
def test_environment_goes_on_as_it_would_have(order):
    env, other = new_env(order=order), new_env(order=order)
    env.seed(5)
    env.reset()
    play(env, 20, seed=1)
    env.venv.batch.set_progress(0.25)
    env.venv.batch.set_parameter(TURNOVER, 5e-5)
    if order == "weighted":
        env.venv.batch.set_session_weights(np.array([1.0, 0.0, 2.0, 3.0]))
    play(env, 50, seed=2)
    other.restore(copy.deepcopy(env.state()))
    steps = (EPISODES_AHEAD + 5) * 7  # all that was drawn ahead is used up, and more is drawn
    assert differences(play(env, steps, seed=3), play(other, steps, seed=3)) == []
    assert differences(flatten(env.state()), flatten(other.state())) == []


def test_rules_and_progress_are_those_of_the_moment():
    batch, other = new_batch(), new_batch()
    for weight in (1e-5, 5e-5):
        batch.set_parameter(TURNOVER, weight)
    batch.set_progress(0.25)
    other.restore(copy.deepcopy(batch.state()))
    assert other.rules.terms["turnover"].weight == 5e-5
    assert other.state()["progress"].tolist() == [0.25]


def test_assigned_sessions_stay_assigned():
    batch, other = new_batch(), new_batch()
    batch.assign(np.array([2, 2, 1]), np.zeros(3, dtype=np.int64))
    batch.reset()
    other.restore(copy.deepcopy(batch.state()))
    for one in (batch, other):
        assert one.reset().shape == (3, one.width)
        assert one.accounts["last_bar"].tolist() == TAPE.last_row[[2, 2, 1]].tolist()


def test_state_of_another_size_is_refused_by_name():
    state = copy.deepcopy(begun(new_env(num_envs=2)).state())
    with pytest.raises(CheckpointError, match=r"BatchEnv.accounts must be .* \(3,\)"):
        new_env(num_envs=3).restore(state)


def test_state_of_other_sessions_is_refused_by_name():
    fewer = full_batch(random_tape(num_sessions=3, minutes=9, num_features=5), 3)
    with pytest.raises(CheckpointError, match=r"RandomEpisodes\.probabilities"):
        fewer.restore(copy.deepcopy(full_batch(TAPE, 3).state()))


def test_seed_that_waits_for_a_reset_is_forgotten():
    """SB3 seeds the environment as it builds a model; a training that goes on never resets."""
    env, other = begun(new_env()), new_env()
    other.seed(9)
    other.restore(copy.deepcopy(env.state()))
    assert differences(play(env, 30, seed=1), play(other, 30, seed=1)) == []
    assert (env.reset() == other.reset()).all()
