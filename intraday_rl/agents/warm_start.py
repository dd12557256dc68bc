"""Where a training starts from: random weights, or those of a policy that was cloned or trained before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch

from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.env.normalize import RunningNormalize


@dataclass(frozen=True)
class WarmStart:
    """A policy to go on from.

    Attributes:
        weights: of the whole network, by name.
        scaler: of its observations; None = it takes them raw.
    """

    weights: dict[str, npt.NDArray[Any]]
    scaler: ObservationScaler | None


def apply_warm_start(model: Any, start: WarmStart) -> None:
    """Give an untrained SB3 model the weights, and its normaliser the moments of the observations."""
    model.policy.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in start.weights.items()})
    if start.scaler is not None and isinstance(model.env, RunningNormalize):
        moments = model.env.obs_rms
        moments.mean = start.scaler.mean.reshape(moments.mean.shape)
        moments.var = start.scaler.variance.reshape(moments.var.shape)
        moments.count = start.scaler.count
        model.env.obs_rms = moments
