"""RunningNormalize against SB3's VecNormalize around the same batch: statistics, observations, rewards, files.

Tolerances: running mean and variance 1e-6 relative (the mean relative to the column's deviation, for columns whose mean
is near zero), observations and rewards 2e-5. VecNormalize averages float32 batches in float32, ours in float64.
"""

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecNormalize, sync_envs_normalization

from intraday_rl.env.normalize import RunningNormalize, update_moments
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, SIX, make_execution, make_layout, random_tape

NUM_ENVS = 8
GAMMA = 0.97
CLIP = 3.0  # low, so that it binds
TAPE = random_tape(num_sessions=4, minutes=25, num_features=5)
TAPE.features[:] = TAPE.features * [1.0, 10.0, 1e-3, 1.0, 5.0] + [0.0, 100.0, 0.0, -7.0, 0.0]
TAPE.features[:, 4] = 2.5  # a column that never moves


WINDOW = make_layout(TAPE.feature_names, stacked=(*TAPE.feature_names, *SIX), frames=5)


def new_venv(num_envs=NUM_ENVS, **changes):
    return TradingVecEnv(full_batch(TAPE, num_envs, execution=make_execution(**COSTLY), **changes))


def ours(num_envs=NUM_ENVS, **changes):
    return RunningNormalize(new_venv(num_envs), GAMMA, CLIP, **changes)


def theirs(num_envs=NUM_ENVS, **changes):
    return VecNormalize(new_venv(num_envs), gamma=GAMMA, clip_obs=CLIP, clip_reward=CLIP, **changes)


