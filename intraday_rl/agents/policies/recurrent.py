"""sb3-contrib's recurrent actor-critic network, which RecurrentPPO trains: an LSTM before each of the two trunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from intraday_rl.agents.policies.actor_critic import NetworkPolicy, hidden_layers
from intraday_rl.agents.policies.blocks import in_blocks
from intraday_rl.agents.policies.scaler import network_inputs

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
Hidden = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # h and c of the actor's LSTM, (layers, N, size) each


class RecurrentNetworkPolicy(NetworkPolicy):
    """A network that remembers and its observation scaler, acting by the mode of the network's distribution.

    The state that goes in and out is the actor's alone: the critic's LSTM has no part in acting.
    """

    def output(
        self, observation: npt.NDArray[np.float32], state: Hidden | None, episode_start: npt.NDArray[np.bool_] | None
    ) -> tuple[npt.NDArray[Any], Hidden]:
        """Return the parameters of the actions' distribution for each of N raw observations, and what is remembered.

        Args:
            observation: rows (N, F) or windows (N, bars, features).
            state: what the call before returned; None = nothing is remembered.
            episode_start: rows that begin an episode, (N,): they remember nothing; None = no row does.
        """
        lstm = self.network.lstm_actor
        if state is None:
            empty = np.zeros((lstm.num_layers, len(observation), lstm.hidden_size), dtype=np.float32)
            state = (empty, empty)
        kept = np.ones(len(observation), dtype=bool) if episode_start is None else ~episode_start
        rows_first = [np.swapaxes(np.where(kept[:, None], array, 0.0), 0, 1) for array in state]
        output, *new = in_blocks(self._step, network_inputs(observation, self.scaler), *rows_first)
        h, c = (np.swapaxes(array, 0, 1) for array in new)
        return output, (h, c)

    def _step(self, block: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the parameters of the actions' distribution, (rows, A), and the new state, (rows, layers, size)."""
        before = (h.swapaxes(0, 1).contiguous(), c.swapaxes(0, 1).contiguous())
        latent, after = self.network.lstm_actor(block[None], before)
        output = self.network.action_net(self.network.mlp_extractor.forward_actor(latent[0]))
        return output, after[0].swapaxes(0, 1), after[1].swapaxes(0, 1)


def describe_recurrent(network: Any) -> dict[str, Any]:
    """Return what `build_recurrent` needs, plain JSON values."""
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    return {
        "hidden_layers": list(network.net_arch["pi"]),
        "lstm_size": network.lstm_actor.hidden_size,
        "activation": names[network.activation_fn],
    }


def build_recurrent(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> RecurrentActorCriticPolicy:
    """Return an untrained network.

    Raises:
        ValueError: the description cannot be one.
    """
    layers, size, activation = hidden_layers(description), description["lstm_size"], description["activation"]
    if type(size) is not int or size < 1:
        raise ValueError(f"lstm_size must be a width > 0, was {str(size)[:60]}")
    if activation not in list(ACTIVATIONS):
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, was {str(activation)[:60]!r}")
    return RecurrentActorCriticPolicy(
        observation_space,
        action_space,
        lambda _: 0.0,
        net_arch={"pi": layers, "vf": list(layers)},
        activation_fn=ACTIVATIONS[activation],
        lstm_hidden_size=size,
    )
