"""SB3's actor-critic network, which PPO trains: separate policy and value trunks, tanh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from intraday_rl.agents.policies.blocks import in_blocks
from intraday_rl.agents.policies.scaler import ObservationScaler, network_inputs


class NetworkPolicy:
    """A network without memory and its observation scaler, acting by the mode of the network's distribution."""

    def __init__(self, network: Any, scaler: ObservationScaler | None) -> None:
        """Keep the network and the scaler (None = observations go in as they are)."""
        self.network, self.scaler = network, scaler

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the most likely action for each of N raw observations, rows or windows, and the state."""
        output, state = self.output(observation, state, episode_start)
        return most_likely(output, self.network.action_space), state

    def output(
        self, observation: npt.NDArray[np.float32], state: Any, episode_start: npt.NDArray[np.bool_] | None
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the parameters of the actions' distribution, (N, A): means, or logits of the codes; and the state."""
        (output,) = in_blocks(self._forward, network_inputs(observation, self.scaler))
        return output, state

    def _forward(self, block: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the parameters of the actions' distribution, (rows, A): means, or logits of the codes."""
        return (self.network.action_net(self.network.mlp_extractor.forward_actor(block)),)


def most_likely(output: npt.NDArray[np.float32], space: gymnasium.Space[Any]) -> npt.NDArray[Any]:
    """Return the mode of each of N distributions: the clipped mean of a size, the code of the largest logit.

    Args:
        output: means (N, 1), or logits (N, codes).
        space: of the actions.
    """
    if isinstance(space, gymnasium.spaces.Box):
        return np.asarray(np.clip(output[:, 0], -1.0, 1.0))
    return np.asarray(output.argmax(axis=1))


def describe_actor_critic(network: Any) -> dict[str, Any]:
    """Return what `build_actor_critic` needs, plain JSON values."""
    return {"hidden_layers": list(network.net_arch["pi"])}


def build_actor_critic(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> ActorCriticPolicy:
    """Return an untrained network.

    Raises:
        ValueError: the description cannot be one.
    """
    layers = hidden_layers(description)
    return ActorCriticPolicy(
        observation_space, action_space, lambda _: 0.0, net_arch={"pi": layers, "vf": list(layers)}
    )


def hidden_layers(description: Mapping[str, Any]) -> list[int]:
    """Return the widths of the trunks, or refuse them."""
    layers = description["hidden_layers"]
    if not isinstance(layers, list) or not layers or not all(type(width) is int and width > 0 for width in layers):
        raise ValueError(f"hidden_layers must be a list of widths > 0, was {str(layers)[:60]!r}")
    return list(layers)
