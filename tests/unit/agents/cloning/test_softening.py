"""A softened clone explores as much as asked, and acts as before."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from intraday_rl.agents.cloning.demonstrations import Demonstrations
from intraday_rl.agents.cloning.softening import soften


def sharp_network(factor: float) -> ActorCriticPolicy:
    torch.manual_seed(0)
    space = gymnasium.spaces.Box(-np.inf, np.inf, (3,))
    network = ActorCriticPolicy(space, gymnasium.spaces.Discrete(3), lambda _: 0.0, net_arch={"pi": [8], "vf": [8]})
    with torch.no_grad():
        network.action_net.weight.mul_(factor)
        network.action_net.bias.copy_(factor * torch.tensor([0.001, 0.0, -0.002]))
    return network


def demonstrations() -> Demonstrations:
    rows = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
    zeros = np.zeros(500, dtype=np.int64)
    return Demonstrations(rows, zeros, zeros, zeros.astype("datetime64[D]"))


def logits_of(weights: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    hidden = np.tanh(rows @ weights["mlp_extractor.policy_net.0.weight"].T + weights["mlp_extractor.policy_net.0.bias"])
    return hidden @ weights["action_net.weight"].T + weights["action_net.bias"]


def mean_entropy(logits: np.ndarray) -> float:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return float(-(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1).mean())


@pytest.mark.parametrize("entropy", [0.3, 0.8])
def test_softened_to_the_entropy_asked_for_with_the_same_first_choices(entropy: float) -> None:
    network, shown = sharp_network(4000.0), demonstrations()
    before = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
    after = soften(network, None, shown, entropy)
    logits, softened = logits_of(before, shown.observations), logits_of(after, shown.observations)
    assert mean_entropy(logits) < 0.25
    assert mean_entropy(softened) == pytest.approx(entropy, abs=1e-3)
    assert (logits.argmax(axis=1) == softened.argmax(axis=1)).all()
    assert {name for name in before if (before[name] != after[name]).any()} == {"action_net.weight", "action_net.bias"}


def test_a_network_that_explores_more_stays_as_it_is() -> None:
    network = sharp_network(1.0)
    after = soften(network, None, demonstrations(), 0.5)
    assert all((after[name] == tensor.numpy()).all() for name, tensor in network.state_dict().items())
