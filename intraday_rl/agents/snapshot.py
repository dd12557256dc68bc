"""A policy at one moment of training: copies of its weights and of the observation scaler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from intraday_rl.agents.policy import NetworkPolicy, ObservationScaler
from intraday_rl.env.normalize import RunningNormalize


@dataclass(frozen=True)
class PolicySnapshot:
    """Weights by name, the scaler (None = raw observations), and the policy that still is in training.

    `live_policy` acts as the weights do only until training goes on.
    """

    weights: dict[str, npt.NDArray[Any]]
    scaler: ObservationScaler | None
    live_policy: NetworkPolicy


def take_snapshot(model: Any) -> PolicySnapshot:
    """Copy the weights and the scaler of an SB3 model in training."""
    scaler = None
    if isinstance(model.env, RunningNormalize):
        moments = model.env.obs_rms
        scaler = ObservationScaler(moments.mean.ravel(), moments.var.ravel(), model.env.epsilon, model.env.clip_obs)
    weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.policy.state_dict().items()}
    return PolicySnapshot(weights, scaler, NetworkPolicy(model.policy, scaler))
