"""Saved contents into arrays in place."""

import numpy as np
import pytest

from intraday_rl.core.errors import CheckpointError
from intraday_rl.core.persistence.arrays import fill
from intraday_rl.core.persistence.generators import generator_state, set_generator


def test_fill_changes_the_array_that_others_hold():
    array = np.zeros(3)
    view = array[1:]
    fill(array, np.array([1.0, np.nan, -0.0]), "x")
    assert np.isnan(view[0])
    assert np.signbit(view[1])


@pytest.mark.parametrize("saved", [np.zeros(2), np.zeros((3, 1)), np.zeros(3, np.float32), np.zeros(3, int)])
def test_fill_refuses_another_shape_or_type(saved):
    with pytest.raises(CheckpointError, match=r"Owner.x must be float64 \(3,\)"):
        fill(np.zeros(3), saved, "Owner.x")


def test_fill_refuses_records_of_other_fields():
    one, other = np.zeros(1, [("a", float)]), np.zeros(1, [("b", float)])
    with pytest.raises(CheckpointError):
        fill(one, other, "x")


def test_generator_goes_on_where_the_other_stood():
    generator, other = np.random.default_rng(1), np.random.default_rng(2)
    generator.integers(10, size=3, dtype=np.int32)  # leaves half a word behind
    state = generator_state(generator)
    expected = generator.integers(10, size=5, dtype=np.int32), generator.random(5)
    set_generator(other, state)
    assert (other.integers(10, size=5, dtype=np.int32) == expected[0]).all()
    assert (other.random(5) == expected[1]).all()
