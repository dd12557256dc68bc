"""The batch as Gymnasium's VectorEnv, with same-step autoreset: an ended episode's last observation is in the info."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from intraday_rl.core.errors import ConfigError
from intraday_rl.env.batch_env import BatchEnv


class TradingVectorEnv(VectorEnv[Any, Any, Any]):
    """N trading accounts behind Gymnasium's vector interface; `batch` is the engine."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 (Gymnasium's own convention)

    def __init__(self, batch: BatchEnv) -> None:
        """Wrap the engine."""
        self.batch = batch
        self.num_envs = batch.num_envs
        self.single_observation_space = batch.observation_space
        self.single_action_space = batch.action_space
        self.observation_space = batch_space(batch.observation_space, batch.num_envs)
        self.action_space = batch_space(batch.action_space, batch.num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every account; a seed starts all streams anew.

        Raises:
            ConfigError: the seed is not one whole number (each account draws from its own branch of it).
        """
        if seed is not None:
            try:
                seed = operator.index(cast("int", seed))
            except TypeError as error:
                message = f"TradingVectorEnv.reset: seed must be one whole number, was {seed!r}"
                raise ConfigError(message) from error
            super().reset(seed=seed)
            self.batch.seed(seed)
        return self.batch.reset().reshape(-1, *self.batch.shape), {}

    def step(self, actions: npt.NDArray[Any]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Advance every account by one bar."""
        batch = self.batch
        observations = np.empty((self.num_envs, batch.width), dtype=np.float32)
        ended = batch.step(actions.reshape(self.num_envs), observations)
        observations = observations.reshape(-1, *batch.shape)
        rewards = batch.rewards.copy()
        terminated, truncated = batch.terminated > 0, batch.truncated > 0
        if not ended:
            return observations, rewards, terminated, truncated, {}
        infos: dict[str, Any] = {}
        final_observations = np.full(self.num_envs, None, dtype=object)
        final_infos: dict[str, Any] = {}
        done = terminated | truncated
        over = np.flatnonzero(done)
        for n, info in zip(over.tolist(), batch.episode_infos(over), strict=True):
            final_observations[n] = batch.final_observations[n].reshape(batch.shape).copy()
            final_infos = self._add_info(final_infos, info, n)
        infos["final_obs"], infos["final_info"] = final_observations, final_infos
        infos["_final_obs"] = infos["_final_info"] = done
        return observations, rewards, terminated, truncated, infos
