"""What the layers ask of each other across their borders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class Rule(Protocol):
    """Something that trades by looking at the market and its account, not at an observation."""

    def bind(self, batch: Any) -> Policy:
        """Return the rule as the policy of a `BatchEnv`'s accounts; it looks at each bar as the batch comes to it."""
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


@runtime_checkable
class Resumable(Protocol):
    """Something that training changes and that can be set aside and taken up again.

    An object made anew, with the same arguments, is after `restore(state)` what the other was at `state()`: all that
    follows is the same to the last bit.
    """

    def state(self) -> dict[str, Any]:
        """Return all that has changed since the object was made.

        Nested dicts and lists of JSON values, arrays and NumPy scalars. Arrays may be the object's own: they have to be
        written or copied before the object goes on.
        """
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the object was when it gave that state."""
        ...
