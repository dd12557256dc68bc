"""An actor-critic network with an action head for each market regime, mixed by soft attention.

The trunk of the policy is shared. Head r turns its output h into the parameters of the actions' distribution, head_r(h)
(logits or a mean); what counts is their mixture, sum over r of w_r head_r(h), with the attention w = softmax(V [h, c]).
c are the regime's one-hot columns, 1 for the present regime, read off the observation: such a column is above 0 exactly
where its regime is present, whether it comes raw or less its mean. At the start V sees c alone, and the present
regime's head has PRESENT_SHARE of the weight; how far that changes, and with what, is learned. The value network is
the usual one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

from intraday_rl.agents.policies.actor_critic import hidden_layers
from intraday_rl.features import REGIMES

PRESENT_SHARE = 0.8  # of the attention, for the present regime's head before training
HEAD_GAIN = 0.01  # of the heads' orthogonal weights: SB3's for an action layer


def regime_columns(names: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the columns of `REGIMES` among an observation's columns: those of the last closed bar."""
    return tuple(names.index(name) for name in REGIMES)


class RegimeExtractor(MlpExtractor):
    """SB3's two trunks; the policy's output has the regime's one-hot columns behind it, the value's is as always."""

    def __init__(self, features_dim: int, columns: Sequence[int], **arguments: Any) -> None:
        """Make the trunks.

        Args:
            features_dim: columns of an observation.
            columns: places of the regime's columns among them.
            arguments: of SB3's trunks.
        """
        super().__init__(features_dim, **arguments)
        self.columns = list(columns)
        self.latent_dim_pi += len(self.columns)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        """Return [trunk's output, present regime] for observations (N, F)."""
        present = (features[:, self.columns] > 0.0).to(features.dtype)
        return torch.cat([super().forward_actor(features), present], dim=1)


class RegimeHeads(nn.Module):
    """The action heads and the attention that mixes them."""

    def __init__(self, latent_size: int, num_regimes: int, num_outputs: int) -> None:
        """Make a head for each regime, and the attention that looks at the present regime alone.

        Args:
            latent_size: width of the trunk's output.
            num_regimes: heads.
            num_outputs: parameters of the actions' distribution.
        """
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(latent_size, num_outputs) for _ in range(num_regimes))
        self.attention = nn.Linear(latent_size + num_regimes, num_regimes)
        self.heads.apply(partial(ActorCriticPolicy.init_weights, gain=HEAD_GAIN))
        others = (1.0 - PRESENT_SHARE) / (num_regimes - 1)
        with torch.no_grad():
            self.attention.weight.zero_()
            self.attention.weight[:, latent_size:] = math.log(PRESENT_SHARE / others) * torch.eye(num_regimes)
            self.attention.bias.zero_()

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the mixture of the heads, (N, A), for [trunk's output, present regime]."""
        trunk = latent[:, : latent.shape[1] - len(self.heads)]
        weights = torch.softmax(self.attention(latent), dim=1)
        parts = [weights[:, r : r + 1] * head(trunk) for r, head in enumerate(self.heads)]
        return torch.stack(parts).sum(dim=0)


class RegimeHeadsPolicy(ActorCriticPolicy):
    """SB3's actor-critic network with `RegimeHeads` in the place of its action layer."""

    def __init__(self, *spaces_and_schedule: Any, regime_columns: Sequence[int], **arguments: Any) -> None:
        """Make the network.

        Args:
            spaces_and_schedule: of SB3's network.
            regime_columns: places of the regime's columns in an observation, flattened where it is a window.
            arguments: of SB3's network.
        """
        self.regime_columns = list(regime_columns)
        super().__init__(*spaces_and_schedule, **arguments)

    def _build_mlp_extractor(self) -> None:
        """Make the trunks."""
        self.mlp_extractor = RegimeExtractor(
            self.features_dim,
            self.regime_columns,
            net_arch=self.net_arch,
            activation_fn=self.activation_fn,
            device=self.device,
        )

    def _build(self, lr_schedule: Any) -> None:
        """Make the networks as SB3 does, the heads instead of its action layer, and an optimiser that knows them."""
        super()._build(lr_schedule)
        num_regimes = len(self.regime_columns)
        latent_size = self.mlp_extractor.latent_dim_pi - num_regimes
        plain: Any = self.action_net
        self.action_net = RegimeHeads(latent_size, num_regimes, plain.out_features)
        optimizer: Any = self.optimizer_class
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


def describe_regime_heads(network: RegimeHeadsPolicy) -> dict[str, Any]:
    """Return what `build_regime_heads` needs, plain JSON values."""
    layers: Any = network.net_arch
    return {"hidden_layers": list(layers["pi"]), "regime_columns": list(network.regime_columns)}


def build_regime_heads(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> RegimeHeadsPolicy:
    """Return an untrained network.

    Raises:
        ValueError: the description cannot be one.
    """
    layers, columns = hidden_layers(description), description["regime_columns"]
    width = gymnasium.spaces.flatdim(observation_space)
    whole = isinstance(columns, list) and all(type(place) is int and 0 <= place < width for place in columns)
    if not whole or len(set(columns)) != len(REGIMES):
        raise ValueError(
            f"regime_columns must be {len(REGIMES)} places in an observation of {width}, was {str(columns)[:60]!r}"
        )
    return RegimeHeadsPolicy(
        observation_space,
        action_space,
        lambda _: 0.0,
        regime_columns=columns,
        net_arch={"pi": layers, "vf": list(layers)},
    )
