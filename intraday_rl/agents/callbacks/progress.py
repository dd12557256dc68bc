"""Tell reward terms that fade or grow how far the training is."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.env.batch_env import BatchEnv


class TrainingProgress(BaseCallback):
    """Set the share of the steps that are done, before each rollout."""

    def __init__(self, batch: BatchEnv, total_steps: int) -> None:
        """Keep the engine of the training environments."""
        super().__init__()
        self._batch, self._total = batch, total_steps

    def _on_rollout_start(self) -> None:
        self._batch.set_progress(min(1.0, self.num_timesteps / self._total))

    def _on_step(self) -> bool:
        return True
