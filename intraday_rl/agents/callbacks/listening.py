"""Tell listeners what happens: steps, finished episodes, and every number that SB3 logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from intraday_rl.agents.callbacks.finished_episodes import finished_episodes
from intraday_rl.core.protocols import TrainingListener


class Listening(BaseCallback):
    """Hand steps and finished episodes on."""

    def __init__(self, listeners: Sequence[TrainingListener]) -> None:
        """Keep the listeners."""
        super().__init__()
        self._listeners = listeners

    def _on_step(self) -> bool:
        for info in finished_episodes(self.locals):
            for listener in self._listeners:
                listener.on_episode(info)
        for listener in self._listeners:
            listener.on_step(self.num_timesteps)
        return True


class ListenerWriter(KVWriter):
    """SB3's logger output that hands numbers on to listeners."""

    def __init__(self, listeners: Sequence[TrainingListener]) -> None:
        """Keep the listeners."""
        self._listeners = listeners

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Hand on the numbers among the values."""
        numbers = {key: float(value) for key, value in key_values.items() if isinstance(value, int | float)}
        for listener in self._listeners:
            listener.on_metrics(numbers, step)

    def close(self) -> None:
        """Hold nothing open."""
