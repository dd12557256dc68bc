"""SB3's soft actor-critic network: an actor of sizes in [-1, 1], two Q networks and their slow copies, ReLU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import torch
from stable_baselines3.sac.policies import SACPolicy

from intraday_rl.agents.policies.actor_critic import NetworkPolicy, hidden_layers


class SacPolicy(NetworkPolicy):
    """The actor and its observation scaler, acting by tanh of the mean: the median of its distribution."""

    def _forward(self, block: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the sizes, (rows, 1)."""
        actor = self.network.actor
        return (torch.tanh(actor.mu(actor.latent_pi(block))),)


def describe_sac(network: Any) -> dict[str, Any]:
    """Return what `build_sac_network` needs, plain JSON values."""
    return {"hidden_layers": list(network.net_arch)}


def build_sac_network(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> SACPolicy:
    """Return an untrained network, all of it: training can go on from its weights.

    Raises:
        ValueError: the description cannot be one, or actions are no sizes.
    """
    if not isinstance(action_space, gymnasium.spaces.Box):
        raise ValueError(f"network SACPolicy needs actions in a Box, was {action_space}")
    return SACPolicy(observation_space, action_space, lambda _: 0.0, net_arch=hidden_layers(description))
