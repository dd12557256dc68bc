"""Known state: where the price stands in a market whose optimum is known.

Conventions: raw prices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.features.base import NOTHING, OWN, Family, FeatureSpec


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
    """Write the column."""
    row.level_deviation = (step.raw_close - state.level) / state.scale


FAMILY = Family(
    KnownState,
    (FeatureSpec("level_deviation", "scale", "(c - level)/scale", "none", NOTHING, OWN),),
    STATE,
)
