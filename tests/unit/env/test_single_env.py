"""The single environment: Gymnasium's contract, refused actions, and the same numbers as the batch."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.monitor import Monitor

from intraday_rl.core.errors import ConfigError
from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.single_env import TradingEnv
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape

TAPE = random_tape(num_sessions=3, minutes=20, num_features=3)


def new_env(tape=TAPE, **changes):
    return TradingEnv(full_batch(tape, **{"execution": make_execution(**COSTLY), **changes}))


def quiet_env(**changes):
    return new_env(make_tape([[{"close": 100.0} for _ in range(6)]] * 4), **changes)


@pytest.mark.parametrize("actions", [DiscreteTarget(), DiscreteStep(), Continuous()], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize(
    "check", [lambda env: check_env(env, skip_render_check=True), sb3_check_env], ids=["gym", "sb3"]
)
def test_env_passes_the_checkers_of_both_libraries(check, actions):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")  # features have no bounds
        warnings.simplefilter("error", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check(new_env(actions=actions))


def test_env_repeats_the_batch_step_by_step():
    env, batch = new_env(), full_batch(TAPE, execution=make_execution(**COSTLY))
    observations = batch.reset()
    observation, info = env.reset()
    assert info == {}
    rng = np.random.default_rng(3)
    for _ in range(60):
        assert_same_bits(observation, observations[0])
        action = int(rng.integers(3))
        ended = batch.step(np.array([action]), observations)
        observation, reward, terminated, truncated, info = env.step(action)
        assert reward == batch.rewards[0]
        assert (terminated, truncated) == (bool(batch.terminated[0]), bool(batch.truncated[0]))
        assert sum(info["reward_parts"].values()) == reward
        if ended:
            assert_same_bits(observation, batch.final_observations[0])
            assert info["session"] == batch.episode_infos([0])[0]["session"]
            observation, _ = env.reset()


def test_step_returns_plain_values_of_the_contract():
    env = new_env()
    env.reset()
    observation, reward, terminated, truncated, info = env.step(BUY)
    assert observation.dtype == np.float32
    assert observation in env.observation_space
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert info == {"reward_parts": info["reward_parts"], "action_pattern": ""}


def test_returned_observations_are_the_callers_own():
    env = new_env()
    first, _ = env.reset()
    kept = first.copy()
    second = env.step(BUY)[0]
    env.step(SELL)
    assert_same_bits(first, kept)
    second[:] = 7.0
    assert not (env.step(BUY)[0] == 7.0).any()


def test_first_observation_after_an_end_is_the_callers_own():
    env = quiet_env()
    env.reset()
    for _ in range(4):
        env.step(HOLD)
    first, _ = env.reset()
    kept = first.copy()
    env.step(BUY)
    assert_same_bits(first, kept)


def test_last_info_tells_of_the_episode():
    env = quiet_env()
    env.reset()
    for _ in range(4):
        observation, _, terminated, truncated, info = env.step(HOLD)
    assert (terminated, truncated) == (True, False)
    assert info == {
        "reward_parts": {"profit": 0.0, "turnover": 0.0},
        "action_pattern": "",
        "symbol": "TEST",
        "session": info["session"],
        "session_return": 0.0,
        "max_drawdown": 0.0,
        "turnover": 0.0,
        "round_trips": 0,
        "in_market_bars": 0,
        "episode_reward_parts": {"profit": 0.0, "turnover": 0.0},
        "flat_at_end": True,
        "turnover_ratio": 0.0,
        "penalty": 0.0,
        "penalty_frequency": 0.0,
        "pattern_frequency": 0.0,
        "interventions": 0,
        "baseline_resets": 0,
        "halted_by": "",
        "shaped_minus_true": 0.0,
    }
    assert observation in env.observation_space


@pytest.mark.parametrize("seed", [0, 1])
def test_reset_with_a_seed_repeats_the_episodes(seed):
    env = new_env()

    def play():
        seen = [env.reset(seed=seed)[0]]
        for action in [BUY, SELL] * 20:
            observation, _, terminated, truncated, _ = env.step(action)
            seen.append(env.reset()[0] if terminated or truncated else observation)
        return np.stack(seen)

    first = play()
    env.reset()
    assert_same_bits(play(), first)


def test_reset_with_another_seed_gives_other_episodes():
    env = new_env()
    starts = {tuple(env.reset(seed=seed)[0].tolist()) for seed in range(8)}
    assert len(starts) > 1


@pytest.mark.parametrize("action", [-1, 3, 1.5, 1.0, float("nan"), np.array([0, 1]), "BUY", None])
def test_discrete_env_refuses_what_is_no_action(action):
    env = new_env()
    env.reset()
    with pytest.raises(ConfigError, match=r"action must be 0 \(SELL\), 1 \(HOLD\) or 2 \(BUY\), was"):
        env.step(action)


@pytest.mark.parametrize("action", [0, np.int64(2), np.uint8(1), np.array(2), True])
def test_discrete_env_takes_whole_numbers_of_any_kind(action):
    env = new_env()
    env.reset()
    env.step(action)


@pytest.mark.parametrize("action", [[1.1], [-1.0001], [np.nan], [np.inf], [], [0.5, 0.9], None], ids=str)
def test_continuous_env_refuses_what_is_no_action(action):
    env = new_env(actions=Continuous())
    env.reset()
    with pytest.raises(ConfigError, match=r"action must .*\[-1, 1\], was"):
        env.step(action)


@pytest.mark.parametrize("action", [0.5, [0.5], np.array([-1.0], dtype=np.float32), np.array([[1.0]]), 0])
def test_continuous_env_takes_one_number_of_any_shape(action):
    env = new_env(actions=Continuous())
    env.reset()
    env.step(action)


def test_refused_action_changes_nothing():
    env = new_env()
    env.reset()
    with pytest.raises(ConfigError):
        env.step(9)
    assert env.batch.accounts["steps"][0] == 0


def test_step_is_refused_before_the_first_reset():
    with pytest.raises(ConfigError, match="reset"):
        quiet_env().step(HOLD)


def test_step_is_refused_after_the_end_until_reset():
    env = quiet_env()
    env.reset()
    for _ in range(4):
        env.step(HOLD)
    with pytest.raises(ConfigError, match="reset"):
        env.step(BUY)
    observation, _ = env.reset()
    assert (env.batch.accounts["steps"][0], env.batch.accounts["position"][0]) == (0, 0.0)
    np.testing.assert_array_equal(observation[:2], env.batch.tape.features[env.batch.accounts["bar"][0]])
    env.step(BUY)


def test_env_refuses_a_batch_of_several_accounts():
    with pytest.raises(ConfigError, match=r"num_envs = 1, was 2"):
        TradingEnv(full_batch(TAPE, 2))


@pytest.mark.parametrize(
    "wrap",
    [
        gymnasium.wrappers.RecordEpisodeStatistics,
        gymnasium.wrappers.OrderEnforcing,
        Monitor,
        gymnasium.wrappers.NormalizeReward,
    ],
)
def test_env_works_inside_the_usual_wrappers(wrap):
    env = wrap(quiet_env())
    env.reset(seed=1)
    terminated = False
    while not terminated:
        _, _, terminated, _, info = env.step(HOLD)
    if wrap in (gymnasium.wrappers.RecordEpisodeStatistics, Monitor):
        assert (float(info["episode"]["r"]), int(info["episode"]["l"])) == (0.0, 4)
