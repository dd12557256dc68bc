"""Rewards and first observations that are no numbers: replaced, counted, and too many of them end the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.core.errors import TrainingError
from intraday_rl.env.batch_env import BatchEnv

LOG = logging.getLogger(__name__)
STEPS_PER_REPLACEMENT = 10_000  # more than one in so many steps fails the run (SPEC B10)


class FiniteRewards(BaseCallback):
    """Record `rollout/replaced`, warn when something was replaced, and refuse to go on above the rate."""

    def __init__(self, batch: BatchEnv) -> None:
        """Keep the engine of the training environments."""
        super().__init__()
        self._batch = batch
        self._seen = 0

    def state(self) -> dict[str, Any]:
        """Return how many replacements were told of."""
        return {"seen": self._seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the callback was when it gave that state."""
        self._seen = state["seen"]

    def _on_rollout_end(self) -> None:
        replaced = self._batch.replaced
        self.logger.record("rollout/replaced", replaced)
        if replaced > self._seen:
            LOG.warning(
                "%d rewards or first observations that were not finite became 0 in %d steps",
                replaced,
                self.num_timesteps,
            )
        self._seen = replaced
        allowed = max(1.0, self.num_timesteps / STEPS_PER_REPLACEMENT)
        if replaced > allowed:
            raise TrainingError(
                f"training: {replaced} rewards or first observations in {self.num_timesteps} steps were not finite, "
                f"more than one in {STEPS_PER_REPLACEMENT:,}; check reward.terms and the features"
            )

    def _on_step(self) -> bool:
        return True
