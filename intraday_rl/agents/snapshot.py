"""A policy at one moment of training: copies of its weights and of the observation scaler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from intraday_rl.agents.policies.networks import as_policy, describe_network
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.core.protocols import Policy
from intraday_rl.env.normalize import RunningNormalize


@dataclass(frozen=True)
class PolicySnapshot:
    """What a policy is at one moment.

    Attributes:
        weights: of the whole network, by name.
        scaler: of its observations; None = it takes them raw.
        network: its description, see `policies.networks`.
        live_policy: the policy that still is in training; it acts as the weights do only until training goes on.
    """

    weights: dict[str, npt.NDArray[Any]]
    scaler: ObservationScaler | None
    network: dict[str, Any]
    live_policy: Policy


def take_snapshot(model: Any) -> PolicySnapshot:
    """Copy the weights and the scaler of an SB3 model in training."""
    scaler = None
    if isinstance(model.env, RunningNormalize):
        moments = model.env.obs_rms
        mean, variance = moments.mean.ravel(), moments.var.ravel()
        scaler = ObservationScaler(mean, variance, model.env.epsilon, model.env.clip_obs, moments.count)
    weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.policy.state_dict().items()}
    return PolicySnapshot(weights, scaler, describe_network(model.policy), as_policy(model.policy, scaler))
