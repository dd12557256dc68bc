"""One account as a plain `gymnasium.Env`; registered as `IntradayTrading-v0`."""

from __future__ import annotations

import operator
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ConfigError
from intraday_rl.env.batch_env import FLOAT32, BatchEnv
from intraday_rl.env.risk.decision import PATTERNS
from intraday_rl.env.step_kernel import STEP

ONLY = np.zeros(1, dtype=np.int64)  # the index of the only account


class TradingEnv(gymnasium.Env[npt.NDArray[np.float32], Any]):
    """One trading account on one-minute bars.

    Observation: float32, market features of the last closed bar, then the account's state, then what the layout shows
    of earlier bars, (F,); or a window of the last bars, (bars, features), the last one first.
    Action: Discrete(3) SELL, HOLD, BUY, or Box(-1, 1) for a fraction of the allowed size.
    Reward: change of net equity in basis points of the session-start NAV, plus the configured terms; every step's info
    holds `reward_parts`, reward by term, whose sum is the reward, and `action_pattern`: "loop" (orders to and fro),
    "spiral" (the same order again and again) or "".
    Episode: one session; `terminated` when it ends flat, `truncated` when the data end before.
    Not modelled: other participants' reactions beyond the impact model, auctions, borrowing fees.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own convention)

    def __init__(self, batch: BatchEnv) -> None:
        """Wrap an engine of one account.

        Raises:
            ConfigError: the engine has more than one account.
        """
        if batch.num_envs != 1:
            raise ConfigError(f"TradingEnv needs a batch of num_envs = 1, was {batch.num_envs}")
        self.batch = batch
        self.observation_space: gymnasium.Space[Any] = batch.observation_space
        self.action_space = batch.action_space
        self._read = _code if isinstance(batch.action_space, gymnasium.spaces.Discrete) else _fraction
        self._observations = np.zeros((1, batch.width), FLOAT32)  # overwritten by every step
        self._observation = self._observations[0].reshape(batch.shape)
        self._final_observation = batch.final_observations[0].reshape(batch.shape)
        self._names = batch.term_names
        self._parts = batch.parts[STEP, 0]
        self._pattern = batch.accounts["pattern"]
        self._running = False
        self._begun: npt.NDArray[np.float32] | None = None  # first observation of an episode that has begun already

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Begin the next session."""
        super().reset(seed=seed)
        if seed is not None:
            self.batch.seed(seed)
            self._begun = None
        observation = self.batch.reset()[0].reshape(self.batch.shape) if self._begun is None else self._begun
        self._begun, self._running = None, True
        return observation, {}

    def step(self, action: Any) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advance by one bar.

        Raises:
            ConfigError: the action is outside the action space, or no episode is under way.
        """
        if not self._running:
            raise ConfigError("TradingEnv.step: no episode is under way, call reset() first")
        batch = self.batch
        batch.actions[0] = self._read(action)
        ended = batch.advance(self._observations)
        reward = batch.rewards.item()
        # one term is the reward itself; reading it again would cost as much as the market's step
        parts = (
            {self._names[0]: reward}
            if len(self._names) == 1
            else dict(zip(self._names, self._parts.tolist(), strict=True))
        )
        if not ended:
            info: dict[str, Any] = {"reward_parts": parts, "action_pattern": PATTERNS[self._pattern.item()]}
            return self._observation.copy(), reward, False, False, info
        pattern = PATTERNS[batch.finished["pattern"].item()]
        info = {"reward_parts": parts, "action_pattern": pattern, **batch.episode_infos(ONLY)[0]}
        del info["episode"]  # the name belongs to gymnasium's RecordEpisodeStatistics
        self._begun, self._running = self._observation.copy(), False
        return self._final_observation.copy(), reward, bool(batch.terminated[0]), bool(batch.truncated[0]), info


def _code(action: Any) -> int:
    try:
        code = operator.index(action)
    except TypeError:
        code = -1
    if not 0 <= code <= 2:
        raise ConfigError(f"TradingEnv.step: action must be 0 (SELL), 1 (HOLD) or 2 (BUY), was {action!r}")
    return code


def _fraction(action: Any) -> float:
    values = np.asarray(action, dtype=np.float64)
    if values.size != 1 or not -1.0 <= values.item() <= 1.0:
        raise ConfigError(f"TradingEnv.step: action must be one number in [-1, 1], was {action!r}")
    return float(values.item())
