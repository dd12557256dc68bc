"""The written-out passes give what PyTorch gives: outputs, gradients and Adam's steps."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from intraday_rl.agents.cloning.perceptron import Perceptron

WIDTHS = (5, 16, 12, 8, 3)
ROWS = 24


def layers_of(seed=0, widths=WIDTHS):
    torch.manual_seed(seed)
    return [nn.Linear(a, b) for a, b in pairwise(widths)]


def module_of(layers):
    inner = [part for layer in layers[:-1] for part in (layer, nn.Tanh())]
    return nn.Sequential(*inner, layers[-1])


def inputs_of(count=40, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, WIDTHS[0])).astype(np.float32))


def batches(num_batches, count=40):
    rng = np.random.default_rng(2)
    return [torch.from_numpy(rng.permutation(count)[: ROWS - k % 5]) for k in range(num_batches)]


@pytest.mark.parametrize("rows", [1, 7, ROWS])
def test_outputs_are_pytorchs(rows):
    layers, inputs = layers_of(), inputs_of()
    network, chosen = Perceptron(layers, ROWS, low=False), torch.arange(rows) * 3 % 40
    expected = module_of(layers)(inputs).detach()
    torch.testing.assert_close(network.outputs(inputs), expected)
    torch.testing.assert_close(network.forward(inputs, chosen), expected[chosen])


@pytest.mark.parametrize("widths", [WIDTHS, (5, 4, 1)])
def test_steps_are_pytorchs(widths):
    layers, inputs = layers_of(widths=widths), inputs_of()
    network = Perceptron(layers, ROWS, low=False)
    module, start = module_of(layers), module_of(layers)(inputs).detach()
    adam, targets = torch.optim.Adam(module.parameters(), lr=1e-2), torch.sin(inputs @ torch.ones(5, widths[-1]))
    for k, chosen in enumerate(batches(30)):
        rate = 1e-2 / (1 + k)
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        (0.5 * (module(inputs[chosen]) - targets[chosen]) ** 2).sum().backward()
        adam.step()
        network.backward(network.forward(inputs, chosen) - targets[chosen], rate)
        gradients = torch.cat([weights.grad.ravel() for weights in module.parameters()])
        torch.testing.assert_close(network.weights.grad, gradients, rtol=1e-3, atol=1e-4)
    expected = module(inputs).detach()
    assert float((network.outputs(inputs) - expected).abs().max()) < 1e-5
    assert float((expected - start).abs().max()) > 0.05
    fresh = layers_of(seed=9, widths=widths)
    network.layers = fresh
    network.store()
    torch.testing.assert_close(module_of(fresh)(inputs).detach(), network.outputs(inputs))


def test_low_precision_learns_the_same():
    losses = {}
    for low in (False, True):
        network, inputs = Perceptron(layers_of(), ROWS, low), inputs_of(200)
        targets = torch.sin(inputs @ torch.ones(5, 3))
        for chosen in batches(400, 200):
            slope = network.forward(network.kind(inputs), chosen) - targets[chosen]
            network.backward(slope / len(chosen), 3e-3)
        losses[low] = float(((network.outputs(inputs) - targets) ** 2).mean())
    assert losses[False] < 0.2 * float(targets.var())
    assert losses[True] == pytest.approx(losses[False], rel=0.15)
    assert losses[True] != losses[False]


def test_weights_can_be_put_back():
    network, inputs = Perceptron(layers_of(), ROWS, low=False), inputs_of()
    kept, before = network.weights.clone(), network.outputs(inputs)
    network.backward(network.forward(inputs, torch.arange(10)), 0.1)
    assert not torch.equal(network.outputs(inputs), before)
    network.weights.copy_(kept)
    assert torch.equal(network.outputs(inputs), before)
