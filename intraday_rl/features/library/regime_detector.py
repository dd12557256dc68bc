"""Regime detector: a one-hot code of 4 regimes: low or high volatility, trending or ranging.

Conventions: two numbers decide, each known from the 60th return on: rv_60 * 1e-4 sqrt(390 * 252), the volatility of a
year of 252 sessions of 390 minutes whatever the exchange's hours, and abs(er30), the trend. Their running means, x_t =
smoothing * x_(t-1) + (1 - smoothing) * value, begin at the first value. A mean turns high or trending only above its
threshold * (1 + hysteresis), and low or ranging only below its threshold * (1 - hysteresis); the first is compared with
the threshold itself. Means and answers run on across sessions. Regimes are numbered in the order of the columns.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec

ANNUAL_PER_BPS = 1e-4 * math.sqrt(390 * 252)  # bps per bar to a fraction per year
UNKNOWN = -1  # number of a regime that is not known


class RegimeDetector(NamedTuple):
    """Where volatility is high and where prices trend, and how reluctantly that is changed."""

    vol_threshold: float  # annualised volatility, fraction
    trend_threshold: float  # size of the efficiency ratio, 0 to 1
    hysteresis: float  # fraction of the threshold to either side within which the last answer stays
    smoothing: float  # share of the running mean that is kept at each bar

    def check(self) -> None:
        """Refuse thresholds that nothing can cross, and shares outside [0, 1).

        Raises:
            ParameterError: a parameter breaks its law.
        """
        owner = "RegimeDetector"
        checks.positive(owner, "vol_threshold", self.vol_threshold, "annualised volatility, fraction")
        checks.fraction(owner, "trend_threshold", self.trend_threshold, "size of the efficiency ratio")
        for name, unit in (("hysteresis", "fraction of the threshold"), ("smoothing", "share kept per bar")):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ParameterError(f"{owner}.{name} must be in [0, 1) ({unit}), was {getattr(self, name)!r}")
        highest = self.trend_threshold * (1.0 + self.hysteresis)
        if highest >= 1.0:
            raise ParameterError(
                f"{owner}.trend_threshold * (1 + hysteresis) must be < 1 (most of abs(er30)), was {highest!r}; "
                "lower one of them"
            )


STATE = np.dtype(
    [
        *((name, np.float64) for name in RegimeDetector._fields),
        ("bars", np.int64),  # bars with known inputs
        ("volatility", np.float64),  # smoothed, fraction per year
        ("trend", np.float64),  # smoothed
        ("is_high", np.int64),
        ("is_trend", np.int64),
    ],
    align=True,
)


@njit
def update_regime_detector(state: Any, row: Any) -> None:
    """Write the 4 columns of the bar: 1 in that of the regime, 0 in the others."""
    volatility, trend = ANNUAL_PER_BPS * row.rv_60, abs(row.er30)
    if math.isnan(volatility) or math.isnan(trend):
        row.regime_low_trend = row.regime_low_range = row.regime_high_trend = row.regime_high_range = np.nan
        return
    is_begin = state.bars == 0
    kept = 0.0 if is_begin else state.smoothing
    state.volatility = kept * state.volatility + (1.0 - kept) * volatility
    state.trend = kept * state.trend + (1.0 - kept) * trend
    band = 0.0 if is_begin else state.hysteresis  # without a last answer the threshold alone decides
    state.is_high = _is_above(state.volatility, state.vol_threshold, band, state.is_high)
    state.is_trend = _is_above(state.trend, state.trend_threshold, band, state.is_trend)
    state.bars += 1
    is_high, is_trend = float(state.is_high), float(state.is_trend)
    row.regime_low_trend, row.regime_low_range = (1.0 - is_high) * is_trend, (1.0 - is_high) * (1.0 - is_trend)
    row.regime_high_trend, row.regime_high_range = is_high * is_trend, is_high * (1.0 - is_trend)


@njit
def _is_above(value: float, threshold: float, band: float, was_above: int) -> int:
    """Return 1 above the threshold's band, 0 below it, and the last answer inside."""
    if value > threshold * (1.0 + band):
        return 1
    return 0 if value < threshold * (1.0 - band) else was_above


def _spec(name: str, words: str) -> FeatureSpec:
    return FeatureSpec(name, "1 (0 or 1)", f"1 where {words}, else 0", "60 returns", NOTHING, OWN)


FAMILY = Family(
    RegimeDetector,
    (
        _spec("regime_low_trend", "volatility is low and prices trend"),
        _spec("regime_low_range", "volatility is low and prices range"),
        _spec("regime_high_trend", "volatility is high and prices trend"),
        _spec("regime_high_range", "volatility is high and prices range"),
    ),
    STATE,
)

REGIMES = tuple(spec.name for spec in FAMILY.specs)


def regime_codes(columns: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Return the number of each row's regime, its place in `REGIMES`, (T,); -1 where no column is 1.

    Args:
        columns: (T, 4), the columns of `REGIMES` in their order.
    """
    is_one = columns == 1.0
    return np.where(is_one.any(axis=1), is_one.argmax(axis=1), UNKNOWN).astype(np.int64)
