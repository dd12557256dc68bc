"""Parameter structs: NamedTuples with annotated fields that cross into compiled code as one-element record arrays.

A struct's record dtype is made from its annotations (float -> f8, int -> i8, bool -> i8) plus a tag field that names
the struct, so that two structs with equal fields stay two types. A struct has no defaults: those live in `conf/`.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import JIT_DISABLED, TAG

Records = npt.NDArray[np.void]
S = TypeVar("S")

_FIELD_TYPES = {float: np.float64, int: np.int64, bool: np.int64}


def dtype_of(struct: type) -> np.dtype[np.void]:
    """Return the aligned record dtype of a NamedTuple of scalars, the tag field last."""
    fields = [(name, _FIELD_TYPES[kind]) for name, kind in typing.get_type_hints(struct).items()]
    return np.dtype([*fields, (TAG + struct.__name__, np.uint8)], align=True)


def view(array: Records) -> Records:
    """Return the array so that `array[i].field` works in plain Python too (compiled code needs no view)."""
    return array.view(np.recarray) if JIT_DISABLED else array


def empty(struct: type, size: int) -> Records:
    """Return `size` zeroed records of the struct."""
    return view(np.zeros(size, dtype=dtype_of(struct)))


def pack(struct: Any) -> Records:
    """Return the struct as a one-element record array."""
    packed = np.zeros(1, dtype=dtype_of(type(struct)))
    packed[0] = (*struct, 0)
    return view(packed)


def coerce(struct: type[S], values: Mapping[str, Any]) -> S:
    """Build a struct from a mapping: each value is brought to its annotated type, then the struct's law is checked.

    Raises:
        ParameterError: a key is unknown, missing or of a wrong type, or `check()` refuses a value.
    """
    hints = typing.get_type_hints(struct)
    for name in values:
        if name not in hints:
            raise ParameterError(f"{struct.__name__} has no parameter {name}{checks.nearest(name, hints)}")
    missing = [name for name in hints if name not in values]
    if missing:
        raise ParameterError(f"{struct.__name__} needs {', '.join(missing)}, not given")
    built = struct(**{name: _scalar(struct, name, kind, values[name]) for name, kind in hints.items()})
    check = getattr(built, "check", None)
    if check is not None:
        check()
    return built


def _scalar(struct: type, name: str, kind: type, value: Any) -> float | int | bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number:
        return float(value)
    if kind is int and is_number and float(value).is_integer():
        return int(value)
    if kind is bool and isinstance(value, bool):
        return value
    raise ParameterError(f"{struct.__name__}.{name} must be of type {kind.__name__}, was {value!r}")
