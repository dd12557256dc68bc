"""Rolling kernels of the streaming pass: windows of running sums, running medians, lags and exponential averages.

Conventions: the memory of a kernel is a record of zeros at first, so that a family's state is one record that holds all
of its kernels. Values enter one at a time; a kernel knows nothing later than its last value. An integer constant as an
argument would be compiled once per value: lengths lie in the memory's type, weights are floats.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intraday_rl.core.jit import njit


def window_dtype(length: int, *names: str) -> np.dtype[np.void]:
    """Return the memory of a window over the last `length` rows of K named columns.

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
    """Let the row `window.new` replace the oldest row, and bring the sums up to date.

    A running sum collects rounding errors. So a second sum is started whenever all rows were replaced once; when they
    were replaced again it is the sum of exactly these rows, and takes the place of the first.
    """
    position = window.position
    for column in range(window.rows.shape[1]):
        value = window.new.vector[column]
        window.sums.vector[column] += value - window.rows[position, column]
        window.fresh.vector[column] += value
        window.rows[position, column] = value
    length = window.rows.shape[0]
    window.count = min(window.count + 1, length)
    window.position = position + 1
    if window.position == length:
        window.position = 0
        for column in range(window.rows.shape[1]):
            window.sums.vector[column] = window.fresh.vector[column]
            window.fresh.vector[column] = 0.0


def median_dtype(length: int) -> np.dtype[np.void]:
    """Return the memory of a running median over the last `length` values."""
    values = [("values", np.float64, (length,)), ("ranks", np.int64, (length,))]
    return np.dtype([*values, ("position", np.int64), ("count", np.int64)], align=True)


@njit
def push_median(memory: Any, value: float) -> float:
    """Let the value replace the oldest one, and return the median; NaN when there is none.

    A NaN has no rank and is left out. Each value keeps its rank, which a new value moves by one at most: loops without
    branches, twice as fast as a sorted list.
    """
    values, ranks = memory.values, memory.ranks
    if not np.isnan(value):
        place, count = memory.position, memory.count
        old_rank = ranks[place] if count == values.shape[0] else count
        count = min(count + 1, values.shape[0])
        values[place] = np.inf
        rank = 0
        for other in range(count):
            rank += 1 if values[other] <= value else 0
        for other in range(count):
            moved = ranks[other] - (1 if ranks[other] > old_rank else 0)
            ranks[other] = moved + (1 if moved >= rank else 0)
        values[place], ranks[place] = value, rank
        memory.position = 0 if place + 1 == values.shape[0] else place + 1
        memory.count = count
    count = memory.count
    low, high = 0, 0
    for other in range(count):
        low += other if ranks[other] == (count - 1) >> 1 else 0
        high += other if ranks[other] == count >> 1 else 0
    return 0.5 * (values[low] + values[high]) if count > 0 else np.nan


def lags_dtype(length: int) -> np.dtype[np.void]:
    """Return the memory of the last `length` values."""
    return np.dtype([("values", np.float64, (length,)), ("position", np.int64), ("count", np.int64)], align=True)


@njit
def remember(lags: Any, value: float) -> None:
    """Let the value replace the oldest one."""
    lags.values[lags.position] = value
    length = lags.values.shape[0]
    lags.position = 0 if lags.position + 1 == length else lags.position + 1
    lags.count = min(lags.count + 1, length)


@njit
def recall(lags: Any, steps: int) -> float:
    """Return the value that was remembered `steps` calls ago (1: the last one), NaN when there is none."""
    if steps > lags.count:
        return np.nan
    place = lags.position - steps
    return float(lags.values[place if place >= 0 else place + lags.values.shape[0]])


@njit
def wilder(previous: float, value: float, count: int, length: float) -> float:
    """Return Wilder's average after `count` earlier values: their plain mean at first, weight 1/length from there on.

    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    return previous + (value - previous) / min(count + 1.0, length)


@njit
def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, 0 where the denominator is 0: nothing moved, or nothing was traded."""
    return numerator / denominator if denominator != 0.0 else 0.0
