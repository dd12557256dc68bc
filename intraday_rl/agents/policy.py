"""A trained network as a policy: raw observations in, deterministic actions out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

BLOCK_ROWS = 32


@dataclass(frozen=True)
class ObservationScaler:
    """Frozen running moments of the observations: clip((x - mean) / sqrt(variance + epsilon), -clip, clip).

    Attributes:
        mean: (F,).
        variance: (F,).
        epsilon: added to the variance.
        clip: bound on the result.
    """

    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    epsilon: float
    clip: float

    def scale(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return scaled observations, (N, F)."""
        scaled = (observation - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.asarray(np.clip(scaled, -self.clip, self.clip), dtype=np.float32)


class NetworkPolicy:
    """An actor-critic network with its observation scaler, acting by the mode of its distribution."""

    def __init__(self, network: ActorCriticPolicy, scaler: ObservationScaler | None) -> None:
        """Keep the network and the scaler (None = observations go in as they are)."""
        self.network, self.scaler = network, scaler
        self._box = isinstance(network.action_space, gymnasium.spaces.Box)

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the most likely action for each of N raw observations, rows or windows; there is no state."""
        rows = observation.reshape(len(observation), math.prod(observation.shape[1:]))
        scaled = rows if self.scaler is None else self.scaler.scale(rows)
        output = self._forward(np.ascontiguousarray(scaled))
        if self._box:
            return np.clip(output[:, 0], -1.0, 1.0), state
        return output.argmax(axis=1), state

    def _forward(self, scaled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the network's outputs, (N, A), the same bits for an observation whatever stands beside it.

        Matrix products round differently for other numbers of rows, so the network always sees BLOCK_ROWS of them.
        """
        count, width = scaled.shape
        padded = np.zeros((-(-count // BLOCK_ROWS) * BLOCK_ROWS, width), dtype=np.float32)
        padded[:count] = scaled
        with torch.no_grad():
            blocks = [
                self.network.action_net(self.network.mlp_extractor.forward_actor(block)).numpy()
                for block in torch.split(torch.from_numpy(padded), BLOCK_ROWS)
            ]
        return np.concatenate(blocks)[:count]


def build_network(
    observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any], hidden_layers: tuple[int, ...]
) -> ActorCriticPolicy:
    """Return an untrained actor-critic network with SB3's own layout: separate policy and value trunks, tanh."""
    layers = list(hidden_layers)
    return ActorCriticPolicy(
        observation_space, action_space, lambda _: 0.0, net_arch={"pi": layers, "vf": list(layers)}
    )
