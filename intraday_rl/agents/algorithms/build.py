"""From parameters to an untrained model: the type of the parameters decides the algorithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.algorithms.ppo import build_ppo
from intraday_rl.agents.algorithms.recurrent_ppo import build_recurrent_ppo
from intraday_rl.agents.algorithms.sac import build_sac
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters

BUILDERS: dict[type, Callable[[Any, VecEnv, int], Any]] = {
    PpoParameters: build_ppo,
    RecurrentPpoParameters: build_recurrent_ppo,
    SacParameters: build_sac,
}


def build_model(parameters: Any, env: VecEnv, seed: int) -> Any:
    """Return an untrained SB3 model of the parameters' algorithm on the environment.

    Args:
        parameters: one of the keys of `BUILDERS`.
        env: N environments.
        seed: of the weights and of the sampled actions.
    """
    return BUILDERS[type(parameters)](parameters, env, seed)
