"""Parameters, demonstrations and a network that the tests of cloning share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from intraday_rl.agents.cloning.demonstrations import Demonstrations
from intraday_rl.agents.cloning.parameters import AcceptanceLimits, CloningParameters
from intraday_rl.agents.policies.networks import build_policy

PARAMETERS = CloningParameters(
    num_epochs=20,
    batch_size=64,
    learning_rate=1e-2,
    patience=20,
    validation_fraction=0.1,
    embargo_sessions=1,
    class_balance=0.0,
    precision="fp32",
    acceptance=AcceptanceLimits(skill=0.8, macro_recall=0.8, profit_factor=1.2),
)
CODES, SIZES = spaces.Discrete(3), spaces.Box(-1.0, 1.0, (1,))
WIDTH = 4


def demonstrations_of(space: spaces.Space[Any], num_days: int = 20, per_day: int = 60) -> Demonstrations:
    """Return a rule of the first column's sign and size, on observations far from zero and one."""
    count = num_days * per_day
    raw = np.random.default_rng(0).standard_normal((count, WIDTH))
    sides = np.where(np.abs(raw[:, 0]) > 0.8, -np.sign(raw[:, 0]), 0.0)
    actions = sides.astype(np.float32) if isinstance(space, spaces.Box) else (sides + 1.0).astype(np.int64)
    shown = (raw * [0.01, 5.0, 1.0, 100.0] + [3.0, -20.0, 0.0, 7.0]).astype(np.float32)
    sessions = np.repeat(np.arange(num_days), per_day)
    return Demonstrations(shown, actions, sessions, np.datetime64("2024-01-01") + sessions)


def network_of(space: spaces.Space[Any], seed: int = 0) -> Any:
    """Return an untrained actor-critic network."""
    torch.manual_seed(seed)
    observation_space = spaces.Box(-np.inf, np.inf, (WIDTH,), dtype=np.float32)
    return build_policy({"network": "ActorCriticPolicy", "hidden_layers": [16, 16]}, observation_space, space)
