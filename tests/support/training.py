"""Tiny trainings for tests: parameters of small agents, their task on a noisy tape, and a listener that remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.agents.trainer import TrainingTask
from intraday_rl.env.actions import Continuous
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.tape import Tape
from tests.support.full_rules import EXITS, LIMITS, TERMS
from tests.support.tapes import COSTLY, make_execution, make_rules, random_tape

NETWORK = {"hidden_layers": (8, 8), "normalize": True, "normalize_clip": 10.0}
PROXIMAL = NETWORK | {
    "total_timesteps": 512,
    "num_envs": 4,
    "rollout_steps": 256,
    "batch_size": 64,
    "num_epochs": 2,
    "learning_rate": 1e-3,
    "discount": 0.99,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "entropy_start": 0.003,
    "entropy_end": 0.001,
    "entropy_anneal_fraction": 0.7,
    "value_coefficient": 0.5,
    "max_gradient_norm": 0.5,
    "target_kl": None,
}
PPO = PROXIMAL | {"regime_heads": False}
RECURRENT_PPO = PROXIMAL | {"total_timesteps": 256, "num_epochs": 1, "lstm_size": 6, "activation": "relu"}
SAC = NETWORK | {
    "total_timesteps": 256,
    "num_envs": 4,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "discount": 0.99,
    "tau": 0.02,
    "buffer_size": 1000,
    "learning_starts": 64,
    "train_every": 2,
    "gradient_steps": 1,
    "entropy_coefficient": None,
}
DEFAULTS: dict[type, Any] = {PpoParameters: PPO, RecurrentPpoParameters: RECURRENT_PPO, SacParameters: SAC}


def noisy_rules(tape: Tape, **changes: Any) -> TradingRules:
    """Return rules with every cost in play, of the shape that all tests share."""
    parts = {"limits": LIMITS, "exits": EXITS, "terms": TERMS, "execution": make_execution(**COSTLY)}
    return make_rules(tape, **(parts | changes))


def tiny_task(
    kind: type = PpoParameters,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    every_steps: int = 256,
    **rules: Any,
) -> TrainingTask:
    """Return a task on six noisy sessions, of which the first four are for training; `kind` is of its parameters."""
    tape = random_tape(num_sessions=6, minutes=40, num_features=5)
    chosen = kind(**(DEFAULTS[kind] | dict(parameters or {})))
    if kind is SacParameters:
        rules = {"actions": Continuous(), **rules}
    return TrainingTask(tape, noisy_rules(tape, **rules), np.arange(4), chosen, seed, every_steps, None, None, None)


class RememberingListener:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.episodes: list[dict[str, Any]] = []
        self.metrics: list[tuple[int, dict[str, float]]] = []

    def on_step(self, step: int) -> None:
        self.steps.append(step)

    def on_episode(self, info: Mapping[str, Any]) -> None:
        self.episodes.append(dict(info))

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        self.metrics.append((step, dict(metrics)))
