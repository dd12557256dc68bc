"""The batch behind Gymnasium's VectorEnv: same-step autoreset in Gymnasium's own format, seeds, repeatability."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from intraday_rl.core.errors import ConfigError
from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous
from intraday_rl.env.single_env import TradingEnv
from intraday_rl.env.vector_env import TradingVectorEnv
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape

TAPE = random_tape(num_sessions=3, minutes=20, num_features=3)


def costly_env(num_envs, seed=0, **changes):
    return TradingVectorEnv(full_batch(TAPE, num_envs, seed, **{"execution": make_execution(**COSTLY), **changes}))


def ragged_batch(sessions):
    """Return a batch whose account n meets a session of 4 bars (0) or 6 bars (1), as `sessions` says."""
    tape = make_tape([[{"close": 100.0 + i, "open": 100.0 + i} for i in range(length)] for length in (4, 6)])
    batch = full_batch(tape, len(sessions))
    batch.assign(np.array(sessions), np.zeros(len(sessions), dtype=np.int64))
    return batch


def test_vector_env_spaces_are_those_of_its_accounts():
    env = costly_env(3)
    assert env.single_action_space == gymnasium.spaces.Discrete(3)
    assert env.action_space == gymnasium.spaces.MultiDiscrete([3, 3, 3])
    assert env.observation_space.shape == (3, 9)
    assert env.reset()[0] in env.observation_space
    assert costly_env(2, actions=Continuous()).action_space.shape == (2, 1)


def test_vector_env_resets_in_the_same_step_as_gymnasium_does():
    ours = TradingVectorEnv(ragged_batch([0, 1, 1]))
    theirs = SyncVectorEnv(
        [lambda s=session: TradingEnv(ragged_batch([s])) for session in (0, 1, 1)],
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert_same_bits(ours.reset()[0], theirs.reset()[0])
    rng = np.random.default_rng(2)
    for _ in range(30):
        actions = rng.integers(0, 3, 3)
        mine, reference = ours.step(actions), theirs.step(actions)
        for array, expected in zip(mine[:4], reference[:4], strict=True):
            assert_same_bits(array, expected)
        compare_infos(mine[4], reference[4])


def compare_infos(ours, theirs):
    """Compare what the info of a step says of ended episodes."""
    assert ("final_obs" in ours) == ("final_obs" in theirs)
    if "final_obs" not in ours:
        assert ours == {}
        return
    np.testing.assert_array_equal(ours["_final_obs"], theirs["_final_obs"])
    np.testing.assert_array_equal(ours["_final_info"], theirs["_final_info"])
    for mine, reference in zip(ours["final_obs"], theirs["final_obs"], strict=True):
        if reference is None:
            assert mine is None
        else:
            assert_same_bits(mine, reference)
    for key in (
        "session",
        "session_return",
        "max_drawdown",
        "turnover",
        "round_trips",
        "in_market_bars",
        "flat_at_end",
    ):
        np.testing.assert_array_equal(ours["final_info"][key], theirs["final_info"][key])
        np.testing.assert_array_equal(ours["final_info"][f"_{key}"], theirs["final_info"][f"_{key}"])
    parts = "episode_reward_parts"
    np.testing.assert_array_equal(ours["final_info"][parts]["profit"], theirs["final_info"][parts]["profit"])


def test_vector_env_keeps_truncation_apart_from_termination():
    tape = make_tape([[{"close": 100.0, "minutes_to_close": 53 - i} for i in range(4)]])
    env = TradingVectorEnv(full_batch(tape, 2))
    env.reset()
    for _ in range(3):
        _, _, terminated, truncated, infos = env.step(np.array([BUY, HOLD]))
    assert terminated.tolist() == [False, False]
    assert truncated.tolist() == [True, True]
    assert infos["final_info"]["flat_at_end"].tolist() == [False, True]


@pytest.mark.parametrize("seed", [3, np.int64(3)])
def test_seed_repeats_the_episodes(seed):
    env = costly_env(3)

    def play():
        seen = [env.reset(seed=seed)[0]] + [env.step(np.full(3, BUY))[0] for _ in range(30)]
        return np.stack(seen)

    first = play()
    env.reset()
    assert_same_bits(play(), first)
    assert not np.array_equal(env.reset(seed=4)[0], first[0])


def test_reset_without_a_seed_goes_on():
    env = costly_env(3)
    starts = [env.reset()[0][:, 0].tolist() for _ in range(3)]
    assert len({tuple(start) for start in starts}) == 3  # three sessions, each met once


@pytest.mark.parametrize("seed", [[1, 2, 3], [None, 1, 2], 1.5])
def test_seeds_that_are_not_one_number_are_refused(seed):
    with pytest.raises(ConfigError, match="seed must be one whole number"):
        costly_env(3).reset(seed=seed)


def test_kept_results_do_not_change_with_later_steps():
    env = costly_env(3)
    env.reset()
    kept = env.step(np.full(3, BUY))[:4]
    copies = [array.copy() for array in kept]
    for _ in range(25):
        env.step(np.full(3, BUY))
    for array, copy in zip(kept, copies, strict=True):
        assert_same_bits(array, copy)


def test_kept_last_observations_do_not_change_with_later_episodes():
    env = TradingVectorEnv(ragged_batch([0]))
    env.reset()
    env.step(np.array([BUY]))
    terminal = env.step(np.array([BUY]))[4]["final_obs"][0]
    before = terminal.copy()
    env.step(np.array([SELL]))
    assert "final_obs" in env.step(np.array([SELL]))[4]  # a loss where the first episode had a profit
    assert_same_bits(terminal, before)


def test_continuous_actions_may_be_a_column():
    env = costly_env(2, actions=Continuous())
    env.reset()
    env.step(np.array([[0.5], [-0.5]], dtype=np.float32))
    assert env.batch.accounts["target"].tolist() == [50.0, -50.0]


def test_vector_env_works_inside_the_statistics_wrapper():
    env = RecordEpisodeStatistics(TradingVectorEnv(ragged_batch([0, 1])))
    env.reset(seed=None)
    env.step(np.array([HOLD, HOLD]))
    infos = env.step(np.array([HOLD, HOLD]))[4]
    assert infos["_episode"].tolist() == [True, False]
    assert infos["episode"]["l"][0] == 2
