"""Known state: 2 features for markets whose optimum is known: where the price stands, and how long is left.

Conventions: raw prices; the clock column needs no bar.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.features.base import OWN, Family, FeatureSpec


class KnownState(NamedTuple):
    """The level around which the known market's price moves, and the scale of its moves."""

    level: float  # price units
    scale: float  # price units, standard deviation of the price around the level

    def check(self) -> None:
        """Refuse a level that is no number and a scale that is not positive."""
        checks.finite("KnownState", "level", self.level, "price units")
        checks.positive("KnownState", "scale", self.scale, "price units")


STATE = np.dtype([("level", np.float64), ("scale", np.float64)])


@njit
def update_known_state(state: Any, step: Any, row: Any) -> None:
    """Write the column that is not the clock."""
    row.level_deviation = (step.raw_close - state.level) / state.scale


@njit
def write_time_left(row: Any, minute: int, session_minutes: int) -> None:
    """Write the column that follows from the time of day alone."""
    row.time_left = (session_minutes - 1.0 - minute) / session_minutes


FAMILY = Family(
    KnownState,
    (
        FeatureSpec("level_deviation", "scale", "(c - level)/scale", "none", OWN),
        FeatureSpec(
            "time_left", "1 (0 to 1)", "minutes left to the close at the bar's end / session minutes", "none", OWN
        ),
    ),
    STATE,
)
