"""Rolling kernels of the streaming pass: windows of running sums, running medians, lags and exponential averages.

Conventions: the memory of a kernel is a record, so that a family's state is one record that holds all of its kernels.
Values enter one at a time; a kernel knows nothing later than its last value. Running sums collect rounding errors of at
most the values added since the last `reseed`, which every family calls at the first bar of a session.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intraday_rl.core.jit import TAG, njit


def state_dtype(struct: type, fields: list[tuple[Any, ...]]) -> np.dtype[np.void]:
    """Return the record dtype of a family's state: its fields, and the tag that names the family's struct."""
    return np.dtype([*fields, (TAG + struct.__name__, np.uint8)], align=True)


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
    return np.dtype([rows, ("sums", row), ("new", row), ("position", np.int64), ("count", np.int64)], align=True)


@njit
def push(window: Any) -> None:
    """Let the row `window.new` replace the oldest row, and bring the sums up to date."""
    position = window.position
    for column in range(window.rows.shape[1]):
        value = window.new.vector[column]
        window.sums.vector[column] += value - window.rows[position, column]
        window.rows[position, column] = value
    position += 1
    length = window.rows.shape[0]
    window.position = 0 if position == length else position
    window.count = min(window.count + 1, length)


@njit
def reseed(window: Any) -> None:
    """Add the window's rows up afresh, so that the rounding errors of the running sums end here."""
    for column in range(window.rows.shape[1]):
        total = 0.0
        for row in range(window.count):
            total += window.rows[row, column]
        window.sums.vector[column] = total


@njit
def is_full(window: Any) -> bool:
    """Say whether the window holds as many rows as it is long."""
    return bool(window.count == window.rows.shape[0])


def median_dtype(length: int) -> np.dtype[np.void]:
    """Return the memory of a running median over the last `length` values."""
    values = [("values", np.float64, (length,)), ("ordered", np.float64, (length,))]
    return np.dtype([*values, ("position", np.int64), ("count", np.int64)], align=True)


@njit
def push_median(memory: Any, value: float) -> None:
    """Let the value replace the oldest one; a NaN is left out, it has no rank."""
    if np.isnan(value):
        return
    ordered = memory.ordered
    length = ordered.shape[0]
    place = memory.count
    if place == length:
        place = _rank(ordered, length, memory.values[memory.position])
    else:
        memory.count += 1
    memory.values[memory.position] = value
    memory.position = 0 if memory.position + 1 == length else memory.position + 1
    while place > 0 and ordered[place - 1] > value:
        ordered[place] = ordered[place - 1]
        place -= 1
    last = memory.count - 1
    while place < last and ordered[place + 1] < value:
        ordered[place] = ordered[place + 1]
        place += 1
    ordered[place] = value


@njit
def _rank(ordered: Any, count: int, value: float) -> int:
    """Return the first place of the value among `count` ordered ones, by halving."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def median(memory: Any) -> float:
    """Return the median of the values held, NaN when there is none."""
    count = memory.count
    if count == 0:
        return np.nan
    half = count >> 1
    if count & 1:
        return float(memory.ordered[half])
    return 0.5 * float(memory.ordered[half - 1] + memory.ordered[half])


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
def exponential(previous: float, value: float, span: int, is_first: bool) -> float:
    """Return the exponential average with weight 2/(span + 1); its first value is the series' first value."""
    return value if is_first else previous + (value - previous) * (2.0 / (span + 1))


@njit
def wilder(previous: float, value: float, count: int, length: int) -> float:
    """Return Wilder's average after `count` earlier values: their plain mean at first, weight 1/length from there on.

    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    return previous + (value - previous) / min(count + 1, length)


@njit
def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient, 0 where the denominator is 0: nothing moved, or nothing was traded."""
    return numerator / denominator if denominator != 0.0 else 0.0
