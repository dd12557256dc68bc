"""The batch as Stable-Baselines3's VecEnv: resets in the same step, the last observation in the info.

Only accounts whose episode ended get an info of their own; all others share one immutable empty mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from intraday_rl.env.batch_env import FLOAT32, BatchEnv

NO_INFO: Any = MappingProxyType({})


class TradingVecEnv(VecEnv):
    """N trading accounts behind SB3's interface; `batch` is the engine."""

    def __init__(self, batch: BatchEnv) -> None:
        """Wrap the engine."""
        self.batch = batch
        self.no_infos: list[Any] = [NO_INFO] * batch.num_envs
        self.window = batch.shape if len(batch.shape) > 1 else None  # what an observation's row is shaped into
        self.render_mode = None
        super().__init__(batch.num_envs, batch.observation_space, batch.action_space)

    @property
    def reward_parts(self) -> npt.NDArray[np.float64]:
        """Reward of the last step by term, (N, K)."""
        return self.batch.reward_parts

    def reset(self) -> VecEnvObs:
        """Begin an episode in every account."""
        seed = self._seeds[0]
        if seed is not None:
            self.batch.seed(seed)
            self._reset_seeds()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        observations = self.batch.reset()
        return observations if self.window is None else observations.reshape(-1, *self.window)

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self.batch.actions[:] = actions.reshape(self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every account by one bar."""
        batch = self.batch
        observations = np.empty((self.num_envs, batch.width), FLOAT32)
        ended = batch.advance(observations)
        if self.window is not None:
            observations = observations.reshape(-1, *self.window)
        rewards = batch.rewards.astype(FLOAT32)
        if not ended:
            return observations, rewards, np.zeros(self.num_envs, dtype=bool), self.no_infos.copy()
        dones = (batch.terminated + batch.truncated) > 0
        over = np.flatnonzero(dones)
        return observations, rewards, dones, self.episode_infos(over, batch.final_observations[over])

    def episode_infos(self, over: npt.NDArray[np.int64], last: npt.NDArray[np.float32]) -> list[Any]:
        """Return all infos of a step in which the episodes of the accounts `over`, (E,), ended: real ones only there.

        Args:
            over: accounts, (E,).
            last: the last observation of each, (E, F).
        """
        infos = self.no_infos.copy()
        truncated = self.batch.truncated[over].tolist()
        for n, info, observation, cut in zip(
            over.tolist(), self.batch.episode_infos(over), last, truncated, strict=True
        ):
            info["terminal_observation"] = observation.reshape(self.batch.shape)
            info["TimeLimit.truncated"] = cut == 1
            infos[n] = info
        return infos

    def state(self) -> dict[str, Any]:
        """Return the engine's state."""
        return self.batch.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the environment was when it gave that state; a seed that waited for a reset is forgotten."""
        self._reset_seeds()
        self.batch.restore(state)

    def close(self) -> None:
        """Release nothing: the batch holds only arrays."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the attribute, once for each asked account."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set the attribute of this environment (all accounts share it)."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call the method once and return its result for each asked account."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        """Say that no Gymnasium wrapper is inside."""
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[Any]:
        """Return no images: there is nothing to render."""
        return [None] * self.num_envs
