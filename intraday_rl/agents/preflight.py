"""Before the first step: what must hold between network, environment and whoever else observes, and what is trained.

Each check raises one line that names both sides (SPEC B31, R139); the description is a few lines to read (R140).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from intraday_rl.agents.parameters import AlgorithmParameters, ProximalParameters, SacParameters
from intraday_rl.core import hashing
from intraday_rl.core.errors import TrainingError
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.observation import ObservationLayout

HASH_DIGITS = 12


def check_model(model: Any, env: Any) -> None:
    """Refuse a model whose spaces or inputs are not the environment's.

    Args:
        model: of SB3.
        env: the N training environments.

    Raises:
        TrainingError: observation space, action space or width of the input differ.
    """
    for name, verb in (("observation_space", "shows"), ("action_space", "takes")):
        own, given = getattr(model, name), getattr(env, name)
        if own != given:
            raise TrainingError(f"training: the model's {name} is {own}, but the environment {verb} {given}")
    width = math.prod(env.observation_space.shape)
    for name, module in model.policy.named_modules():
        if isinstance(module, BaseFeaturesExtractor) and module.features_dim != width:
            raise TrainingError(
                f"training: the network's {name} gives {module.features_dim} inputs, but an observation "
                f"{env.observation_space.shape} has {width} numbers"
            )


def columns_hash(layout: ObservationLayout) -> str:
    """Return a hash of the names of an observation's columns, in order."""
    return hashing.hash_json(list(layout.names))[:HASH_DIGITS]


def check_columns(training: ObservationLayout, others: Mapping[str, ObservationLayout]) -> None:
    """Refuse others that observe other columns than the training, or in another order.

    Args:
        training: the training's layout.
        others: layouts by what they are of: "evaluation", "warm start".

    Raises:
        TrainingError: it names the first column that differs.
    """
    for name, layout in others.items():
        if columns_hash(layout) != columns_hash(training):
            pairs = enumerate(zip_longest(training.names, layout.names, fillvalue="nothing"))
            place, (ours, theirs) = next((place, pair) for place, pair in pairs if pair[0] != pair[1])
            raise TrainingError(
                f"training: {name} observes other columns ({columns_hash(layout)}) than the training "
                f"({columns_hash(training)}): column {place} is {theirs} there, {ours} here"
            )


def check_first_observations(batch: BatchEnv) -> None:
    """Refuse environments that begin with a number that is not finite.

    Args:
        batch: environments that nobody trains in: they are reset.

    Raises:
        TrainingError: it names the first account and its session.
    """
    batch.reset()
    replaced = batch.accounts["replaced"]
    if replaced.any():
        account = int(np.flatnonzero(replaced)[0])
        row = int(batch.accounts["bar"][account])
        features = zip(batch.tape.feature_names, batch.tape.features[row].tolist(), strict=True)
        names = [name for name, value in features if not math.isfinite(value)] or ["an account feature"]
        raise TrainingError(
            f"training: the first observation of account {account} has a number that is not finite in "
            f"{', '.join(names)}, session {batch.tape.dates[batch.tape.session_of(row)]}; check the bars and features"
        )


def describe_training(model: Any, batch: BatchEnv, parameters: AlgorithmParameters) -> list[str]:
    """Return what is about to be trained, a line each: observation, network, updates, actions, sessions.

    Args:
        model: of SB3, untrained or not.
        batch: the engine of its environments.
        parameters: of the algorithm.
    """
    layout = batch.rules.layout
    lagged = len(layout.names) - len(layout.current)
    shape, kind = model.observation_space.shape, model.observation_space.dtype
    counts = f"{len(layout.market)} market and {len(layout.account)} account columns"
    size = sum(parameter.numel() for parameter in model.policy.parameters())
    minutes = int((batch.tape.last_row - batch.tape.first_row)[batch.sessions].sum())
    return [
        f"observation  {shape} {kind}: {counts} of the last bar, {lagged} of earlier ones; "
        f"names {columns_hash(layout)}",
        f"network      {', '.join(_trunks(model.policy))}; {size:,} parameters",
        f"updates      {_updates(parameters)}",
        f"actions      {_actions(batch.action_space)}, {type(batch.rules.actions).__name__}",
        f"sessions     {len(batch.sessions):,} to train on, {minutes:,} decisions",
    ]


def _trunks(network: nn.Module) -> list[str]:
    """Return the widths of the network's layers, by the part of the network that they are in."""
    layers: dict[str, list[tuple[int, int]]] = {}
    for name, module in network.named_modules():
        part = re.sub(r"\.\d+$", "", name)
        if isinstance(module, nn.Linear):
            layers.setdefault(part, []).append((module.in_features, module.out_features))
        elif isinstance(module, nn.LSTM):
            layers.setdefault(part, []).append((module.input_size, module.hidden_size))
    return [f"{part} {_widths(sizes)}" for part, sizes in layers.items()]


def _widths(sizes: list[tuple[int, int]]) -> str:
    """Return "50-64-64" for layers that follow one another, "64-3 (4 times)" for those that stand side by side."""
    if all(before[1] == after[0] for before, after in pairwise(sizes)):
        return "-".join(str(width) for width in (sizes[0][0], *(out for _, out in sizes)))
    return f"{sizes[0][0]}-{sizes[0][1]} ({len(sizes)} times)"


def _updates(parameters: AlgorithmParameters) -> str:
    envs, size = parameters.num_envs, parameters.batch_size
    if isinstance(parameters, ProximalParameters):
        rollout, epochs = parameters.rollout_steps, parameters.num_epochs
        batches, updates = math.ceil(rollout / size), math.ceil(parameters.total_timesteps / rollout)
        return (
            f"{envs} environments x {rollout // envs} steps = {rollout:,} steps, {batches} batches of {size}, {epochs} "
            f"epochs; {updates:,} updates"
        )
    if isinstance(parameters, SacParameters):
        collected, random = envs * parameters.train_every, parameters.learning_starts
        return (
            f"{envs} environments, every {collected} steps {parameters.gradient_steps} batches of {size} out of the "
            f"last {parameters.buffer_size:,} steps; random actions in the first {random:,}"
        )
    return f"{envs} environments, batches of {size}"


def _actions(space: spaces.Space[Any]) -> str:
    return "SELL, HOLD or BUY" if isinstance(space, spaces.Discrete) else "a number in [-1, 1]"
