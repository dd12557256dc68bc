"""Policies for tests: written-out actions, a fixed rule of one observation, and one that remembers what it met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class ScriptedPolicy:
    """Plays written-out actions: `script[s][k]` is the k-th action of session s; its state is the count of decisions.

    Beyond a script's end the last action is played on.
    """

    def __init__(self, *script: Sequence[float]) -> None:
        self.script = script

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
        step = 0 if state is None else state
        actions = [actions[min(step, len(actions) - 1)] for actions in self.script]
        return np.array(actions), step + 1


class RowPolicy:
    """A fixed, uneven rule of each observation by itself, computed without matrix products."""

    def __init__(self, width: int, continuous: bool = False, seed: int = 0) -> None:
        self.weights = np.random.default_rng(seed).standard_normal(width)
        self.continuous = continuous

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
        scores = (observation.astype(np.float64) * self.weights).sum(axis=1)
        if self.continuous:
            return np.sin(scores), state
        return np.digitize(np.sin(scores), [-0.4, 0.4]), state


class RecordingPolicy:
    """Another policy, with all that it met kept: `observations`, `actions` and `starts`, one item a decision."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.observations: list[Any] = []
        self.actions: list[Any] = []
        self.starts: list[Any] = []

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None) -> tuple[Any, Any]:
        actions, state = self.policy.predict(observation, state, episode_start)
        self.observations.append(observation.copy())
        self.actions.append(np.array(actions))
        self.starts.append(np.array(episode_start))
        return actions, state
