"""Contents of nested values as bytes, to compare them to the last bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np


def flatten(value: Any, place: str = "") -> dict[str, bytes]:
    """Return everything inside nested dicts, lists and arrays as bytes, by its path."""
    if isinstance(value, Mapping):
        return {k: v for name, inner in value.items() for k, v in flatten(inner, f"{place}/{name}").items()}
    if isinstance(value, list | tuple | deque):
        return {k: v for i, inner in enumerate(value) for k, v in flatten(inner, f"{place}/{i}").items()}
    if isinstance(value, np.ndarray | np.generic):
        return {place: f"{value.dtype} {np.shape(value)}".encode() + value.tobytes()}
    return {place: f"{type(value).__name__} {value!r}".encode()}


def differences(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Return the names under which two outcomes differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
