"""Environments made from overrides; both libraries' own checkers are the oracles of the interfaces."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

import intraday_rl
from intraday_rl.core.errors import IntradayError

SMALL = ("data=ou_market", "data.source.num_sessions=12", "features=known_state", "risk=units_only")
ID = intraday_rl.ENVIRONMENT_ID


@pytest.mark.parametrize("actions", ["step", "target", "continuous"])
def test_gymnasiums_checker_passes(actions: str):
    env = gymnasium.make(ID, overrides=[*SMALL, f"env/actions={actions}"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*infinity.*")
        gymnasium_check(env.unwrapped)


@pytest.mark.parametrize("actions", ["step", "continuous"])
def test_sb3s_checker_passes_without_a_warning(actions: str):
    env = gymnasium.make(ID, overrides=[*SMALL, f"env/actions={actions}"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check(env)


def test_the_id_offers_a_vector_of_one_engine():
    env = gymnasium.make_vec(ID, num_envs=8, overrides=list(SMALL), seed=4)
    observations, _ = env.reset()
    assert observations.shape == (8, 3)  # 2 features of the market and the position
    assert env.unwrapped.batch.num_envs == 8
    assert env.spec.kwargs["vectorization_mode"] == "vector_entry_point"
    assert env.step(env.action_space.sample())[1].shape == (8,)


def test_the_three_kinds_meet_the_same_market():
    single = intraday_rl.make_env(SMALL, seed=5)
    vector = intraday_rl.make_vector_env(SMALL, num_envs=1, seed=5)
    sb3 = intraday_rl.make_vec_env(SMALL, num_envs=1, seed=5)
    observation, _ = single.reset()
    np.testing.assert_array_equal(vector.reset()[0][0], observation)
    np.testing.assert_array_equal(sb3.reset()[0], observation)
    earned = 0.0
    for action in (2, 2, 1, 0, 0):
        reward = single.step(action)[1]
        assert vector.step(np.array([action]))[1][0] == reward
        assert sb3.step(np.array([action]))[1][0] == np.float32(reward)
        earned += abs(reward)
    assert earned > 0.0


def test_the_seed_decides_the_episodes():
    def sessions(seed: int) -> list[str]:
        env = intraday_rl.make_vector_env(SMALL, num_envs=6, seed=seed)
        env.reset()
        return [env.batch.tape.session_of(int(row)) for row in env.batch.accounts["bar"]]

    assert sessions(1) == sessions(1)
    assert sessions(1) != sessions(2)


def test_parts_trade_sessions_of_their_own():
    envs = [intraday_rl.make_env(SMALL, sessions=part) for part in ("train", "validation", "test")]
    sessions = [set(env.batch.sessions.tolist()) for env in envs]
    assert all(sessions)
    assert sessions[0].isdisjoint(sessions[1])
    assert sessions[1].isdisjoint(sessions[2])
    assert max(sessions[0]) < min(sessions[1])
    assert max(sessions[1]) < min(sessions[2])


def test_equal_overrides_share_one_market():
    first, second = intraday_rl.make_env(SMALL), intraday_rl.make_env(list(SMALL), seed=9)
    assert first.batch.tape is second.batch.tape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"overrides": ["algo=pp0"]}, "algo has no choice pp0"),
        ({"overrides": "data.source.num_sessions=0"}, "num_sessions must be"),
        ({"overrides": ["data=historical", "data.path=nowhere", "data.symbols=[SPY]"]}, "no such file or folder"),
        (
            {"overrides": SMALL, "sessions": "all"},
            "make_env.sessions must be one of train, validation, test, was 'all'",
        ),
        (
            {
                "overrides": [
                    "data=historical",
                    "data.path=x",
                    "data.symbols=[SPY]",
                    "+market.by_symbol.SPX.instrument.multiplier=50",
                ]
            },
            "market.by_symbol.SPX is not one of data.symbols",
        ),
        ({"overrides": SMALL, "seed": -1}, "make_env.seed must be >= 0, was -1"),
    ],
)
def test_errors_are_our_own(arguments: dict[str, object], message: str):
    with pytest.raises(IntradayError) as refusal:
        intraday_rl.make_env(**arguments)
    assert message in str(refusal.value)


def test_importing_the_package_is_light_and_lists_what_it_offers():
    assert {"make_env", "make_vec_env", "make_vector_env", "register_environments"} <= set(dir(intraday_rl))
    with pytest.raises(AttributeError, match="has no attribute 'make_enw'"):
        intraday_rl.make_enw  # noqa: B018


def test_registering_again_is_harmless():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intraday_rl.register_environments()
    assert gymnasium.spec(ID).vector_entry_point == "intraday_rl.app.make:make_vector_env"


def test_high_win_rate_pays_its_bonus():
    """Gains of round trips count ten times: the bonus is nine times the gain, 0.5 times the loss."""
    env = gymnasium.make("HighWinRate-v0", overrides=("data.source.num_sessions=40",), disable_env_checker=True)
    env.reset(seed=0)
    paid = []
    for action in [2, 1, 1, 0] * 60:
        _, _, terminated, truncated, info = env.step(action)
        paid.append(info["reward_parts"]["round_trips"])
        if terminated or truncated:
            break
    assert any(part != 0.0 for part in paid)
