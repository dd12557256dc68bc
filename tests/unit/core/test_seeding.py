"""The seed tree: branches depend on the seed and their own path alone."""

import hashlib

import numpy as np
import pytest

from intraday_rl.core import seeding


def first(*path):
    return seeding.generator(*path).random()


def test_branch_repeats():
    assert first(7, "noise") == first(7, "noise")
    assert seeding.integer(7, "torch") == seeding.integer(7, "torch")


def test_branches_differ_by_seed_name_and_index():
    paths = [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, "a", 1), (1, "a", "b"), (1,)]
    assert len({first(*path) for path in paths}) == len(paths)


def test_branches_are_independent_of_each_other():
    streams = np.stack([seeding.generator(3, "episodes", n).standard_normal(4_000) for n in range(8)])
    correlation = np.corrcoef(streams) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(4_000)


def test_branch_is_the_same_on_every_machine():
    # The words of sha256("noise"), little endian, after the seed; numpy's SeedSequence is stable by contract.
    words = np.frombuffer(hashlib.sha256(b"noise").digest()[:16], dtype="<u4")
    expected = np.random.default_rng(np.random.SeedSequence([5, *map(int, words)])).random()
    assert first(5, "noise") == expected


def test_integer_fits_what_libraries_take():
    values = [seeding.integer(seed, "torch") for seed in range(200)]
    assert all(isinstance(value, int) and 0 <= value < 2**31 for value in values)
    assert len(set(values)) == 200


@pytest.mark.parametrize("seed", [2**64, 10**30])
def test_large_seeds_keep_all_their_digits(seed):
    assert first(seed, "a") != first(seed + 1, "a")
