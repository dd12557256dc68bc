"""Environments from overrides, for Python: one account, SB3's VecEnv, Gymnasium's VectorEnv.

Conventions: overrides are those of the command line. Bars and features of the last two different lists of overrides
stay in memory, read-only, so that many environments on one market load it once; a file that changes meanwhile is not
read again. `seed` starts the streams of episodes and noise; a simulated market has the configuration's own `seed`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose, refuse_strangers
from intraday_rl.app.market_data import MarketData, load_market_data
from intraday_rl.core import checks
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.single_env import TradingEnv
from intraday_rl.env.vector_env import TradingVectorEnv

if TYPE_CHECKING:
    from intraday_rl.env.vec_env import TradingVecEnv

PARTS = ("train", "validation", "test")
MARKETS_KEPT = 2
HIGH_WIN_RATE = "reward=high_win_rate"


def make_env(overrides: Iterable[str] = (), seed: int = 0, sessions: str = "train") -> TradingEnv:
    """Return one account as a `gymnasium.Env`.

    Args:
        overrides: of the configuration, such as `["data=ou_market", "env/actions=target"]`.
        seed: of the episodes; `reset(seed=…)` sets another.
        sessions: the part to trade: train, validation or test.

    Raises:
        IntradayError: the configuration, the data or an argument cannot be used.
    """
    return TradingEnv(_make_batch(overrides, 1, seed, sessions))


def make_vector_env(
    overrides: Iterable[str] = (), num_envs: int = 1, seed: int = 0, sessions: str = "train"
) -> TradingVectorEnv:
    """Return `num_envs` accounts as a Gymnasium VectorEnv, advanced by one call; see `make_env`."""
    return TradingVectorEnv(_make_batch(overrides, num_envs, seed, sessions))


def make_vec_env(
    overrides: Iterable[str] = (), num_envs: int = 1, seed: int = 0, sessions: str = "train"
) -> TradingVecEnv:
    """Return `num_envs` accounts as a Stable-Baselines3 VecEnv, advanced by one call; see `make_env`."""
    from intraday_rl.env.vec_env import TradingVecEnv  # late: brings torch

    return TradingVecEnv(_make_batch(overrides, num_envs, seed, sessions))


def make_high_win_rate_env(overrides: Iterable[str] = (), seed: int = 0, sessions: str = "train") -> TradingEnv:
    """Return `make_env` with `reward=high_win_rate` before the overrides: HighWinRateEnv of the documents (R042).

    The bonus stands as at the training's start; `env.batch.set_progress` lets it fade.
    """
    env = make_env([HIGH_WIN_RATE, *_listed(overrides)], seed, sessions)
    env.batch.set_progress(0.0)
    return env


def make_high_win_rate_vector_env(
    overrides: Iterable[str] = (), num_envs: int = 1, seed: int = 0, sessions: str = "train"
) -> TradingVectorEnv:
    """Return `make_vector_env` with `reward=high_win_rate` before the overrides; see `make_high_win_rate_env`."""
    env = make_vector_env([HIGH_WIN_RATE, *_listed(overrides)], num_envs, seed, sessions)
    env.batch.set_progress(0.0)
    return env


def _listed(overrides: Iterable[str]) -> tuple[str, ...]:
    return (overrides,) if isinstance(overrides, str) else tuple(overrides)


def _make_batch(overrides: Iterable[str], num_envs: int, seed: int, sessions: str) -> BatchEnv:
    checks.one_of("make_env", "sessions", sessions, PARTS)
    checks.non_negative("make_env", "seed", seed)
    market = _load(_listed(overrides))
    return BatchEnv(market.tape, market.rules, getattr(market.split, sessions), num_envs, seed)


@functools.lru_cache(maxsize=MARKETS_KEPT)
def _load(overrides: tuple[str, ...]) -> MarketData:
    config = compose(overrides)
    refuse_strangers(config)
    return load_market_data(build_plan(config))
