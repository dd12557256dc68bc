"""Give a clone of a rule something to try out: a rule never hesitates, so its clone does not explore."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import brentq
from scipy.special import entr, softmax

from intraday_rl.agents.cloning.demonstrations import Demonstrations
from intraday_rl.agents.policies.scaler import ObservationScaler, network_inputs

MOST_DECISIONS = 20_000  # that the mean entropy is taken over
LOG_TEMPERATURES = (0.0, 12.0)


def soften(
    network: Any, scaler: ObservationScaler | None, demonstrations: Demonstrations, entropy: float
) -> dict[str, npt.NDArray[Any]]:
    """Return the network's weights with its logits divided by one temperature, so high that it explores.

    The most likely action of every observation stays what it is. A network whose mean entropy is higher already is
    returned as it is.

    Args:
        network: of discrete actions, as fitted.
        scaler: of its observations.
        demonstrations: over which the mean is taken.
        entropy: mean of the policy's entropy, nats.

    Source: temperature scaling, Guo, Pleiss, Sun, Weinberger (2017), used here to a given entropy.
    """
    observations = demonstrations.observations
    rows = np.linspace(0, len(observations) - 1, min(MOST_DECISIONS, len(observations))).astype(np.int64)
    with torch.no_grad():
        inputs = torch.from_numpy(network_inputs(observations[rows], scaler))
        logits = network.action_net(network.mlp_extractor.forward_actor(inputs)).double().numpy()

    def excess(log_temperature: float) -> float:
        shares = softmax(logits / math.exp(log_temperature), axis=1)
        return float(entr(shares).sum(axis=1).mean()) - entropy

    weights = {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}
    if excess(LOG_TEMPERATURES[0]) < 0.0:
        temperature = math.exp(brentq(excess, *LOG_TEMPERATURES))
        for name in ("action_net.weight", "action_net.bias"):
            weights[name] /= np.float32(temperature)
    return weights
