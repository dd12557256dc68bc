"""What the policy is like while it learns: its entropy, and the actions that it draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback

ENTROPY_LOSS, ENTROPY = "train/entropy_loss", "train/entropy"
SHARES = ("rollout/action_share_sell", "rollout/action_share_hold", "rollout/action_share_buy")
MOMENTS = ("rollout/action_mean", "rollout/action_std")


class PolicyStatistics(BaseCallback):
    """Record the policy's entropy and its actions.

    `train/entropy`: mean entropy of an update, nats; SB3's `train/entropy_loss` with the other sign.
    `rollout/action_share_<sell|hold|buy>`: share of each discrete action among those drawn in a rollout, or
    `rollout/action_mean` and `rollout/action_std` of continuous ones, as the environment got them. Where rollouts are
    shorter than the pause between two written rows, as SAC's of a step are, over all rollouts since the last row.
    """

    def __init__(self, is_discrete: bool) -> None:
        """Begin with no actions.

        Args:
            is_discrete: whether actions are 0 = SELL, 1 = HOLD, 2 = BUY; else numbers in [-1, 1].
        """
        super().__init__()
        self._is_discrete = is_discrete
        # discrete: how often each action was drawn; continuous: count, sum and sum of squares
        self._rollout = np.zeros(3)
        self._window = np.zeros(3)

    def update(self) -> None:
        """Hand the entropy of the last update to the logger."""
        loss = self.logger.name_to_value.get(ENTROPY_LOSS)
        if loss is not None:
            self.logger.record(ENTROPY, -float(loss))

    def state(self) -> dict[str, Any]:
        """Return what changes during training, as JSON values."""
        return {"rollout": self._rollout.tolist(), "window": self._window.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._rollout[:], self._window[:] = state["rollout"], state["window"]

    def _on_rollout_start(self) -> None:
        self.update()

    def _on_step(self) -> bool:
        drawn = np.asarray(self.locals.get("clipped_actions", self.locals["actions"])).ravel()
        if self._is_discrete:
            self._rollout += np.bincount(drawn, minlength=3)
        else:
            actions = drawn.astype(np.float64)
            self._rollout += (actions.size, actions.sum(), (actions * actions).sum())
        return True

    def _on_rollout_end(self) -> None:
        names = SHARES if self._is_discrete else MOMENTS
        if names[0] not in self.logger.name_to_value:  # written since: what follows is another row's
            self._window[:] = 0.0
        self._window += self._rollout
        self._rollout[:] = 0.0
        statistics = shares_of(self._window) if self._is_discrete else moments_of(self._window)
        for name, value in zip(names, statistics, strict=True):
            self.logger.record(name, value)


def shares_of(counts: npt.NDArray[np.float64]) -> list[float]:
    """Return the share of each action, (3,)."""
    shares: list[float] = (counts / counts.sum()).tolist()
    return shares


def moments_of(sums: npt.NDArray[np.float64]) -> list[float]:
    """Return mean and standard deviation of numbers from their count, sum and sum of squares."""
    count, total, squares = sums.tolist()
    mean = total / count
    return [mean, float(np.sqrt(max(0.0, squares / count - mean * mean)))]
