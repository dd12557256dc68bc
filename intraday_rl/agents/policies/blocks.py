"""A network asked about N rows gives each row the same bits, whatever stands beside it.

Matrix products round differently for other numbers of rows, so a network always sees BLOCK_ROWS of them; what is
missing is filled up with zeros and thrown away. Products with few columns round by the row's place in the block, so a
linear layer of fewer outputs than MIN_OUTPUTS gets as many, the others with weights of zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import linear, pad
from torch.overrides import TorchFunctionMode

BLOCK_ROWS, MIN_OUTPUTS = 32, 32


def in_blocks(
    forward: Callable[..., tuple[torch.Tensor, ...]], *inputs: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[Any], ...]:
    """Return what a network makes of N rows, as arrays of N rows.

    Args:
        forward: from tensors of BLOCK_ROWS rows to tensors of as many rows.
        inputs: arrays of N rows each.
    """
    count = len(inputs[0])
    with torch.no_grad(), _WideLayers():
        blocks = zip(*(torch.split(_padded(array), BLOCK_ROWS) for array in inputs), strict=True)
        outputs = [forward(*block) for block in blocks]
    return tuple(np.concatenate([part.numpy() for part in parts])[:count] for parts in zip(*outputs, strict=True))


def _padded(rows: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return the rows with zeros after them, up to a multiple of BLOCK_ROWS: at least one block."""
    blocks = max(1, -(-len(rows) // BLOCK_ROWS))
    padded = np.zeros((blocks * BLOCK_ROWS, *rows.shape[1:]), dtype=np.float32)
    padded[: len(rows)] = rows
    return torch.from_numpy(padded)


class _WideLayers(TorchFunctionMode):
    """Inside it, linear layers of few outputs are computed with MIN_OUTPUTS of them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is linear and args[1].shape[0] < MIN_OUTPUTS:
            block, weight, bias = args
            missing = MIN_OUTPUTS - weight.shape[0]
            wide = linear(block, pad(weight, (0, 0, 0, missing)), pad(bias, (0, missing)))
            return wide[:, : weight.shape[0]]
        return func(*args, **(kwargs or {}))
