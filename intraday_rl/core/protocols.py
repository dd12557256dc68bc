"""What the layers ask of each other across their borders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Policy(Protocol):
    """Something that trades: raw observations in, actions out; it normalises for itself and never learns here."""

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return (N,) actions for (N, F) raw observations, and the state to hand back at the next call."""
        ...


class TrainingListener(Protocol):
    """Someone told what happens during training. Calls must return quickly: training waits for them."""

    def on_step(self, step: int) -> None:
        """Take note that so many environment steps are done."""
        ...

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Take note of a finished episode, as `BatchEnv.episode_infos` describes it."""
        ...

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take note of numbers measured at a step."""
        ...
