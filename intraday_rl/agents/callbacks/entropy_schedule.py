"""Anneal the entropy coefficient: SB3 takes a number, so a callback sets it before each rollout."""

from __future__ import annotations

from typing import cast

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.parameters import ProximalParameters
from intraday_rl.agents.schedules import linear_then_constant


class EntropySchedule(BaseCallback):
    """Linear from entropy_start to entropy_end over the first entropy_anneal_fraction of the steps (SPEC B35)."""

    def __init__(self, parameters: ProximalParameters) -> None:
        """Keep the parameters."""
        super().__init__()
        self._parameters = parameters

    def _on_rollout_start(self) -> None:
        p = self._parameters
        progress = self.num_timesteps / p.total_timesteps
        value = linear_then_constant(progress, p.entropy_start, p.entropy_end, p.entropy_anneal_fraction)
        cast("PPO", self.model).ent_coef = value
        self.logger.record("train/entropy_coefficient", value)

    def _on_step(self) -> bool:
        return True
