"""Means over the episodes that ended in a rollout: penalties, turnover, flagged patterns, and every reward term."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.callbacks.finished_episodes import finished_episodes

KEYS = ("turnover_ratio", "penalty", "penalty_frequency", "pattern_frequency", "shaped_minus_true")


class RolloutMeans(BaseCallback):
    """Record `rollout/<key>` for each of KEYS and `reward/<term>`, the mean sum per episode, at each rollout's end.

    A rollout in which no episode ended records nothing.
    """

    def __init__(self) -> None:
        """Begin with no episodes."""
        super().__init__()
        self._infos: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        self._infos += finished_episodes(self.locals)
        return True

    def _on_rollout_end(self) -> None:
        if not self._infos:
            return
        size = len(self._infos)
        for key in KEYS:
            self.logger.record(f"rollout/{key}", sum(info[key] for info in self._infos) / size)
        for term in self._infos[0]["episode_reward_parts"]:
            total = sum(info["episode_reward_parts"][term] for info in self._infos)
            self.logger.record(f"reward/{term}", total / size)
        self._infos = []
