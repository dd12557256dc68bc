"""The kinds of networks that can be kept in a bundle: how each is described, built again, and asked for actions.

A description is a plain JSON object: `network`, the name of the network's class, and what else that kind needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.agents.policies.ensemble import EnsemblePolicy, build_ensemble, describe_ensemble
from intraday_rl.agents.policies.kinds import SINGLE_KINDS, NetworkKind, build_one_of, describe_one_of
from intraday_rl.agents.policies.scaler import ObservationScaler

KINDS = {**SINGLE_KINDS, "Ensemble": NetworkKind(describe_ensemble, build_ensemble, EnsemblePolicy)}


def describe_network(network: Any) -> dict[str, Any]:
    """Return a description of an SB3 policy from which `build_policy` builds it again, untrained."""
    return describe_one_of(KINDS, network)


def build_policy(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> Any:
    """Return the untrained SB3 policy of a description that may have been written by anyone.

    Raises:
        ValueError: the network is unknown, or its sizes cannot be.
        KeyError: something is missing in the description.
    """
    return build_one_of(KINDS, description, observation_space, action_space)


def as_policy(network: Any, scaler: ObservationScaler | None) -> NetworkPolicy:
    """Return the policy that acts by an SB3 policy's network.

    Args:
        network: as `build_policy` returns it, or an SB3 model's own.
        scaler: of its observations; None = it takes them raw.
    """
    return KINDS[type(network).__name__].act(network, scaler)
