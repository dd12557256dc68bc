"""What every metric takes in: one-dimensional float64 arrays, checked once.

Conventions: a NaN in a series of returns means that the session has no return; a NaN anywhere else is a fault of the
ledger and is refused. Fractions, not per cent. A metric that is undefined is NaN, never 0.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError

FloatArray = npt.NDArray[np.float64]

# Standard deviations below this share of the largest value are the rounding of equal numbers.
ROUNDING = 1e-14


def finite_series(owner: str, name: str, values: npt.ArrayLike) -> FloatArray:
    """Return the values as a float64 array (n,).

    Raises:
        ParameterError: the values are not one-dimensional, or one is NaN or infinite.
    """
    series = _one_dimensional(owner, name, values)
    _refuse_where(~np.isfinite(series), owner, name, "finite", series)
    return series


def returns_series(owner: str, name: str, values: npt.ArrayLike) -> FloatArray:
    """Return the returns without the sessions that have none (NaN), a float64 array (m,) with m <= n.

    Raises:
        ParameterError: the values are not one-dimensional, or one is infinite.
    """
    series = _one_dimensional(owner, name, values)
    _refuse_where(np.isinf(series), owner, name, "finite or NaN", series)
    return series[~np.isnan(series)]


def mean(values: FloatArray) -> float:
    """Return the mean, NaN of an empty array."""
    return float(values.mean()) if values.size else math.nan


def divide(numerator: float, denominator: float) -> float:
    """Return the quotient, NaN where the denominator is 0."""
    return numerator / denominator if denominator else math.nan


def standard_deviation(values: FloatArray) -> float:
    """Return the sample standard deviation (n - 1), NaN for fewer than two values or where all are equal.

    Equal values give NaN rather than 0, since every ratio that divides by it is then undefined.
    """
    if values.size < 2:
        return math.nan
    deviation = float(values.std(ddof=1))
    return deviation if deviation > ROUNDING * float(np.abs(values).max()) else math.nan


def _one_dimensional(owner: str, name: str, values: npt.ArrayLike) -> FloatArray:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise ParameterError(f"{owner}.{name} must be one-dimensional, had shape {series.shape}")
    return series


def _refuse_where(faulty: npt.NDArray[np.bool_], owner: str, name: str, law: str, series: FloatArray) -> None:
    if faulty.any():
        position = int(faulty.argmax())
        raise ParameterError(f"{owner}.{name} must be {law}, was {series[position]} at position {position}")
