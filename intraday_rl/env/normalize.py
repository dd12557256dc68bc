"""Running normalisation of observations and rewards: SB3's VecNormalize, computed in one compiled pass over the batch.

Same statistics, same format (`obs_rms`, `ret_rms`, `save`, `load`), same results to float32 precision; VecNormalize
itself costs twenty times a step of the batch. Statistics are float64; they change only while `training` is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from intraday_rl.core import structs
from intraday_rl.core.jit import entry, njit
from intraday_rl.core.persistence.arrays import fill
from intraday_rl.env.batch_env import FLOAT32
from intraday_rl.env.vec_env import TradingVecEnv

Array = npt.NDArray[Any]
BOOL = np.dtype(np.bool_)
MEAN, VARIANCE, SCRATCH = 0, 1, 2  # planes of `moments`


@dataclass
class Settings:
    """What the pass needs beside the arrays, and the running moments of the discounted returns."""

    gamma: float
    epsilon: float
    clip: float
    training: int
    norm_reward: int
    count: float  # weight of the observations' moments
    return_count: float
    return_mean: float
    return_variance: float


@njit
def update_moments(values: Array, moments: Array, count: float) -> None:
    """Merge a batch into running moments, column by column.

    Args:
        values: the batch, (N, F).
        moments: running mean, running population variance and work space, (3, F), changed.
        count: weight of the running moments before the batch.

    Source: Chan, Golub, LeVeque (1979), the pairwise merge that VecNormalize uses.
    """
    size, width = values.shape
    mean, variance, batch = moments[MEAN], moments[VARIANCE], moments[SCRATCH]
    total = count + size
    for f in range(width):
        batch[f] = 0.0
    for n in range(size):
        for f in range(width):
            batch[f] += values[n, f]
    for f in range(width):
        batch[f] /= size
        delta = batch[f] - mean[f]
        variance[f] = variance[f] * count + delta * delta * count * size / total
        mean[f] += delta * size / total
    for n in range(size):
        for f in range(width):
            gap = values[n, f] - batch[f]
            variance[f] += gap * gap
    for f in range(width):
        variance[f] /= total


@njit
def normalize_into(values: Array, moments: Array, settings: Array, out: Array) -> None:
    """Write clip((values - mean) / sqrt(variance + epsilon), -clip, clip), all (N, F); the rest as in `observe`."""
    mean, variance, inverse = moments[MEAN], moments[VARIANCE], moments[SCRATCH]
    epsilon, clip = settings[0].epsilon, settings[0].clip
    for f in range(values.shape[1]):
        inverse[f] = 1.0 / np.sqrt(variance[f] + epsilon)
    for n in range(values.shape[0]):
        for f in range(values.shape[1]):
            out[n, f] = min(max((values[n, f] - mean[f]) * inverse[f], -clip), clip)


@njit
def observe(values: Array, moments: Array, settings: Array, out: Array) -> None:
    """Update the moments with a batch of observations while training, then write it normalised.

    Args:
        values: raw observations, (N, F).
        moments: (3, F), see `update_moments`.
        settings: one Settings record, (1,).
        out: written, (N, F).
    """
    row = settings[0]
    if row.training > 0:
        update_moments(values, moments, row.count)
        row.count += values.shape[0]
    normalize_into(values, moments, settings, out)


@njit
def merge_returns(returns: Array, accounts: Array, row: Settings) -> None:
    """Carry the discounted returns one step on and merge them into their running moments; returns and accounts (N,)."""
    size = returns.shape[0]
    mean, squares = 0.0, 0.0
    for n in range(size):
        returns[n] = returns[n] * row.gamma + accounts[n].reward
        mean += returns[n] / size
    for n in range(size):
        squares += (returns[n] - mean) ** 2
    delta = mean - row.return_mean
    total = row.return_count + size
    squares += row.return_variance * row.return_count + delta * delta * row.return_count * size / total
    row.return_mean += delta * size / total
    row.return_variance = squares / total
    row.return_count = total


@njit
def normalize_step(values: Array, accounts: Array, moments: Array, settings: Array, outputs: Any) -> None:
    """Normalise what one step of the batch brought.

    Args:
        values: raw observations, (N, F).
        accounts: AccountRow records after the step, (N,).
        moments: (3, F), see `update_moments`.
        settings: one Settings record, (1,).
        outputs: (observations (N, F), rewards (N,), dones (N,), discounted returns (N,)): written.
    """
    observations, rewards, dones, returns = outputs
    row = settings[0]
    observe(values, moments, settings, observations)
    if row.training > 0:
        merge_returns(returns, accounts, row)
    scale = 1.0 / np.sqrt(row.return_variance + row.epsilon)
    for n in range(accounts.shape[0]):
        reward = accounts[n].reward
        rewards[n] = min(max(reward * scale, -row.clip), row.clip) if row.norm_reward > 0 else reward
        dones[n] = accounts[n].terminated + accounts[n].truncated > 0
        if dones[n]:
            returns[n] = 0.0


class RunningNormalize(VecNormalize):
    """VecNormalize with its arithmetic compiled, around a TradingVecEnv.

    Discount, epsilon and clips are fixed at construction; `training`, `norm_reward`, `obs_rms` and `ret_rms` may be
    set.
    """

    venv: TradingVecEnv

    def __init__(
        self, venv: TradingVecEnv, gamma: float, clip: float, *, training: bool = True, norm_reward: bool = True
    ) -> None:
        """Wrap the batch.

        Args:
            venv: the environment, observations (N, F), or (N, bars, features) with F = bars * features.
            gamma: discount of the returns whose variance scales the rewards.
            clip: bound on normalised observations and rewards.
            training: whether statistics are updated.
            norm_reward: whether rewards are scaled.
        """
        self._settings = structs.empty(Settings, 1)
        self._moments = np.zeros((3, venv.batch.width))
        self._raw = np.zeros((venv.num_envs, venv.batch.width), FLOAT32)  # overwritten by every step
        self._shown = self._raw.reshape(-1, *venv.batch.shape)
        super().__init__(venv, training=training, norm_reward=norm_reward, clip_obs=clip, clip_reward=clip, gamma=gamma)
        for name, value in (("gamma", gamma), ("epsilon", self.epsilon), ("clip", clip)):
            self._settings[name] = value
        rewards, dones = np.zeros(self.num_envs, FLOAT32), np.zeros(self.num_envs, BOOL)
        outputs = (self._raw, rewards, dones, self.returns)
        self._normalize = entry(normalize_step, self._raw, venv.batch.accounts, self._moments, self._settings, outputs)

    @property
    def training(self) -> bool:
        """Whether statistics are updated."""
        return bool(self._settings["training"][0])

    @training.setter
    def training(self, value: bool) -> None:
        self._settings["training"] = int(value)

    @property
    def norm_reward(self) -> bool:
        """Whether rewards are scaled."""
        return bool(self._settings["norm_reward"][0])

    @norm_reward.setter
    def norm_reward(self, value: bool) -> None:
        self._settings["norm_reward"] = int(value)

    @property
    def obs_rms(self) -> Any:
        """A copy of the observations' running moments; set it to replace them."""
        shape = self.venv.batch.shape
        moments = RunningMeanStd(shape=shape)
        moments.mean, moments.var = (self._moments[i].reshape(shape).copy() for i in (MEAN, VARIANCE))
        moments.count = float(self._settings["count"][0])
        return moments

    @obs_rms.setter
    def obs_rms(self, value: Any) -> None:
        self._moments[MEAN], self._moments[VARIANCE] = np.ravel(value.mean), np.ravel(value.var)
        self._settings["count"] = value.count

    @property
    def ret_rms(self) -> RunningMeanStd:
        """A copy of the discounted returns' running moments; set it to replace them."""
        moments = RunningMeanStd(shape=())
        moments.mean = np.array(self._settings["return_mean"][0])
        moments.var = np.array(self._settings["return_variance"][0])
        moments.count = float(self._settings["return_count"][0])
        return moments

    @ret_rms.setter
    def ret_rms(self, value: RunningMeanStd) -> None:
        self._settings["return_mean"], self._settings["return_variance"] = value.mean, value.var
        self._settings["return_count"] = value.count

    def take_statistics(self, source: VecNormalize) -> None:
        """Take over the running statistics of another VecNormalize."""
        self.obs_rms, self.ret_rms = source.obs_rms, source.ret_rms

    def as_vec_normalize(self) -> VecNormalize:
        """Return a plain VecNormalize with the same statistics and settings, for other tools to load."""
        plain = VecNormalize(
            self.venv,
            training=self.training,
            norm_reward=self.norm_reward,
            clip_obs=self.clip_obs,
            clip_reward=self.clip_reward,
            gamma=self.gamma,
            epsilon=self.epsilon,
        )
        plain.obs_rms, plain.ret_rms = self.obs_rms, self.ret_rms
        return plain

    def save(self, save_path: str) -> None:
        """Save in VecNormalize's own format."""
        self.as_vec_normalize().save(save_path)

    def state(self) -> dict[str, Any]:
        """Return the statistics, the last raw observations and the environment's own state; arrays are in use."""
        return {
            "settings": self._settings,
            "moments": self._moments,
            "returns": self.returns,
            "observations": np.asarray(self.old_obs).reshape(self._raw.shape),
            "environment": self.venv.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the normaliser was when it gave that state.

        Raises:
            CheckpointError: the state is of environments of another kind or number.
        """
        self.venv.restore(state["environment"])
        own: dict[str, Array] = {"settings": self._settings, "moments": self._moments, "returns": self.returns}
        for name, array in (own | {"observations": self._raw}).items():
            fill(array, state[name], f"RunningNormalize.{name}")
        self.old_obs = self._shown

    def reset(self) -> Any:
        """Begin episodes everywhere and return normalised observations."""
        raw: Array = np.asarray(self.venv.reset())
        self.old_obs = raw
        self.returns[:] = 0.0
        out = np.empty(self._raw.shape, dtype=np.float32)
        observe(raw.reshape(out.shape), self._moments, self._settings, out)
        return out.reshape(raw.shape)

    def step_wait(self) -> VecEnvStepReturn:
        """Advance, update the statistics while training, and return normalised observations and rewards."""
        venv, raw, num_envs = self.venv, self._raw, self.num_envs
        batch = venv.batch
        normalized: Array = np.empty(raw.shape, FLOAT32)
        rewards, dones = np.empty(num_envs, FLOAT32), np.empty(num_envs, BOOL)
        ended = batch.advance(raw)
        outputs = (normalized, rewards, dones, self.returns)
        self._normalize(raw, batch.accounts, self._moments, self._settings, outputs)
        self.old_obs = self._shown
        if venv.window is not None:
            normalized = normalized.reshape(self._shown.shape)
        if not ended:
            return normalized, rewards, dones, venv.no_infos.copy()
        over = np.flatnonzero(dones)
        last = self.normalize_obs(batch.final_observations[over])
        return normalized, rewards, dones, venv.episode_infos(over, last)

    def get_original_reward(self) -> npt.NDArray[np.float64]:
        """Return the last rewards before scaling, (N,)."""
        return self.venv.batch.rewards.copy()

    def normalize_obs(self, obs: Any) -> Any:
        """Return observations (..., F), or of the layout's shape, normalised with the present statistics."""
        flat = np.ascontiguousarray(obs).reshape(-1, self.venv.batch.width)
        out = np.empty(flat.shape, dtype=np.float32)
        normalize_into(flat, self._moments, self._settings, out)
        return out.reshape(np.shape(obs))
