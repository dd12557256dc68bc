"""Build typed parameters from plain mappings: every value is brought to its annotated type, then its law is checked.

Understood annotations: float, int, bool, str, Path, Any, `X | None`, `tuple[X, ...]`, `Mapping[str, X]`, and nested
NamedTuples and dataclasses. `1` becomes `1.0` where a float is meant, `1.0` becomes `1` where an int is, `auto` becomes
None where a float may be None; nothing else is converted.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError

S = TypeVar("S")
AUTO = "auto"  # may be written for null where a number is meant


def is_struct(kind: Any) -> bool:
    """Say whether `kind` is a NamedTuple class or a dataclass."""
    return isinstance(kind, type) and (hasattr(kind, "_fields") or dataclasses.is_dataclass(kind))


def coerce(struct: type[S], values: Mapping[str, Any]) -> S:
    """Build a NamedTuple or dataclass from a mapping and check it.

    Raises:
        ParameterError: a key is unknown, missing or of a wrong type, or the struct's own law refuses a value.
    """
    owner = struct.__name__
    hints = {name: kind for name, kind in typing.get_type_hints(struct).items() if name in _fields(struct)}
    for name in values:
        if name not in hints:
            raise ParameterError(f"{owner} has no parameter {name}{checks.nearest(str(name), hints)}")
    missing = [name for name in hints if name not in values]
    if missing:
        raise ParameterError(f"{owner} needs {', '.join(missing)}, not given")
    built = struct(**{name: _convert(f"{owner}.{name}", kind, values[name]) for name, kind in hints.items()})
    check = getattr(built, "check", None)
    if check is not None:
        check()
    return built


def _fields(struct: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(struct):
        return tuple(field.name for field in dataclasses.fields(struct) if field.init)
    return tuple(getattr(struct, "_fields", ()))


def _convert(place: str, kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_optional(place, arguments, value)
    if origin is tuple and isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_convert(f"{place}[{i}]", arguments[0], item) for i, item in enumerate(value))
    if origin is Mapping and isinstance(value, Mapping):
        return {str(name): _convert(f"{place}.{name}", arguments[1], item) for name, item in value.items()}
    if is_struct(kind) and isinstance(value, Mapping):
        return coerce(kind, value)
    if kind in (float, int) and isinstance(value, int | float) and not isinstance(value, bool):
        if kind is float or float(value).is_integer():
            return kind(value)
    elif kind is Path and isinstance(value, str | Path):
        return Path(value)
    elif kind in (bool, str) and isinstance(value, kind):
        return value
    raise ParameterError(f"{place} must be {_name(kind)}, was {value!r}")


def _convert_optional(place: str, arguments: tuple[Any, ...], value: Any) -> Any:
    if value is None or (value == AUTO and float in arguments):
        return None
    return _convert(place, next(kind for kind in arguments if kind is not type(None)), value)


def _name(kind: Any) -> str:
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text", Path: "a path"}
    if typing.get_origin(kind) is tuple:
        return "a list"
    if typing.get_origin(kind) is Mapping:
        return "a mapping of names"
    return words.get(kind, getattr(kind, "__name__", str(kind)))
