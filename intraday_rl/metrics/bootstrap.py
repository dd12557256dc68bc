"""The stationary bootstrap: blocks of random length, drawn with replacement from a series that is closed to a ring.

Conventions: all resamples advance together, one observation at a time, so memory does not grow with their length; the
Generator is passed in and owns all randomness.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks


def stationary_bootstrap(
    num_observations: int, *, num_resamples: int, length: int, mean_block_length: float, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield `length` times the (num_resamples,) indices of the next observation of every resample.

    Block lengths are geometric with the given mean, block starts uniform, and a block that reaches the end of the
    series goes on at its start. The yielded array is the same one each time: use it before asking for the next.

    Args:
        num_observations: Observations in the series.
        num_resamples: Series to draw.
        length: Observations in each drawn series.
        mean_block_length: Observations; 1 draws independent observations.
        rng: Source of randomness.

    Raises:
        ParameterError: a number is below 1.

    Source: Politis and Romano (1994), "The Stationary Bootstrap", JASA 89(428), section 2.
    """
    owner = "stationary_bootstrap"
    checks.at_least(owner, "num_observations", num_observations, 1)
    checks.at_least(owner, "num_resamples", num_resamples, 1)
    checks.at_least(owner, "length", length, 1)
    checks.at_least(owner, "mean_block_length", mean_block_length, 1, "observations")
    return _advance(num_observations, num_resamples, length, 1.0 / mean_block_length, rng)


def _advance(
    num_observations: int, num_resamples: int, length: int, restart_probability: float, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    index = np.zeros(num_resamples, dtype=np.int64)
    remaining = np.zeros(num_resamples, dtype=np.int64)
    for _ in range(length):
        index += 1
        index[index == num_observations] = 0
        fresh = np.flatnonzero(remaining == 0)
        index[fresh] = rng.integers(num_observations, size=fresh.size)
        remaining[fresh] = rng.geometric(restart_probability, size=fresh.size)
        remaining -= 1
        yield index
