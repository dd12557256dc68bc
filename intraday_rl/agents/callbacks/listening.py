"""Tell listeners what happens: steps, finished episodes, and every number that SB3 logs."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real  # NumPy's scalars too: SB3 hands some numbers on as float32
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from intraday_rl.agents.callbacks.finished_episodes import finished_episodes
from intraday_rl.core.protocols import TrainingListener

NOT_TOLD = ("time/iterations",)  # begins anew when a training is gone on with, and says nothing that the step does not


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
        """Hand on the numbers among the values, but for `NOT_TOLD`."""
        told = {key: value for key, value in key_values.items() if key not in NOT_TOLD}
        numbers = {key: float(value) for key, value in told.items() if isinstance(value, Real)}
        for listener in self._listeners:
            listener.on_metrics(numbers, step)

    def close(self) -> None:
        """Hold nothing open."""
