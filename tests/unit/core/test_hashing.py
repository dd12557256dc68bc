"""Fingerprints: equal for equal things, different for any difference."""

import hashlib

import numpy as np
import pytest

from intraday_rl.core.hashing import hash_arrays, hash_file, hash_json


def test_json_hash_is_sha256_of_the_canonical_text():
    assert hash_json({"b": [1, 2.5], "a": None}) == hashlib.sha256(b'{"a":null,"b":[1,2.5]}').hexdigest()


def test_json_hash_ignores_the_order_of_keys_only():
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    assert hash_json([1, 2]) != hash_json([2, 1])
    assert hash_json({"a": 1}) != hash_json({"a": "1"})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_hash_refuses_numbers_that_json_has_not(value):
    with pytest.raises(ValueError, match="JSON"):
        hash_json([value])


ARRAY = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "other",
    [
        ARRAY.astype(np.float32),
        ARRAY.view(np.int64),
        ARRAY.reshape(4),
        ARRAY.T,
        ARRAY[::-1],
        np.where(ARRAY == 4.0, np.nextafter(4.0, 5.0), ARRAY),
    ],
    ids=["dtype", "bytes_read_as_integers", "shape", "transposed", "reversed", "one_bit"],
)
def test_array_hash_sees_every_difference(other):
    assert hash_arrays(ARRAY) != hash_arrays(other)


def test_array_hash_sees_values_not_memory():
    strided = np.zeros((2, 4))[:, ::2]
    strided[:] = ARRAY
    assert hash_arrays(ARRAY) == hash_arrays(strided) == hash_arrays(np.asfortranarray(ARRAY))


def test_array_hash_sees_where_one_array_ends():
    one, two = np.array([1.0]), np.array([2.0])
    assert hash_arrays(one, two) != hash_arrays(np.array([1.0, 2.0]))
    assert hash_arrays(one, two) != hash_arrays(two, one)
    assert hash_arrays() != hash_arrays(np.array([]))


def test_array_hash_takes_dates_flags_and_nothing():
    dates = np.array(["2024-01-02"], dtype="datetime64[D]")
    assert hash_arrays(dates) != hash_arrays(dates.astype("datetime64[ns]"))
    assert hash_arrays(np.array([True])) != hash_arrays(np.array([False]))
    assert hash_arrays(np.zeros((0, 3))) != hash_arrays(np.zeros((3, 0)))


def test_file_hash_is_sha256_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
