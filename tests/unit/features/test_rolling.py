"""Rolling kernels against pandas and plain sums."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.structs import view
from intraday_rl.features import rolling
from intraday_rl.features.engine import new_memory

RNG = np.random.default_rng(5)
VALUES = RNG.lognormal(0, 1, 500)
TIES = np.round(VALUES * 3)


def memory_of(dtype):
    return view(np.zeros(1, dtype=dtype))[0]


@pytest.mark.parametrize("values", [VALUES, TIES, -TIES, np.zeros(200)])
@pytest.mark.parametrize("length", [1, 2, 20, 60, 64])
def test_median_equals_that_of_pandas(values, length):
    memory = memory_of(rolling.MEDIAN)
    result = [rolling.push_median(memory, value, float(length)) for value in values]
    expected = pd.Series(values).rolling(length, min_periods=1).median()
    np.testing.assert_array_equal(result, expected)


def test_median_leaves_nan_out():
    memory = memory_of(rolling.MEDIAN)
    given = [np.nan, 3.0, np.nan, 1.0, 2.0, np.nan]
    result = [rolling.push_median(memory, value, 2.0) for value in given]
    np.testing.assert_array_equal(result, [np.nan, 3.0, 3.0, 2.0, 1.5, 1.5])


@pytest.mark.parametrize("length", [1, 15, 60, 64])
def test_sum_equals_that_of_the_window(length):
    memory = memory_of(rolling.SUM)
    result = [rolling.push_sum(memory, value, float(length)) for value in VALUES]
    expected = pd.Series(VALUES).rolling(length, min_periods=1).sum()
    np.testing.assert_allclose(result, expected, rtol=1e-13)


def test_sum_forgets_a_large_value_after_two_windows():
    memory = memory_of(rolling.SUM)
    for value in [1e16, *[0.1] * 9]:
        rolling.push_sum(memory, value, 5.0)
    assert memory["total"] == pytest.approx(0.5, rel=1e-15)


def test_window_sums_each_column():
    window = np.zeros(1, dtype=rolling.window_dtype(7, "x", "xx")).view(np.recarray)[0]
    push = getattr(rolling.push, "py_func", rolling.push)
    for value in VALUES:
        window.new.x, window.new.xx = value, value * value
        push(window)
    assert window.count == 7
    assert window.sums.x == pytest.approx(VALUES[-7:].sum(), rel=1e-14)
    assert window.sums.xx == pytest.approx((VALUES[-7:] ** 2).sum(), rel=1e-14)


def test_lags_return_what_was_remembered():
    lags = memory_of(rolling.LAGS)
    for place, value in enumerate(VALUES[:50]):
        assert np.isnan(rolling.recall(lags, place + 1.0)) or place >= 32
        rolling.remember(lags, value)
        for steps in range(1, min(place + 1, 32) + 1):
            assert rolling.recall(lags, float(steps)) == VALUES[place + 1 - steps]


def test_wilder_starts_with_the_plain_mean():
    average, expected = 0.0, []
    for place, value in enumerate(VALUES[:30]):
        average += (value - average) * rolling.wilder_weight(place, 14.0)
        expected.append(VALUES[: place + 1].mean() if place < 14 else (expected[-1] * 13 + value) / 14)
        assert average == pytest.approx(expected[-1], rel=1e-13)


def test_field_names_do_not_hide_those_of_numpy_records():
    """Without numba a record's field is an attribute, and numpy's own attributes come first."""

    def names(dtype):
        for name, (inner, *_) in (dtype.fields or {}).items():
            yield name
            yield from names(inner)

    taken = set(dir(np.record))
    found = {name for memory in new_memory({}) for name in names(memory.dtype)}
    assert len(found) > 100
    assert found & taken == set()
