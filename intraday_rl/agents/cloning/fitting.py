"""Fit a network's policy to demonstrations; the value network stays as it is.

The same seed, demonstrations and weights give the same clone to the last bit. One thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from intraday_rl.agents.cloning.demonstrations import Demonstrations, DemonstrationSplit, split_demonstrations
from intraday_rl.agents.cloning.losses import Loss, SizeLoss, loss_of
from intraday_rl.agents.cloning.parameters import AUTO, BF16, FP32, CloningParameters
from intraday_rl.agents.cloning.perceptron import Perceptron
from intraday_rl.agents.policies.scaler import ObservationScaler, network_inputs
from intraday_rl.core.errors import ConfigError, TrainingError

EPSILON = 1e-8  # added to the variance of observations, as SB3's VecNormalize does
LEAST_LOG_STD = -3.0  # of sizes: a clone that never errs still has something to try out

OnEpoch = Callable[[Mapping[str, float]], None]


@dataclass(frozen=True)
class Clone:
    """A fitted network.

    Attributes:
        weights: of the whole network by name, those of the best epoch.
        scaler: moments of the observations that were fitted on; None = it takes them raw.
        curve: `epoch`, `train_loss` and `validation_loss` of each epoch, in nats, or squared size.
        best_epoch: the one with the lowest validation loss.
        precision: fp32 or bf16, in which it was fitted.
        seconds: that the fit took.
    """

    weights: dict[str, npt.NDArray[Any]]
    scaler: ObservationScaler | None
    curve: list[dict[str, float]]
    best_epoch: int
    precision: str
    seconds: float


@dataclass(frozen=True)
class _Task:
    """Tensors to fit on and to judge by: scaled observations (n, F), actions (n,)."""

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor


def fit_clone(
    policy: ActorCriticPolicy,
    demonstrations: Demonstrations,
    parameters: CloningParameters,
    normalize_clip: float | None,
    seed: int,
    on_epoch: OnEpoch,
) -> Clone:
    """Fit the policy trunk and the action layer of a network, and leave the best epoch's weights in it.

    Args:
        policy: SB3's actor-critic network of PPO, with the weights to begin with.
        demonstrations: what it is fitted to; its last days judge.
        parameters: of the fit.
        normalize_clip: bound on the normalised observations; None = they are taken raw.
        seed: of the order of the decisions.
        on_epoch: told of each epoch's numbers, as they stand in the curve.

    Raises:
        ConfigError: the network is another.
        DataError: there are too few days.
        TrainingError: the loss is no longer a number.
    """
    torch.set_num_threads(1)
    start = time.perf_counter()
    layers, split = policy_layers(policy), split_demonstrations(demonstrations, parameters)
    scaler = None if normalize_clip is None else fit_scaler(demonstrations.observations[split.train], normalize_clip)
    task = _task(demonstrations, split, scaler)
    precision = choose_precision(parameters.precision)
    loss = loss_of(policy.action_space, demonstrations.actions[split.train], parameters.class_balance)
    network = Perceptron(layers, min(parameters.batch_size, len(split.train)), precision == BF16)
    curve, best_epoch = _fit(network, task, loss, parameters, torch.Generator().manual_seed(seed), on_epoch)
    network.store()
    if isinstance(loss, SizeLoss):
        with torch.no_grad():
            policy.log_std.fill_(max(LEAST_LOG_STD, 0.5 * math.log(curve[best_epoch - 1]["validation_loss"])))
    weights = {name: tensor.detach().numpy().copy() for name, tensor in policy.state_dict().items()}
    return Clone(weights, scaler, curve, best_epoch, precision, time.perf_counter() - start)


def policy_layers(policy: ActorCriticPolicy) -> list[nn.Linear]:
    """Return the linear layers from the observation to the actions' distribution.

    Raises:
        ConfigError: the network is not SB3's plain one, with tanh between its layers.
    """
    if type(policy) is ActorCriticPolicy:
        modules = [*policy.mlp_extractor.policy_net, policy.action_net]
        layers = [module for module in modules if isinstance(module, nn.Linear)]
        if [type(module) for module in modules] == [nn.Linear, nn.Tanh] * (len(layers) - 1) + [nn.Linear]:
            return layers
    raise ConfigError(
        f"cloning fits PPO's own network, layers with tanh, was {type(policy).__name__}; choose algo=ppo without "
        "regime_heads"
    )


def choose_precision(asked: str) -> str:
    """Return fp32 or bf16; what is asked may be `auto`: bf16 where the processor computes in it."""
    if asked != AUTO:
        return asked
    return BF16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else FP32


def fit_scaler(observations: npt.NDArray[np.float32], clip: float) -> ObservationScaler:
    """Return the scaler with the moments of the observations, (n, F)."""
    mean: npt.NDArray[np.float64] = observations.mean(axis=0, dtype=np.float64)
    variance: npt.NDArray[np.float64] = observations.var(axis=0, dtype=np.float64)
    return ObservationScaler(mean, variance, EPSILON, clip, float(len(observations)))


def _task(demonstrations: Demonstrations, split: DemonstrationSplit, scaler: ObservationScaler | None) -> _Task:
    parts = []
    for rows in (split.train, split.validation):
        parts.append(torch.from_numpy(network_inputs(demonstrations.observations[rows], scaler)))
        parts.append(torch.from_numpy(demonstrations.actions[rows]))
    return _Task(*parts)


def _fit(
    network: Perceptron,
    task: _Task,
    loss: Loss,
    parameters: CloningParameters,
    random: torch.Generator,
    on_epoch: OnEpoch,
) -> tuple[list[dict[str, float]], int]:
    """Fit until the validation loss no longer falls; return the curve and the best epoch, whose weights are left."""
    count, curve, best, best_epoch = len(task.targets), [], math.inf, 0
    batches, kept = -(-count // parameters.batch_size), network.weights.clone()
    inputs = network.kind(task.inputs)
    for epoch in range(1, parameters.num_epochs + 1):
        order, losses = torch.randperm(count, generator=random), []
        for i, rows in enumerate(torch.split(order, parameters.batch_size)):
            outputs, targets = network.forward(inputs, rows), task.targets[rows]
            losses.append(loss.measure(outputs, targets) * len(rows))
            done = (epoch - 1 + i / batches) / parameters.num_epochs
            network.backward(loss.slope(outputs, targets), parameters.learning_rate * (1.0 - done))
        validation = float(loss.measure(network.outputs(task.validation_inputs), task.validation_targets))
        if not math.isfinite(validation):
            raise TrainingError(
                f"cloning: the validation loss of epoch {epoch} is no number; choose a cloning.learning_rate below "
                f"{parameters.learning_rate:g}"
            )
        curve.append({"epoch": epoch, "train_loss": float(sum(losses)) / count, "validation_loss": validation})
        on_epoch(curve[-1])
        if validation < best:
            best, best_epoch = validation, epoch
            kept.copy_(network.weights)
        elif epoch - best_epoch >= parameters.patience:
            break
    network.weights.copy_(kept)
    return curve, best_epoch
