"""A fixed random rollout of every action map with all costs, limits, exits and terms, for comparing modes of running.

`python -m tests.support.rollout FILE` writes it as npz; run with NUMBA_DISABLE_JIT=1 it is plain Python's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.observation import ACCOUNT_FEATURES
from intraday_rl.env.rewards import Profit, TurnoverPenalty
from intraday_rl.env.risk import FlatBeforeClose, MaxNotional, RiskPerTrade
from intraday_rl.env.risk.layers import OFF
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_layout, random_tape

STEPS, NUM_ENVS = 90, 3
STACKED = ("feature1", "slippage_to_budget", "pending")
MAPS = {"target": DiscreteTarget(), "step": DiscreteStep(), "continuous": Continuous()}


def rollout() -> dict[str, Any]:
    """Return everything that the rollout showed, by map and kind, stacked over steps; records as plain columns."""
    seen: dict[str, Any] = {"jit_disabled": np.array(JIT_DISABLED)}
    for name, actions in MAPS.items():
        for kind, values in _roll(actions).items():
            stacked = np.stack(values)
            for column in stacked.dtype.names or ("",):
                seen[f"{name}.{kind}.{column}"] = stacked[column] if column else stacked
    return seen


def _roll(actions: Any) -> dict[str, list[Any]]:
    tape = random_tape(num_sessions=4, minutes=30, num_features=3, seed=8)
    batch = full_batch(
        tape,
        NUM_ENVS,
        seed=5,
        actions=actions,
        execution=make_execution(**COSTLY),
        limits={"notional": MaxNotional(0.2), "risk_per_trade": RiskPerTrade(0.0003, 0.03)},
        exits={"session_close": FlatBeforeClose(3)},
        layers=OFF._replace(daily_loss=0.0008),
        terms={
            "profit": Profit(0.9),
            "turnover": TurnoverPenalty(weight=5e-5, limit=0.02, linear_slope_mul=50.0),
        },
        reward_scale=0.7,
        layout=make_layout(tape.feature_names, account=ACCOUNT_FEATURES, stacked=STACKED, frames=3),
    )
    env = RunningNormalize(TradingVecEnv(batch), 0.99, 5.0)
    rng = np.random.default_rng(12)
    seen: dict[str, list[Any]] = {}
    first = env.reset()
    seen["first"] = [first]
    for _ in range(STEPS):
        if isinstance(actions, Continuous):
            chosen: Any = rng.uniform(-1.0, 1.0, NUM_ENVS).astype(np.float32)
        else:
            chosen = rng.integers(0, 3, NUM_ENVS)
        normalized, rewards, dones, _ = env.step(chosen)
        moments = np.concatenate([env.obs_rms.mean, env.obs_rms.var, [env.ret_rms.mean, env.ret_rms.var]])
        shown = {
            "normalized": normalized,
            "normalized_rewards": rewards,
            "dones": dones,
            "moments": moments,
            "observations": np.array(env.get_original_obs()),
            "rewards": batch.rewards.copy(),
            "parts": batch.parts.copy(),
            "accounts": np.array(batch.accounts),
            "finished": np.array(batch.finished),
            "fills": np.array(batch.fills),
            "final_observations": batch.final_observations.copy(),
        }
        for kind, value in shown.items():
            seen.setdefault(kind, []).append(value)
    return seen


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **rollout())
