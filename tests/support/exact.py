"""Equality to the last bit, NaN and the sign of zero included."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def bits(array: npt.NDArray[Any]) -> bytes:
    """Return the bytes of an array; of records, the bytes of their fields (the padding between them says nothing)."""
    names = array.dtype.names
    if names is None:
        return np.ascontiguousarray(array).tobytes()
    return b"".join(bits(array[name]) for name in names if not name.startswith("struct_"))


def assert_same_bits(one: npt.NDArray[Any], other: npt.NDArray[Any], what: str = "arrays") -> None:
    """Fail unless both arrays have one shape, one dtype and the same bits."""
    assert one.shape == other.shape, f"{what}: shape {one.shape} is not {other.shape}"
    assert one.dtype == other.dtype, f"{what}: dtype {one.dtype} is not {other.dtype}"
    if bits(one) == bits(other):
        return
    names = one.dtype.names or (None,)
    wrong = [name for name in names if bits(one[name] if name else one) != bits(other[name] if name else other)]
    raise AssertionError(f"{what}: not the same bits{'' if wrong == [None] else f' in {wrong}'}")
