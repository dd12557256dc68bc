"""Extra: 4 market features of the state expansion: depth ratio, time to the close, volatility tercile, trend filter.

Conventions: they read columns that the families before them have written for the same bar; the clock column needs no
bar. The other three of the seven items, spread and slippage against the budget and the pending quantity, belong to the
account: the observation adds them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec

MOST_ONE_SIDED = 0.99  # of the depth imbalance: ln((1 + x)/(1 - x)) stays within 5.3
CLEAR_TREND = 2.0  # t-statistics


class Extra(NamedTuple):
    """Depth ratio, time to the close, volatility tercile and trend filter; no parameters."""


@njit
def update_extra(step: Any, row: Any) -> None:
    """Write the 3 columns of the bar that are not the clock."""
    imbalance = max(-MOST_ONE_SIDED, min(MOST_ONE_SIDED, row.depth_imb))
    row.depth_ratio = np.nan if math.isnan(row.depth_imb) else math.log((1.0 + imbalance) / (1.0 - imbalance))
    is_known = not (math.isnan(row.rv_60) or math.isnan(step.calm_below))
    tercile = (1.0 if row.rv_60 > step.wild_above else 0.0) - (1.0 if row.rv_60 < step.calm_below else 0.0)
    row.vol_tercile = tercile if is_known else np.nan
    slope = row.sma_slope
    row.trend_filter = slope if math.isnan(slope) else (math.copysign(1.0, slope) if abs(slope) > CLEAR_TREND else 0.0)


@njit
def write_time_to_close(row: Any, minute: int, session_minutes: int) -> None:
    """Write the column that follows from the time of day alone."""
    row.time_to_close = (session_minutes - 1.0 - minute) / session_minutes


FAMILY = Family(
    Extra,
    (
        FeatureSpec(
            "depth_ratio", "1", "ln(B/A) = ln((1 + x)/(1 - x)), x = depth_imb within 0.99 of either side", "none",
            "as depth_imb", OWN,
        ),
        FeatureSpec(
            "time_to_close", "1 (0 to 1)", "minutes left to the close at the bar's end / session minutes", "none",
            NOTHING, OWN,
        ),
        FeatureSpec(
            "vol_tercile", "1", "-1, 0, +1: rv_60 below, between, above the terciles of its values in the 20 sessions "
            "before", "1 session", NOTHING, OWN,
        ),
        FeatureSpec(
            "trend_filter", "1", "sign(sma_slope) where abs(sma_slope) > 2, else 0", "20 bars", NOTHING, OWN,
        ),
    ),
    None,
)  # fmt: skip
