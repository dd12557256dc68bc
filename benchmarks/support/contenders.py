"""The contenders of `env_steps.py`: functions that do some steps and return how many, all on the same bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecNormalize

from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.single_env import TradingEnv
from intraday_rl.env.vec_env import TradingVecEnv
from support.market import SEED, Market
from support.peers import gym_anytrading, gym_trading_env

Contender = Callable[[], int]

SINGLE = "gymnasium.Env"
BATCH, VEC = "batch call, N = {:,}", "VecEnv, N = {:,}"
OUR_NORMALIZE, SB3_NORMALIZE = "VecEnv + RunningNormalize, N = {:,}", "VecEnv + SB3's VecNormalize, N = {:,}"
TRADING, ANYTRADING = "gym-trading-env, 390-bar episodes", "gym-anytrading, window 1"

PHASE6 = "experiment=phase6, "  # what is added to the name of a contender under all of its rules
STEPS = {1: 20_280, 8: 7_800, 64: 1_950, 1_024: 390}  # steps of the whole batch in one timing, by N
EPISODE_BARS, EPISODES = 390, 10  # of gym-trading-env in one timing
NORMALIZED = 8  # N of the normalisations
GAMMA, CLIP = 0.99, 10.0


def peers(market: Market) -> dict[str, Contender]:
    """Return the peers.

    Raises:
        ImportError: they are not installed.
    """
    width, rng = market.batch(1).width, np.random.default_rng(SEED)
    trading = gym_trading_env(market.tape, width, EPISODE_BARS)
    anytrading = gym_anytrading(market.tape, width)
    return {
        TRADING: one_account(trading, rng.integers(0, 3, EPISODES * EPISODE_BARS).tolist()),
        ANYTRADING: one_account(anytrading, rng.integers(0, 2, STEPS[1]).tolist()),
    }


def ours(market: Market) -> dict[str, Contender]:
    """Return the environment through each of its interfaces."""
    contenders = {SINGLE: one_account(TradingEnv(market.batch(1)), market.actions(STEPS[1], 1)[:, 0].tolist())}
    for n, steps in STEPS.items():
        contenders[BATCH.format(n)] = batch_call(market.batch(n), market.actions(steps, n))
    for n, steps in STEPS.items():
        contenders[VEC.format(n)] = vec_env(TradingVecEnv(market.batch(n)), market.actions(steps, n))
    actions = market.actions(STEPS[NORMALIZED], NORMALIZED)
    running = RunningNormalize(TradingVecEnv(market.batch(NORMALIZED)), gamma=GAMMA, clip=CLIP)
    theirs = VecNormalize(TradingVecEnv(market.batch(NORMALIZED)), gamma=GAMMA, clip_obs=CLIP, clip_reward=CLIP)
    contenders[OUR_NORMALIZE.format(NORMALIZED)] = vec_env(running, actions)
    contenders[SB3_NORMALIZE.format(NORMALIZED)] = vec_env(theirs, actions)
    return contenders


def under_all_rules(market: Market) -> dict[str, Contender]:
    """Return one account and a large batch of a market whose plan has every cost, rule and term on."""
    large = max(STEPS)
    return {
        PHASE6 + SINGLE: one_account(TradingEnv(market.batch(1)), market.actions(STEPS[1], 1)[:, 0].tolist()),
        PHASE6 + BATCH.format(large): batch_call(market.batch(large), market.actions(STEPS[large], large)),
    }


def one_account(env: Any, actions: list[int]) -> Contender:
    """Step a Gymnasium environment through the actions, resets included."""

    def run() -> int:
        env.reset()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return run


def batch_call(batch: BatchEnv, actions: npt.NDArray[np.int64]) -> Contender:
    """Step the engine itself through (S, N) actions, into one array of observations."""
    observations, rows = batch.reset(), list(actions)

    def run() -> int:
        for row in rows:
            batch.step(row, observations)
        return actions.size

    return run


def vec_env(env: Any, actions: npt.NDArray[np.int64]) -> Contender:
    """Step an SB3 VecEnv through (S, N) actions."""
    env.reset()
    rows = list(actions)

    def run() -> int:
        for row in rows:
            env.step(row)
        return actions.size

    return run
