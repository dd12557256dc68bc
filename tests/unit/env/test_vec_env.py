"""The batch behind Stable-Baselines3's VecEnv: same-step resets, terminal observations, infos, seeds."""

import numpy as np
import pytest
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor

from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape

TAPE = random_tape(num_sessions=3, minutes=20, num_features=3)


def costly_env(num_envs, seed=0, **changes):
    return TradingVecEnv(full_batch(TAPE, num_envs, seed, **{"execution": make_execution(**COSTLY), **changes}))


def ragged_env(num_envs=3):
    """Return an env whose first account meets a session of four bars, the others one of six, again and again."""
    sessions = [[{"close": 100.0 + i, "open": 100.0 + i} for i in range(length)] for length in (4, 6)]
    batch = full_batch(make_tape(sessions), num_envs)
    batch.assign(np.array([0] + [1] * (num_envs - 1)), np.zeros(num_envs, dtype=np.int64))
    return TradingVecEnv(batch)


def test_vec_env_repeats_the_batch():
    env, batch = costly_env(4), full_batch(TAPE, 4, execution=make_execution(**COSTLY))
    observations = batch.reset()
    assert_same_bits(env.reset(), observations)
    rng = np.random.default_rng(3)
    for _ in range(50):
        actions = rng.integers(0, 3, 4)
        batch.step(actions, observations)
        seen, rewards, dones, _ = env.step(actions)
        assert_same_bits(seen, observations)
        assert rewards.dtype == np.float32
        np.testing.assert_array_equal(rewards, batch.rewards.astype(np.float32))
        np.testing.assert_array_equal(dones, (batch.terminated + batch.truncated) > 0)
        np.testing.assert_array_equal(env.reward_parts, batch.reward_parts)


def test_ended_account_brings_its_last_observation_and_begins_anew():
    env = ragged_env()
    env.reset()
    env.step(np.full(3, BUY))
    observations, _, dones, infos = env.step(np.full(3, BUY))
    assert dones.tolist() == [True, False, False]
    features = env.batch.tape.features
    np.testing.assert_array_equal(infos[0]["terminal_observation"][:2], features[2])
    np.testing.assert_array_equal(observations[0, :2], features[0])
    np.testing.assert_array_equal(observations[1, :2], features[4 + 2])
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[0]["episode"]["l"] == 2
    assert infos[0]["flat_at_end"] is True


def test_running_accounts_share_one_empty_info():
    env = ragged_env()
    env.reset()
    infos = env.step(np.full(3, HOLD))[3]
    assert all(info is infos[0] for info in infos)
    assert dict(infos[0]) == {}
    with pytest.raises(TypeError):
        infos[0]["mine"] = 1
    assert env.step(np.full(3, HOLD))[3][1] is infos[0]


def test_list_of_infos_is_the_callers_own():
    env = ragged_env()
    env.reset()
    for _ in range(3):
        infos = env.step(np.full(3, HOLD))[3]
        assert "mine" not in infos[1]
        infos[1] = {"mine": 1}


def test_truncated_account_says_so():
    # The data end 50 minutes before the close.
    tape = make_tape([[{"close": 100.0, "minutes_to_close": 53 - i} for i in range(4)]])
    env = TradingVecEnv(full_batch(tape))
    env.reset()
    for _ in range(3):
        _, _, dones, infos = env.step(np.array([BUY]))
    assert dones.tolist() == [True]
    assert infos[0]["TimeLimit.truncated"] is True
    assert infos[0]["flat_at_end"] is False


def test_kept_results_do_not_change_with_later_steps():
    env = ragged_env()
    first = env.reset()
    kept = [first.copy()]
    results = []
    for _ in range(2):
        results.append(env.step(np.full(3, BUY)))
        kept.append(tuple(array.copy() for array in results[-1][:3]))
    assert_same_bits(first, kept[0])
    for result, copies in zip(results, kept[1:], strict=True):
        for array, copy in zip(result[:3], copies, strict=True):
            assert_same_bits(array, copy)
    terminal = results[1][3][0]["terminal_observation"]
    before = terminal.copy()
    env.step(np.full(3, SELL))
    assert env.step(np.full(3, SELL))[2][0]  # the account ends again, with a loss where it had a profit
    assert_same_bits(terminal, before)


def test_seed_then_reset_repeats_the_episodes():
    env = costly_env(3, seed=7)

    def play():
        seen = [env.reset()] + [env.step(np.full(3, BUY))[0] for _ in range(30)]
        return np.stack(seen)

    first = play()
    env.seed(7)
    assert_same_bits(play(), first)
    env.seed(8)
    other = play()
    assert not np.array_equal(other, first)
    assert not np.array_equal(play(), other)  # a seed counts for one reset


def test_actions_may_come_as_sb3_sends_them():
    env = costly_env(2, actions=Continuous())
    env.reset()
    env.step(np.array([[0.5], [-0.5]], dtype=np.float32))
    assert env.batch.accounts["target"].tolist() == [50.0, -50.0]


def test_env_answers_what_sb3_asks_of_it():
    env = costly_env(3)
    assert env.env_is_wrapped(Monitor) == [False] * 3
    assert not is_wrapped(env, VecMonitor)
    assert env.get_attr("render_mode") == [None] * 3
    assert env.get_attr("render_mode", indices=[0, 2]) == [None] * 2
    assert env.get_images() == [None] * 3
    assert [parts.shape for parts in env.get_attr("reward_parts")] == [(3, 2)] * 3
    assert not env.has_attr("no_such_thing")
    assert env.env_method("get_images", indices=1) == [[None] * 3]
    env.set_attr("note", 5)
    assert env.get_attr("note") == [5] * 3
    env.close()


def test_env_works_inside_vec_monitor():
    env = VecMonitor(ragged_env())
    env.reset()
    env.step(np.full(3, HOLD))
    infos = env.step(np.full(3, HOLD))[3]
    assert (infos[0]["episode"]["r"], infos[0]["episode"]["l"]) == (0.0, 2)
