"""What a network is fitted to: the codes of discrete actions, or sizes.

A loss is measured on actions as often as they are in the demonstrations, whatever weight they have in fitting.
"""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Loss(Protocol):
    """A loss of the network's outputs (B, A) for targets (B,)."""

    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss, a scalar."""
        ...

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the derivative by the outputs of what fitting makes small, (B, A)."""
        ...


class CodeLoss:
    """Cross-entropy of the action codes, nats.

    Fitting weighs each action by w = frequency to the power of -balance, scaled to a mean of 1, and takes the outputs
    plus ln w for logits. The smallest weighted cross-entropy is where the weighted probabilities are in proportion to
    w p, p being the demonstrations' own; so the outputs themselves are the logits of p, and nothing is left to correct.

    Source: Menon et al. (2021), Long-tail learning via logit adjustment, equation 10, with the prior of the weights.
    """

    def __init__(self, actions: npt.NDArray[np.int64], codes: int, balance: float) -> None:
        """Take the actions' frequencies from the demonstrations that are fitted on, (n,)."""
        frequencies = np.maximum(np.bincount(actions, minlength=codes), 1) / len(actions)
        weights = frequencies**-balance
        weights /= (weights * frequencies).sum()
        self.weights = torch.tensor(weights, dtype=torch.float32)
        self.log_weights = self.weights.log()

    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy, unweighted."""
        return torch.nn.functional.cross_entropy(outputs, targets)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the derivative of the weighted mean cross-entropy."""
        slope = torch.softmax(outputs + self.log_weights, dim=1)
        slope[torch.arange(len(targets)), targets] -= 1.0
        return slope * (self.weights[targets] / len(targets))[:, None]


class SizeLoss:
    """Mean squared error of the sizes: smallest where a normal distribution of one deviation is most likely."""

    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error."""
        return torch.nn.functional.mse_loss(outputs[:, 0], targets)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return its derivative."""
        return (2.0 / len(targets)) * (outputs - targets[:, None])


def loss_of(space: gymnasium.Space[Any], actions: npt.NDArray[Any], balance: float) -> Loss:
    """Return the loss for actions of the space.

    Args:
        space: Discrete, or a Box of one dimension.
        actions: those that are fitted on, (n,).
        balance: exponent of the inverse frequency; sizes have none.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return CodeLoss(actions, int(space.n), balance)
    return SizeLoss()
