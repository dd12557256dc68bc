"""Rolling kernels of the streaming pass: sums, medians, lags and the weight of Wilder's average.

Conventions: the memory of a kernel is a record of zeros at first, so that a family's state is one record that holds all
of its kernels. Values enter one at a time; a kernel knows nothing later than its last value. Window lengths are floats:
an integer constant as an argument would be compiled once per value. A running sum collects rounding errors; so a second
sum is started whenever the window was replaced once, and takes the first one's place when it was replaced again: it is
the sum of exactly the values in the window.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from intraday_rl.core.jit import njit

LONGEST_LAG = 32
LONGEST_WINDOW = 64
NO_RANK = 1 << 20  # rank of an empty place: above all others

LAGS = np.dtype([("values", np.float64, (LONGEST_LAG,)), ("position", np.int64), ("count", np.int64)], align=True)
"""Memory of the last 32 values."""

SUM = np.dtype(
    [
        ("values", np.float64, (LONGEST_WINDOW,)),
        ("total", np.float64),
        ("fresh", np.float64),
        ("position", np.int64),
        ("count", np.int64),
    ],
    align=True,
)
"""Memory of a sum over a window of up to 64 values."""

MEDIAN = np.dtype(
    [
        ("values", np.float64, (LONGEST_WINDOW,)),
        ("ranks", np.int32, (LONGEST_WINDOW,)),  # 32 bits: half as long to walk
        ("median", np.float64),
        ("position", np.int64),
        ("count", np.int64),
    ],
    align=True,
)
"""Memory of a median over a window of up to 64 values."""


def window_dtype(length: int, *names: str) -> np.dtype[np.void]:
    """Return the memory of sums over a window of `length` rows of K named columns.

    `new` is filled by name before each `push`; `sums` holds the sums over the window by name. Both can be walked as
    `vector` (K,), which lies on the same memory.
    """
    size = len(names)
    row = np.dtype(
        {
            "names": [*names, "vector"],
            "formats": [*[np.dtype(np.float64)] * size, np.dtype((np.float64, (size,)))],
            "offsets": [*range(0, 8 * size, 8), 0],
            "itemsize": 8 * size,
        }
    )
    rows = ("rows", np.float64, (length, size))
    counts = [("position", np.int64), ("count", np.int64)]
    return np.dtype([rows, ("new", row), ("sums", row), ("fresh", row), *counts], align=True)


@njit
def push(window: Any) -> None:
    """Let the row `window.new` replace the oldest row, and bring the sums up to date."""
    position, length = window.position, window.rows.shape[0]
    for column in range(window.rows.shape[1]):
        value = window.new.vector[column]
        window.sums.vector[column] += value - window.rows[position, column]
        window.fresh.vector[column] += value
        window.rows[position, column] = value
    window.count = min(window.count + 1, length)
    window.position = position + 1
    if position + 1 == length:
        window.position = 0
        for column in range(window.rows.shape[1]):
            window.sums.vector[column] = window.fresh.vector[column]
            window.fresh.vector[column] = 0.0


@njit
def push_sum(memory: Any, value: float, length: float) -> float:
    """Let the value replace the one of `length` calls ago, and return the sum of the values held."""
    position = memory.position
    memory.total += value - memory.values[position]
    memory.fresh += value
    memory.values[position] = value
    memory.count = min(memory.count + 1, int(length))
    memory.position = position + 1
    if memory.position == length:
        memory.total, memory.fresh, memory.position = memory.fresh, 0.0, 0
    return float(memory.total)


@njit
def push_median(memory: Any, value: float, length: float) -> float:
    """Let the value replace the one of `length` calls ago, and return the median of the values held, NaN if none.

    A NaN has no rank and is left out. Every value keeps its rank, which a new value moves by one at most: loops of
    fixed length without branches are faster than a sorted list. The place of the new value takes part in them with the
    rank of the old one, and is put right afterwards.
    """
    values, ranks, count, place = memory.values, memory.ranks, memory.count, memory.position
    if math.isnan(value):
        return float(memory.median) if count > 0 else np.nan
    if count == 0:
        for other in range(LONGEST_WINDOW):
            values[other], ranks[other] = np.inf, NO_RANK
    old_rank = ranks[place] if count == length else np.int32(count)
    count = min(count + 1, int(length))
    at_most = -1 if values[place] <= value else 0
    for other in range(LONGEST_WINDOW):
        at_most += 1 if values[other] <= value else 0
    rank, middle, next_middle = np.int32(at_most), np.int32((count - 1) >> 1), np.int32(count >> 1)
    low, high = np.int32(0), np.int32(0)
    for other in range(LONGEST_WINDOW):
        moved = np.int32(ranks[other] - np.int32(ranks[other] > old_rank))
        moved = np.int32(moved + np.int32(moved >= rank))
        ranks[other] = moved
        low = np.int32(low + np.int32(other) * np.int32(moved == middle))
        high = np.int32(high + np.int32(other) * np.int32(moved == next_middle))
    low = place if rank == middle else low - (place if ranks[place] == middle else 0)
    high = place if rank == next_middle else high - (place if ranks[place] == next_middle else 0)
    values[place], ranks[place] = value, rank
    memory.count, memory.position = count, 0 if place + 1 == length else place + 1
    memory.median = 0.5 * (values[low] + values[high])
    return float(memory.median)


@njit
def remember(lags: Any, value: float) -> None:
    """Let the value replace the oldest one."""
    lags.values[lags.position] = value
    lags.position = (lags.position + 1) & (LONGEST_LAG - 1)
    lags.count += 1


@njit
def recall(lags: Any, steps: float) -> float:
    """Return the value that was remembered a whole number of calls ago (1: the last one), NaN when there is none."""
    if steps > lags.count:
        return np.nan
    return float(lags.values[(lags.position - int(steps)) & (LONGEST_LAG - 1)])


@njit
def wilder_weight(count: int, length: float) -> float:
    """Return the weight of a value in Wilder's average: 1/length, and after fewer values that of their plain mean.

    Args:
        count: values before this one.
        length: values of the average's length.

    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    return 1.0 / min(count + 1.0, length)


@njit
def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, 0 where the denominator is 0: nothing moved, or nothing was traded."""
    return numerator / denominator if denominator != 0.0 else 0.0
