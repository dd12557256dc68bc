"""The value network learns alone at first: the policy's weights stand still, then move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intraday_rl.agents.callbacks.value_warmup import OF_VALUES
from intraday_rl.agents.trainer import train
from tests.support.training import tiny_task

ROLLOUT = 256


def weights_after(steps: int, warmup: int) -> dict[str, np.ndarray]:
    task = replace(tiny_task(parameters={"total_timesteps": steps}), value_warmup_steps=warmup)
    result = train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [])
    return {name: tensor.detach().numpy() for name, tensor in result.model.policy.state_dict().items()}


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[bool, set[bool]]:
    """Whether weights moved, by whether they belong to the value network."""
    found: dict[bool, set[bool]] = {True: set(), False: set()}
    for name, value in before.items():
        found[name.startswith(OF_VALUES)].add(bool((value != after[name]).any()))
    return found


def test_only_the_value_network_learns_during_the_warm_up() -> None:
    one, two = weights_after(ROLLOUT, ROLLOUT + 1), weights_after(2 * ROLLOUT, ROLLOUT + 1)
    assert moved(one, two) == {True: {True}, False: {False}}  # the second rollout starts at 256, below 257
    assert moved(one, weights_after(ROLLOUT, 0))[False] == {True}


def test_the_policy_learns_with_the_first_rollout_after_the_warm_up() -> None:
    one, two = weights_after(ROLLOUT, ROLLOUT), weights_after(2 * ROLLOUT, ROLLOUT)
    assert moved(one, two) == {True: {True}, False: {True}}
