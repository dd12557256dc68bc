import math

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics.series import divide, finite_series, mean, returns_series, standard_deviation


def test_finite_series_refuses_nan_with_its_position():
    with pytest.raises(ParameterError, match=r"owner\.values must be finite, was nan at position 1"):
        finite_series("owner", "values", [1.0, math.nan])


def test_finite_series_refuses_a_matrix():
    with pytest.raises(ParameterError, match=r"one-dimensional, had shape \(1, 2\)"):
        finite_series("owner", "values", [[1.0, 2.0]])


def test_returns_series_drops_nan_and_refuses_infinity():
    assert returns_series("owner", "values", [1.0, math.nan, 2.0]).tolist() == [1.0, 2.0]
    with pytest.raises(ParameterError, match="finite or NaN, was -inf at position 0"):
        returns_series("owner", "values", [-math.inf])


def test_standard_deviation_of_equal_values_is_nan_in_spite_of_rounding():
    equal = np.full(3, 0.1)
    assert equal.std(ddof=1) > 0  # the mean of three times 0.1 is not 0.1
    assert math.isnan(standard_deviation(equal))
    assert math.isnan(standard_deviation(np.zeros(5)))
    assert math.isnan(standard_deviation(np.array([1.0])))


def test_standard_deviation_divides_by_one_less():
    assert standard_deviation(np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2.0), abs=1e-15)


def test_mean_and_divide_are_nan_where_undefined():
    assert math.isnan(mean(np.zeros(0)))
    assert math.isnan(divide(1.0, 0.0))
    assert divide(1.0, 4.0) == 0.25
