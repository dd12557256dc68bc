"""Losses and their slopes: by hand, against automatic differentiation, and what they are smallest at."""

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from intraday_rl.agents.cloning.losses import CodeLoss, SizeLoss, loss_of

ACTIONS = np.repeat([0, 1, 2], [10, 80, 10])


def test_cross_entropy_by_hand():
    outputs = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
    loss = CodeLoss(ACTIONS, 3, 1.0)
    expected = -0.5 * (math.log(0.25) + math.log(0.8))
    assert float(loss.measure(outputs, torch.tensor([2, 1]))) == pytest.approx(expected, rel=1e-6)


def test_weights_by_hand():
    """Frequencies 0.1, 0.8, 0.1: their inverses 10, 1.25, 10 have the mean 3 over the actions."""
    assert CodeLoss(ACTIONS, 3, 1.0).weights.tolist() == pytest.approx([10 / 3, 1.25 / 3, 10 / 3], rel=1e-6)
    assert CodeLoss(ACTIONS, 3, 0.0).weights.tolist() == [1.0, 1.0, 1.0]
    root = [math.sqrt(10.0), math.sqrt(1.25), math.sqrt(10.0)]
    mean = 0.2 * root[0] + 0.8 * root[1]
    assert CodeLoss(ACTIONS, 3, 0.5).weights.tolist() == pytest.approx([value / mean for value in root], rel=1e-6)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_slope_is_that_of_the_weighted_cross_entropy(balance):
    loss, rng = CodeLoss(ACTIONS, 3, balance), np.random.default_rng(0)
    outputs = torch.tensor(rng.standard_normal((6, 3)), dtype=torch.float32, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 1, 1, 0])
    shifted = outputs + loss.weights.log()
    each = -torch.log_softmax(shifted, dim=1)[torch.arange(6), targets]
    (each * loss.weights[targets]).mean().backward()
    torch.testing.assert_close(loss.slope(outputs.detach(), targets), outputs.grad)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_probabilities_are_those_of_the_demonstrations_whatever_the_weights(balance):
    loss, outputs = CodeLoss(ACTIONS, 3, balance), torch.zeros(1, 3)
    targets = torch.from_numpy(ACTIONS)
    for _ in range(500):
        outputs -= 0.5 * loss.slope(outputs.expand(100, 3), targets).sum(dim=0)
    assert torch.softmax(outputs, dim=1)[0].tolist() == pytest.approx([0.1, 0.8, 0.1], abs=1e-4)


def test_action_that_never_comes_has_a_finite_weight():
    loss = CodeLoss(np.array([1, 1, 1, 2]), 3, 1.0)
    assert bool(torch.isfinite(loss.slope(torch.zeros(2, 3), torch.tensor([1, 2]))).all())


def test_squared_error_by_hand():
    loss, outputs, targets = SizeLoss(), torch.tensor([[0.5], [-1.0]]), torch.tensor([1.0, 0.0])
    assert float(loss.measure(outputs, targets)) == 0.625
    assert loss.slope(outputs, targets).tolist() == [[-0.5], [-1.0]]


def test_space_decides():
    assert isinstance(loss_of(spaces.Discrete(3), ACTIONS, 0.5), CodeLoss)
    assert isinstance(loss_of(spaces.Box(-1.0, 1.0, (1,)), ACTIONS.astype(np.float32), 0.5), SizeLoss)
