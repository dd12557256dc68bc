"""One SeedSequence tree: every random stream is a named branch of the run's seed.

A branch depends on the seed and its own path alone, so adding a stream or an environment changes no other stream.
"""

from __future__ import annotations

import hashlib

import numpy as np


def branch(seed: int, *path: str | int) -> np.random.SeedSequence:
    """Return the SeedSequence of the branch `path` (names or indices) below `seed`."""
    digest = hashlib.sha256("/".join(map(str, path)).encode()).digest()
    words = np.frombuffer(digest[:16], dtype=np.uint32)
    return np.random.SeedSequence([seed, *(int(word) for word in words)])


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return a Generator on the branch `path` below `seed`."""
    return np.random.default_rng(branch(seed, *path))


def integer(seed: int, *path: str | int) -> int:
    """Return a seed below 2**31 for libraries that take an integer, from the branch `path` below `seed`."""
    return int(branch(seed, *path).generate_state(1)[0] >> 1)
