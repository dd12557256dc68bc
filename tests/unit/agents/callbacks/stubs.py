"""A training loop made of notes: what a callback is given, and what it hands on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


class NotedLogger:
    """Keeps the numbers of each dump."""

    def __init__(self) -> None:
        self.waiting: dict[str, float] = {}
        self.dumps: list[tuple[int, dict[str, float]]] = []

    @property
    def name_to_value(self) -> dict[str, float]:
        """What was recorded since the last dump, as SB3's logger calls it."""
        return self.waiting

    def record(self, key: str, value: float) -> None:
        self.waiting[key] = value

    def dump(self, step: int) -> None:
        self.dumps.append((step, self.waiting))
        self.waiting = {}


class NotedBatch:
    """Keeps what is set, in order."""

    def __init__(self, sessions: Any = ()) -> None:
        self.sessions = np.asarray(sessions, dtype=np.int64)
        self.parameters: list[tuple[str, float]] = []
        self.weights: list[list[float]] = []

    def set_parameter(self, key: str, value: float) -> None:
        self.parameters.append((key, value))

    def set_session_weights(self, weights: Any) -> None:
        self.weights.append(weights.tolist())


def attach(callback: Any, batch: NotedBatch) -> NotedLogger:
    """Give the callback a model whose environments are the batch, and return the model's logger."""
    logger = NotedLogger()
    env = SimpleNamespace(unwrapped=SimpleNamespace(batch=batch))
    callback.model = SimpleNamespace(logger=logger, get_env=lambda: env)
    callback.num_timesteps = 0
    return logger


def step(callback: Any, infos: list[dict[str, Any]], num_envs: int = 8) -> None:
    """Let the callback see a step of `num_envs` accounts, in the first of which these episodes end."""
    callback.num_timesteps += num_envs
    all_infos = infos + [{}] * (num_envs - len(infos))
    callback.locals = {"dones": np.array([bool(info) for info in all_infos]), "infos": all_infos}
    assert callback._on_step()
