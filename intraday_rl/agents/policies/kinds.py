"""The kinds of single networks, by the name of SB3's class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gymnasium

from intraday_rl.agents.policies.actor_critic import NetworkPolicy, build_actor_critic, describe_actor_critic
from intraday_rl.agents.policies.recurrent import RecurrentNetworkPolicy, build_recurrent, describe_recurrent
from intraday_rl.agents.policies.regime_heads import build_regime_heads, describe_regime_heads
from intraday_rl.agents.policies.sac import SacPolicy, build_sac_network, describe_sac
from intraday_rl.agents.policies.scaler import ObservationScaler


class NetworkKind(NamedTuple):
    """What can be done with a kind of network.

    Attributes:
        describe: from the network to what `build` needs, plain JSON values.
        build: from the description and the spaces of observations and actions to an untrained network; raises
            ValueError where the description cannot be one.
        act: from the network and its scaler to the policy.
    """

    describe: Callable[[Any], dict[str, Any]]
    build: Callable[[Mapping[str, Any], gymnasium.spaces.Box, gymnasium.Space[Any]], Any]
    act: Callable[[Any, ObservationScaler | None], NetworkPolicy]


SINGLE_KINDS = {
    "ActorCriticPolicy": NetworkKind(describe_actor_critic, build_actor_critic, NetworkPolicy),
    "RegimeHeadsPolicy": NetworkKind(describe_regime_heads, build_regime_heads, NetworkPolicy),
    "RecurrentActorCriticPolicy": NetworkKind(describe_recurrent, build_recurrent, RecurrentNetworkPolicy),
    "SACPolicy": NetworkKind(describe_sac, build_sac_network, SacPolicy),
}


def describe_one_of(kinds: Mapping[str, NetworkKind], network: Any) -> dict[str, Any]:
    """Return the description of a network of one of the kinds."""
    name = type(network).__name__
    return {"network": name, **kinds[name].describe(network)}


def build_one_of(
    kinds: Mapping[str, NetworkKind],
    description: Mapping[str, Any],
    observation_space: gymnasium.spaces.Box,
    action_space: gymnasium.Space[Any],
) -> Any:
    """Return the untrained network of a description that may have been written by anyone.

    Raises:
        ValueError: the network is of none of the kinds, or its sizes cannot be.
        KeyError: something is missing in the description.
    """
    name = description["network"]
    if name not in list(kinds):
        raise ValueError(f"network must be one of {', '.join(kinds)}, was {str(name)[:60]!r}")
    return kinds[name].build(description, observation_space, action_space)
