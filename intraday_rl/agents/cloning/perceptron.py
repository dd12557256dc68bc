"""A multilayer perceptron's passes forward and back, written out over memory that is laid out once.

For small networks on a processor, PyTorch's own way spends as much time on autograd, fresh memory and a slow tanh as on
the products. Here all weights lie in one vector, so that Adam is one call, and every product writes into its place.
With `low` the products of the hidden layers are of bf16 numbers; weights, gradients' sums and the last layer stay fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class Perceptron:
    """Linear layers with tanh between them, trained by Adam on gradients of the outputs.

    `weights` is the vector of all weights and biases; `store` copies them into PyTorch's layers.
    """

    def __init__(self, layers: Sequence[nn.Linear], rows: int, low: bool) -> None:
        """Lay out memory for inputs of up to `rows` rows, and copy the layers' weights."""
        self.layers, self.low = list(layers), low
        widths = [layer.in_features for layer in layers] + [layers[-1].out_features]
        count = sum((a + 1) * b for a, b in pairwise(widths))
        self.weights = torch.empty(count)
        self.weights.grad = torch.zeros(count)
        self._parts, self._gradients = _parts(self.weights, widths), _parts(self.weights.grad, widths)
        kind = torch.bfloat16 if low else torch.float32
        self._weights = torch.empty(count, dtype=kind) if low else self.weights
        self._products = _parts(self._weights, widths)
        hidden = widths[1:-1]
        self._inputs = [torch.empty(rows, width, dtype=kind) for width in widths[:-1]]
        self._slopes = [torch.empty(rows, width, dtype=kind) for width in hidden]
        self._wide = [torch.empty(rows, width) for width in hidden] if low else self._inputs[1:]
        self._outputs = torch.empty(rows, widths[-1])
        self._last_slope = torch.empty(rows, hidden[-1])
        self._steps = [torch.empty(b, a, dtype=kind) for a, b in pairwise(widths[:-1])]
        self._adam = torch.optim.Adam([self.weights], fused=True)
        for layer, (weight, bias) in zip(self.layers, self._parts, strict=True):
            weight.copy_(layer.weight.detach())
            bias.copy_(layer.bias.detach())

    def store(self) -> None:
        """Copy the weights to the layers."""
        with torch.no_grad():
            for layer, (weight, bias) in zip(self.layers, self._parts, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)

    def kind(self, inputs: Tensor) -> Tensor:
        """Return fp32 inputs (n, F) as `forward` takes them."""
        return inputs.bfloat16() if self.low else inputs

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return the outputs for fp32 inputs (n, F) as the fp32 layers give them, (n, A)."""
        parts = []
        for values in torch.split(inputs, len(self._outputs)):
            for weight, bias in self._parts[:-1]:
                values = torch.addmm(bias, values, weight.t())
                np.tanh(values.numpy(), out=values.numpy())
            weight, bias = self._parts[-1]
            parts.append(torch.addmm(bias, values, weight.t()))
        return torch.cat(parts)

    def forward(self, inputs: Tensor, chosen: Tensor) -> Tensor:
        """Return the outputs for the chosen rows of the inputs, (B, A); they are overwritten by the next call.

        Args:
            inputs: (n, F) of the products' kind: `low` takes bf16.
            chosen: which rows, (B,).
        """
        rows, last = len(chosen), len(self.layers) - 1
        values = torch.index_select(inputs, 0, chosen, out=self._inputs[0][:rows])
        if self.low:
            self._weights.copy_(self.weights)
        for i, (weight, bias) in enumerate(self._products[:last]):
            wide = self._wide[i][:rows]
            if self.low:
                wide.copy_(torch.addmm(bias, values, weight.t(), out=self._inputs[i + 1][:rows]))
            else:
                torch.addmm(bias, values, weight.t(), out=wide)
            numbers = wide.numpy()
            np.tanh(numbers, out=numbers)
            values = self._inputs[i + 1][:rows]
            if self.low:
                values.copy_(wide)
        weight, bias = self._parts[last]
        return torch.addmm(bias, self._wide[-1][:rows], weight.t(), out=self._outputs[:rows])

    def backward(self, slope: Tensor, learning_rate: float) -> None:
        """Let Adam take a step down the slope of the loss by the outputs of the last `forward`, (B, A)."""
        rows, last = len(slope), len(self.layers) - 1
        weight, bias = self._gradients[last]
        torch.mm(slope.t(), self._wide[-1][:rows], out=weight)
        torch.sum(slope, 0, out=bias)
        back: Tensor = torch.mm(slope, self._parts[last][0], out=self._last_slope[:rows])
        for i in reversed(range(last)):
            weight, bias = self._gradients[i]
            here = self._slopes[i][:rows]
            if back.dtype != here.dtype:
                back = here.copy_(back)
            _tanh_backward(back, self._inputs[i + 1][:rows], grad_input=here)
            if self.low:
                weight.copy_(torch.mm(here.t(), self._inputs[i][:rows], out=self._steps[i]))
                bias.copy_(torch.sum(here, 0))
            else:
                torch.mm(here.t(), self._inputs[i][:rows], out=weight)
                torch.sum(here, 0, out=bias)
            if i > 0:
                back = torch.mm(here, self._products[i][0], out=self._slopes[i - 1][:rows])
        self._adam.param_groups[0]["lr"] = learning_rate
        self._adam.step()


def _parts(vector: Tensor, widths: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Return the vector as weight (out, in) and bias (out,) of each layer, views of it."""
    parts, start = [], 0
    for a, b in pairwise(widths):
        stop = start + a * b
        parts.append((vector[start:stop].view(b, a), vector[stop : stop + b]))
        start = stop + b
    return parts
