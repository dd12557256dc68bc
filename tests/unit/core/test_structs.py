"""Structs as records: types, tags, nesting, and fields that are attributes whatever their names are."""

from typing import NamedTuple

import numpy as np
import pytest

from intraday_rl.core import structs
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import JIT_DISABLED, njit


class Point(NamedTuple):
    x: float
    count: int
    flag: bool


class Twin(NamedTuple):
    x: float
    count: int
    flag: bool


class Awkward(NamedTuple):
    """Fields named like attributes that NumPy's scalars have."""

    size: float
    fill: float
    shape: int
    item: float
    mean: float


def test_dtype_follows_the_annotations_and_names_the_struct():
    dtype = structs.dtype_of(Point)
    assert [(name, dtype[name].str) for name in ("x", "count", "flag")] == [
        ("x", "<f8"),
        ("count", "<i8"),
        ("flag", "<i8"),
    ]
    assert dtype.names[-1].startswith("struct_Point")
    assert dtype.isalignedstruct
    assert structs.dtype_of(Point) is dtype


def test_structs_with_equal_fields_are_two_types():
    assert structs.dtype_of(Point) != structs.dtype_of(Twin)


def test_empty_is_zeroed():
    records = structs.empty(Point, 3)
    assert records.shape == (3,)
    assert records["x"].tolist() == [0.0] * 3


def test_pack_keeps_the_values():
    packed = structs.pack(Point(1.5, 7, True))
    assert packed.shape == (1,)
    assert (packed["x"][0], packed["count"][0], packed["flag"][0]) == (1.5, 7, 1)


@njit
def read_awkward(record):
    return record.size + 10.0 * record.fill + 100.0 * record.shape + 1000.0 * record.item + 1e4 * record.mean


@njit
def write_awkward(record):
    record.size += 5.0
    record.fill = record.size


def test_fields_are_attributes_whatever_their_names():
    packed = structs.pack(Awkward(1.0, 2.0, 3, 4.0, 5.0))
    assert read_awkward(packed[0]) == 54_321.0
    write_awkward(packed[0])
    assert (packed["size"][0], packed["fill"][0]) == (6.0, 6.0)


@njit
def read_nested(group):
    return group.inner.one.size + group.inner.two.x


def test_nested_records_are_read_through_attributes():
    inner = structs.nest("Inner", {"one": Awkward(1.0, 2.0, 3, 4.0, 5.0), "two": Point(0.5, 1, False)})
    group = structs.nest("Group", {"inner": inner, "other": Point(9.0, 1, True)})
    assert read_nested(group[0]) == 1.5
    assert group.dtype.names == ("inner", "other", "struct_Group")
    assert group["inner"]["two"]["x"][0] == 0.5


def test_nested_dtype_is_one_object_for_equal_groups():
    one, other = (structs.nest("G", {"a": Point(x, 1, True)}) for x in (1.0, 2.0))
    if not JIT_DISABLED:
        assert one.dtype is other.dtype


@pytest.mark.parametrize(
    "name",
    [
        "my-limit",
        "1st",
        "",
        "class",
        "a b",
        "struct_cap",
        "_hidden",
        "x),), __import__('os').system('true'), (lambda: (x",
    ],
)
def test_nest_refuses_names_that_are_not_plain(name):
    with pytest.raises(ParameterError, match="must be named like a variable"):
        structs.nest("Limits", {name: Point(1.0, 1, True)})


def test_view_is_shared_memory():
    array = np.zeros(2, dtype=structs.dtype_of(Point))
    structs.view(array)["x"][1] = 3.0
    assert array["x"].tolist() == [0.0, 3.0]
