"""Blocks of rows: what comes out is the network's answer, and a row's answer has the same bits in any company."""

import numpy as np
import pytest
import torch

from intraday_rl.agents.policies.blocks import BLOCK_ROWS, in_blocks
from tests.support.networks import example_rows

COUNT = 70


def layers_of(width, outputs):
    torch.manual_seed(width + outputs)
    return torch.nn.Sequential(torch.nn.Linear(width, outputs), torch.nn.Tanh())


def in_parts(forward, size, *inputs):
    parts = [in_blocks(forward, *(rows[i : i + size] for rows in inputs)) for i in range(0, COUNT, size)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 8, 15, 31, 32, 33, 100])
@pytest.mark.parametrize("width", [1, 11, 128])
def test_row_of_a_layer_has_the_same_bits_in_any_company(width, outputs):
    """Layers of few outputs are those that matrix libraries round by the row's place."""
    net, rows = layers_of(width, outputs), example_rows(COUNT, width)
    (together,) = in_blocks(lambda block: (net(block),), rows)
    assert together == pytest.approx(net(torch.from_numpy(rows)).detach().numpy(), abs=1e-5)
    assert together.shape == (COUNT, outputs)
    for size in (1, 3, 33):
        (apart,) = in_parts(lambda block: (net(block),), size, rows)
        assert apart.tobytes() == together.tobytes(), size


@pytest.mark.parametrize("size", [1, 5, 64])
def test_row_of_a_memory_has_the_same_bits_in_any_company(size):
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(11, size)
    rows, h, c = example_rows(COUNT, 11), example_rows(COUNT, size, 1), example_rows(COUNT, size, 2)

    def forward(block, h, c):
        output, after = lstm(block[None], (h[None], c[None]))
        return output[0], after[0][0], after[1][0]

    together = in_blocks(forward, rows, h, c)
    for part in (1, 33):
        for apart, whole in zip(in_parts(forward, part, rows, h, c), together, strict=True):
            assert apart.tobytes() == whole.tobytes(), part


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 64])
def test_network_sees_blocks_of_one_size_and_answers_every_row(count):
    sizes = []

    def forward(block):
        sizes.append(len(block))
        return block * 2.0, block[:, 0]

    rows = example_rows(count, 3)
    doubled, first = in_blocks(forward, rows)
    assert set(sizes) == {BLOCK_ROWS}
    assert doubled.tobytes() == (rows * np.float32(2.0)).tobytes()
    assert first.tobytes() == rows[:, 0].tobytes()
