"""Untrained networks for tests that act differently from one observation to the next: SB3 starts near indifference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch

from intraday_rl.agents.policies.networks import build_policy
from intraday_rl.agents.policies.scaler import ObservationScaler

ACTOR_CRITIC = {"network": "ActorCriticPolicy", "hidden_layers": [8, 4]}
RECURRENT = {
    "network": "RecurrentActorCriticPolicy",
    "hidden_layers": [8, 4],
    "lstm_size": 6,
    "activation": "relu",
}
SAC = {"network": "SACPolicy", "hidden_layers": [8, 4]}
CODES, SIZES = gymnasium.spaces.Discrete(3), gymnasium.spaces.Box(-1.0, 1.0, (1,))


def box(*shape: int) -> gymnasium.spaces.Box:
    """Return the space of observations of this shape."""
    return gymnasium.spaces.Box(-np.inf, np.inf, shape, dtype=np.float32)


def lively_network(
    description: Mapping[str, Any],
    observation_space: gymnasium.spaces.Box,
    action_space: gymnasium.Space[Any],
    *,
    seed: int = 0,
    gain: float = 300.0,
) -> Any:
    """Return a new network that is not indifferent."""
    torch.manual_seed(seed)
    network = build_policy(description, observation_space, action_space)
    enliven(network, gain)
    return network


def enliven(network: Any, gain: float) -> None:
    """Make a new network's last layer `gain` times as strong, and its memory strong too."""
    with torch.no_grad():
        (network.actor.mu if hasattr(network, "actor") else network.action_net).weight.mul_(gain)
        if hasattr(network, "lstm_actor"):
            for parameter in network.lstm_actor.parameters():
                parameter.mul_(4.0)


def example_scaler(width: int, seed: int = 1) -> ObservationScaler:
    """Return a scaler of an uneven observation."""
    rng = np.random.default_rng(seed)
    return ObservationScaler(rng.standard_normal(width), rng.uniform(0.1, 4.0, width), 1e-8, 10.0, 1000.0)


def example_rows(count: int, width: int, seed: int = 0) -> Any:
    """Return observations, (count, width)."""
    return (3.0 * np.random.default_rng(seed).standard_normal((count, width))).astype(np.float32)