def assert_same_statistics(mine, reference):
    """Compare the running moments of observations and returns."""
    deviation = np.sqrt(reference.obs_rms.var)
    assert np.max(np.abs(mine.obs_rms.mean - reference.obs_rms.mean) / np.maximum(deviation, 1e-9)) < 1e-6
    np.testing.assert_allclose(mine.obs_rms.var, reference.obs_rms.var, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(mine.ret_rms.mean, reference.ret_rms.mean, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mine.ret_rms.var, reference.ret_rms.var, rtol=1e-6)
    assert mine.obs_rms.count == pytest.approx(reference.obs_rms.count, rel=1e-12)
    assert mine.ret_rms.count == pytest.approx(reference.ret_rms.count, rel=1e-12)


def walk(envs, steps, seed=1, each=None):
    """Step all envs with the same actions; call `each` with what they returned."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        actions = rng.integers(0, 3, envs[0].num_envs)
        results = [env.step(actions) for env in envs]
        if each is not None:
            each(*results)


def assert_same_step(mine, reference):
    np.testing.assert_allclose(mine[0], reference[0], atol=2e-5)
    np.testing.assert_allclose(mine[1], reference[1], atol=2e-5)
    assert mine[0].dtype == mine[1].dtype == np.float32
    np.testing.assert_array_equal(mine[2], reference[2])
    for info, expected in zip(mine[3], reference[3], strict=True):
        assert set(info) == set(expected)
        if "terminal_observation" in expected:
            np.testing.assert_allclose(info["terminal_observation"], expected["terminal_observation"], atol=2e-5)


@pytest.mark.parametrize("num_envs", [1, NUM_ENVS])
def test_training_follows_vec_normalize_step_by_step(num_envs):
    mine, reference = ours(num_envs), theirs(num_envs)
    np.testing.assert_allclose(mine.reset(), reference.reset(), atol=2e-5)
    ends, clipped = [], []

    def compare(my_step, their_step):
        assert_same_step(my_step, their_step)
        assert_same_statistics(mine, reference)
        ends.append(my_step[2].sum())
        clipped.append((np.abs(my_step[0]) == CLIP).sum())

    walk([mine, reference], 120, each=compare)
    assert sum(ends) >= 4 * num_envs  # episodes ended, so terminal observations and cleared returns were met
    assert sum(clipped) > 0
    np.testing.assert_allclose(mine.returns, reference.returns, rtol=1e-6, atol=1e-6)


def test_windows_are_normalised_as_vec_normalize_does(tmp_path):
    mine = RunningNormalize(new_venv(layout=WINDOW), GAMMA, CLIP)
    reference = VecNormalize(new_venv(layout=WINDOW), gamma=GAMMA, clip_obs=CLIP, clip_reward=CLIP)
    first = mine.reset()
    assert first.shape == (NUM_ENVS, 5, 11)
    assert mine.obs_rms.mean.shape == mine.obs_rms.var.shape == (5, 11)
    np.testing.assert_allclose(first, reference.reset(), atol=2e-5)
    ends = []

    def compare(my_step, their_step):
        assert_same_step(my_step, their_step)
        assert_same_statistics(mine, reference)
        np.testing.assert_array_equal(mine.get_original_obs(), reference.get_original_obs())
        ends.append(my_step[2].sum())

    walk([mine, reference], 60, each=compare)
    assert sum(ends) >= NUM_ENVS
    raw = mine.get_original_obs()
    np.testing.assert_allclose(mine.normalize_obs(raw[0]), reference.normalize_obs(raw[0]), atol=2e-5)
    np.testing.assert_allclose(mine.unnormalize_obs(raw), reference.unnormalize_obs(raw), rtol=1e-5, atol=1e-5)
    mine.save(str(tmp_path / "vecnormalize.pkl"))
    loaded = VecNormalize.load(str(tmp_path / "vecnormalize.pkl"), new_venv(layout=WINDOW))
    np.testing.assert_allclose(loaded.normalize_obs(raw), mine.normalize_obs(raw), atol=2e-5)
    other = RunningNormalize(new_venv(layout=WINDOW), GAMMA, CLIP)
    other.take_statistics(loaded)
    assert_same_bits(other.obs_rms.mean, mine.obs_rms.mean)


def test_comparison_of_statistics_sees_a_difference():
    mine, reference = ours(), theirs()
    mine.reset()
    reference.reset()
    assert_same_statistics(mine, reference)
    reference.obs_rms.mean = reference.obs_rms.mean + 2e-6 * np.sqrt(reference.obs_rms.var)
    with pytest.raises(AssertionError):
        assert_same_statistics(mine, reference)


def test_without_training_the_statistics_stand_still():
    mine, reference = ours(), theirs()
    mine.reset()
    reference.reset()
    walk([mine, reference], 30)
    before = (mine.obs_rms, mine.ret_rms)
    mine.training = reference.training = False
    np.testing.assert_allclose(mine.reset(), reference.reset(), atol=2e-5)
    walk([mine, reference], 60, seed=2, each=assert_same_step)
    for kept, now in zip(before, (mine.obs_rms, mine.ret_rms), strict=True):
        assert_same_bits(np.asarray(kept.mean), np.asarray(now.mean))
        assert_same_bits(np.asarray(kept.var), np.asarray(now.var))
        assert kept.count == now.count
    mine.training = True
    walk([mine], 1)
    assert mine.obs_rms.count == before[0].count + NUM_ENVS


def test_frozen_evaluation_repeats_itself_bit_by_bit():
    trained = ours()
    trained.reset()
    walk([trained], 40)
    rolls = []
    for _ in range(2):
        env = ours(training=False, norm_reward=False)
        env.take_statistics(trained)
        seen = [env.reset()]
        walk([env], 30, each=lambda step, seen=seen: seen.append(step[0]))
        rolls.append(np.stack(seen))
    assert_same_bits(rolls[0], rolls[1])


@pytest.mark.parametrize("late", [False, True])
def test_rewards_may_stay_as_they_are(late):
    mine = ours() if late else ours(norm_reward=False)
    mine.reset()
    if late:
        mine.norm_reward = False
    walk(
        [mine], 5, each=lambda step: np.testing.assert_array_equal(step[1], mine.venv.batch.rewards.astype(np.float32))
    )
    assert mine.norm_reward is False
    mine.norm_reward = True
    _, scaled, _, _ = mine.step(np.full(NUM_ENVS, 2))
    expected = np.clip(mine.venv.batch.rewards / np.sqrt(mine.ret_rms.var + 1e-8), -CLIP, CLIP)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)


def test_raw_values_stay_at_hand():
    mine, reference = ours(), theirs()
    mine.reset()
    reference.reset()
    np.testing.assert_array_equal(mine.get_original_obs(), reference.get_original_obs())

    def compare(_my_step, _their_step):
        np.testing.assert_array_equal(mine.get_original_obs(), reference.get_original_obs())
        np.testing.assert_allclose(mine.get_original_reward(), reference.get_original_reward(), rtol=1e-6)

    walk([mine, reference], 40, each=compare)


def test_helpers_use_the_running_statistics():
    mine, reference = ours(), theirs()
    mine.reset()
    reference.reset()
    walk([mine, reference], 40)
    raw = TAPE.features[:6].mean(axis=0)
    observation = np.concatenate([raw, np.zeros(6)]).astype(np.float32)
    batch = np.stack([observation, 2 * observation])
    for given in (observation, batch, batch[None]):
        normal = mine.normalize_obs(given)
        assert normal.shape == given.shape
        np.testing.assert_allclose(normal, reference.normalize_obs(given), atol=2e-5)
        np.testing.assert_allclose(
            mine.unnormalize_obs(normal), reference.unnormalize_obs(normal), rtol=1e-5, atol=1e-5
        )
    rewards = np.array([1.0, -2.0, 500.0])
    np.testing.assert_allclose(mine.normalize_reward(rewards), reference.normalize_reward(rewards), rtol=1e-5)
    np.testing.assert_allclose(mine.unnormalize_reward(rewards), reference.unnormalize_reward(rewards), rtol=1e-5)


def test_normalize_obs_changes_neither_its_input_nor_the_statistics():
    mine = ours()
    observation = mine.reset()
    before, moments = observation.copy(), mine.obs_rms
    mine.normalize_obs(observation)
    assert_same_bits(observation, before)
    assert_same_bits(mine.obs_rms.mean, moments.mean)


def test_saved_statistics_load_in_sb3(tmp_path):
    mine = ours()
    mine.reset()
    walk([mine], 40)
    path = str(tmp_path / "vecnormalize.pkl")
    mine.save(path)
    loaded = VecNormalize.load(path, new_venv())
    assert type(loaded) is VecNormalize
    assert_same_statistics(mine, loaded)
    assert (loaded.gamma, loaded.clip_obs, loaded.clip_reward, loaded.epsilon) == (GAMMA, CLIP, CLIP, 1e-8)
    observation = mine.get_original_obs()
    np.testing.assert_allclose(loaded.normalize_obs(observation), mine.normalize_obs(observation), atol=2e-5)


def test_statistics_saved_by_sb3_are_taken_over(tmp_path):
    reference = theirs()
    reference.reset()
    walk([reference], 40)
    path = str(tmp_path / "vecnormalize.pkl")
    reference.save(path)
    mine = ours()
    mine.take_statistics(VecNormalize.load(path, new_venv()))
    assert_same_statistics(mine, reference)
    mine.reset()
    again = VecNormalize.load(path, new_venv())
    again.reset()
    walk([mine, again], 40, each=assert_same_step)  # training goes on as it would have
    assert_same_statistics(mine, again)


def test_statistics_go_there_and_back_without_a_bit_lost(tmp_path):
    mine = ours()
    mine.reset()
    walk([mine], 40)
    path = str(tmp_path / "vecnormalize.pkl")
    mine.save(path)
    other = ours()
    other.take_statistics(VecNormalize.load(path, new_venv()))
    assert_same_bits(other.obs_rms.mean, mine.obs_rms.mean)
    assert_same_bits(other.obs_rms.var, mine.obs_rms.var)
    assert (other.obs_rms.count, other.ret_rms.count) == (mine.obs_rms.count, mine.ret_rms.count)
    assert (float(other.ret_rms.mean), float(other.ret_rms.var)) == (float(mine.ret_rms.mean), float(mine.ret_rms.var))


def test_taken_statistics_are_a_copy():
    first, second = ours(), ours()
    first.reset()
    walk([first], 5)
    second.take_statistics(first)
    kept = second.obs_rms.mean
    walk([first], 5)
    assert_same_bits(second.obs_rms.mean, kept)


@pytest.mark.parametrize("make", [ours, theirs])
def test_sb3_synchronises_evaluation_with_training(make):
    trained, evaluation = ours(), make(training=False)
    trained.reset()
    walk([trained], 20)
    sync_envs_normalization(trained, evaluation)
    assert_same_statistics(evaluation, trained)


def test_reset_forgets_the_discounted_returns():
    mine, reference = ours(), theirs()
    for _ in range(2):
        mine.reset()
        reference.reset()
        walk([mine, reference], 7, each=assert_same_step)
    assert_same_statistics(mine, reference)


def test_kept_observations_do_not_change_with_later_steps():
    env = ours()
    kept = [env.reset()]
    walk([env], 4, each=lambda step: kept.extend(step[:2]))
    copies = [array.copy() for array in kept]
    raw = env.get_original_obs()
    raw_copy = raw.copy()
    walk([env], 4)
    for array, copy in zip([*kept, raw], [*copies, raw_copy], strict=True):
        assert_same_bits(array, copy)


def test_large_offsets_lose_no_digits():
    # Mean 1e4, deviation 1: a sum of squares in float32 would lose the variance altogether.
    rng = np.random.default_rng(0)
    values = (1e4 + rng.standard_normal((400, 3))).astype(np.float32)
    moments, count = np.zeros((3, 3)), 1e-4
    moments[1] = 1.0
    for block in values.reshape(50, 8, 3):
        update_moments(block, moments, count)
        count += 8
    exact = values.astype(np.float64)
    np.testing.assert_allclose(
        moments[0], exact.mean(axis=0), rtol=1e-6
    )  # the start's weight 1e-4 of 400 pulls by 2.5e-7
    spread = exact.var(axis=0) + 1e-4 / 400 * 1e8  # ... and adds w / n * mean^2 to the variance
    np.testing.assert_allclose(moments[1], spread, rtol=1e-4)
