"""Parameter structs: NamedTuples with annotated fields that cross into compiled code as one-element record arrays.

A struct's record dtype is made from its annotations (float -> f8, int -> i8, bool -> i8, `float | None` -> f8 with NaN
for None, `Annotated[Window, n]` -> n times f8) plus a tag field that names the struct, so that two structs with equal
fields stay two types. In rows that are changed in place, which are dataclasses, int -> i4: accounts have to fit the
caches. A struct has no defaults: those live in `conf/`.
"""

from __future__ import annotations

import dataclasses
import functools
import keyword
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import JIT_DISABLED, TAG, label_of

Records = npt.NDArray[np.void]

Window = npt.NDArray[np.float64]  # in a row changed in place: `Annotated[Window, n]`, (n,)

_FIELD_TYPES: dict[Any, Any] = {float: np.float64, int: np.int64, bool: np.int64, float | None: np.float64}


@functools.cache
def dtype_of(struct: type) -> np.dtype[np.void]:
    """Return the aligned record dtype of a NamedTuple or dataclass of scalars and windows, the tag field last.

    The same object for every call: numba recognises a record array by its dtype at every call, and comparing two equal
    but distinct dtypes field by field would cost more than a step of the market.
    """
    whole = np.int32 if dataclasses.is_dataclass(struct) else np.int64
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = [(name, whole) if kind is int else (name, *_field_type(kind)) for name, kind in hints.items()]
    return np.dtype([*fields, (TAG + label_of(struct), np.uint8)], align=True)


def _field_type(kind: Any) -> tuple[Any, ...]:
    """Return type and, for a window, shape of a field."""
    if typing.get_origin(kind) is typing.Annotated:
        return np.float64, (kind.__metadata__[0],)
    return (_FIELD_TYPES[kind],)


class Row(np.record):  # type: ignore[misc]
    """A record whose fields are its attributes, also those that NumPy's scalars have names for (`size`, `fill`)."""

    def __getattribute__(self, name: str) -> Any:
        """Return the field of that name, else the scalar's own attribute."""
        dtype = np.void.__getattribute__(self, "dtype")
        if name not in dtype.fields:
            return np.void.__getattribute__(self, name)
        value = self[name]
        return value.view(np.dtype((Row, value.dtype))) if isinstance(value, np.void) else value


def view(array: Records) -> Records:
    """Return the array so that `array[i].field` works in plain Python too (compiled code needs no view)."""
    return array.view(np.dtype((Row, array.dtype))) if JIT_DISABLED else array


def empty(struct: type, size: int) -> Records:
    """Return `size` zeroed records of the struct."""
    return view(np.zeros(size, dtype=dtype_of(struct)))


def pack(struct: Any) -> Records:
    """Return the struct as a one-element record array."""
    kind: Any = type(struct)
    packed = np.zeros(1, dtype=dtype_of(kind))
    packed[0] = (*(np.nan if value is None else value for value in struct), 0)
    return view(packed)


def nest(name: str, members: Mapping[str, Any]) -> Records:
    """Return structs and one-element record arrays as one record with a field for each, as a one-element array.

    A record crosses into compiled code at the price of one array, however much it holds; `jit.every` asks a
    model for each member. The group is tagged `name`.

    Raises:
        ParameterError: a member's name is not a plain variable name (it becomes part of compiled code).
    """
    for key in members:
        if not key.isidentifier() or keyword.iskeyword(key) or key.startswith((TAG, "_")):
            raise ParameterError(f"{name}: a member must be named like a variable (not {TAG}... or _...), was {key!r}")
    packed = {key: value if isinstance(value, np.ndarray) else pack(value) for key, value in members.items()}
    dtype = _nested_dtype(name, tuple((key, value.dtype) for key, value in packed.items()))
    record = np.zeros(1, dtype=dtype)
    for key, value in packed.items():
        record[key] = value
    return view(record)


@functools.cache
def _nested_dtype(name: str, fields: tuple[tuple[str, np.dtype[np.void]], ...]) -> np.dtype[np.void]:
    return np.dtype([*fields, (TAG + name, np.uint8)], align=True)
