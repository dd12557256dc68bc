"""Typed parameters from plain mappings: what is converted, what is refused, and where the message points."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from intraday_rl.core import checks
from intraday_rl.core.coerce import coerce, is_struct
from intraday_rl.core.errors import ParameterError


class Inner(NamedTuple):
    limit: float

    def check(self) -> None:
        checks.positive("Inner", "limit", self.limit, "USD")


@dataclass(frozen=True, kw_only=True)
class Outer:
    weight: float
    count: int
    flag: bool
    name: str
    path: Path
    cap: float | None
    layers: tuple[int, ...]
    inner: Inner
    anything: Any
    derived: int = field(init=False, default=3)


GOOD = {
    "weight": 1,
    "count": 2.0,
    "flag": True,
    "name": "x",
    "path": "a/b",
    "cap": None,
    "layers": [256, 128.0],
    "inner": {"limit": 3},
    "anything": {"free": [1]},
}


def test_coerce_brings_every_value_to_its_type():
    built = coerce(Outer, GOOD)
    assert built == Outer(
        weight=1.0,
        count=2,
        flag=True,
        name="x",
        path=Path("a/b"),
        cap=None,
        layers=(256, 128),
        inner=Inner(3.0),
        anything={"free": [1]},
    )
    assert type(built.weight) is float
    assert type(built.count) is int
    assert [type(layer) for layer in built.layers] == [int, int]
    assert type(built.inner.limit) is float


def test_coerce_reads_optional_values():
    assert coerce(Outer, GOOD | {"cap": 2}).cap == 2.0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("weight", "1.0", "Outer.weight must be a number, was '1.0'"),
        ("weight", True, "Outer.weight must be a number, was True"),
        ("weight", None, "Outer.weight must be a number, was None"),
        ("count", 2.5, "Outer.count must be a whole number, was 2.5"),
        ("count", float("inf"), "Outer.count must be a whole number, was inf"),
        ("count", float("nan"), "Outer.count must be a whole number, was nan"),
        ("count", False, "Outer.count must be a whole number, was False"),
        ("flag", 1, "Outer.flag must be true or false, was 1"),
        ("flag", "true", "Outer.flag must be true or false, was 'true'"),
        ("name", 5, "Outer.name must be a text, was 5"),
        ("path", 5, "Outer.path must be a path, was 5"),
        ("cap", "none", "Outer.cap must be a number, was 'none'"),
        ("layers", 256, "Outer.layers must be a list, was 256"),
        ("layers", "256", "Outer.layers must be a list, was '256'"),
        ("layers", [256, 0.5], "Outer.layers[1] must be a whole number, was 0.5"),
        ("inner", 3.0, "Outer.inner must be Inner, was 3.0"),
        ("inner", {"limit": "x"}, "Inner.limit must be a number, was 'x'"),
        ("inner", {"limit": -1.0}, "Inner.limit must be > 0 (USD), was -1.0"),
        ("inner", {}, "Inner needs limit, not given"),
        ("inner", {"limit": 1.0, "limt": 2.0}, "Inner has no parameter limt (did you mean limit?)"),
    ],
)
def test_coerce_refuses_a_wrong_value_in_one_line(key, value, message):
    with pytest.raises(ParameterError) as refused:
        coerce(Outer, GOOD | {key: value})
    assert str(refused.value) == message


def test_coerce_refuses_unknown_and_missing_keys():
    with pytest.raises(ParameterError, match=r"^Outer has no parameter wieght \(did you mean weight\?\)$"):
        coerce(Outer, GOOD | {"wieght": 1})
    with pytest.raises(ParameterError, match=r"^Outer has no parameter derived"):
        coerce(Outer, GOOD | {"derived": 1})
    with pytest.raises(ParameterError, match=r"^Outer needs weight, cap, not given$"):
        coerce(Outer, {name: value for name, value in GOOD.items() if name not in ("weight", "cap")})
    with pytest.raises(ParameterError, match="has no parameter 5"):
        coerce(Inner, {5: 1.0})


def test_coerce_takes_numpy_floats_as_numbers():
    assert coerce(Inner, {"limit": np.float64(2.0)}) == Inner(2.0)


class Named(NamedTuple):
    values: Mapping[str, float]


def test_coerce_reads_mappings_of_names():
    built = coerce(Named, {"values": {"a.b": 1, "c": 2.5}})
    assert built.values == {"a.b": 1.0, "c": 2.5}
    assert type(built.values["a.b"]) is float
    with pytest.raises(ParameterError, match=r"^Named\.values\.c must be a number, was 'x'$"):
        coerce(Named, {"values": {"c": "x"}})
    with pytest.raises(ParameterError, match=r"^Named\.values must be a mapping of names, was 3$"):
        coerce(Named, {"values": 3})


@pytest.mark.parametrize(
    ("kind", "expected"), [(Inner, True), (Outer, True), (dict, False), (tuple, False), (5, False)]
)
def test_is_struct_knows_named_tuples_and_dataclasses(kind, expected):
    assert is_struct(kind) is expected
