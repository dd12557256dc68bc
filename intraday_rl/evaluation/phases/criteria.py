"""A phase's criteria as parameters: which metric, on which side of which limit, on what window, and what it decides.

Conventions: a metric is a name of `measures.MEASURES`; limits are in its unit. A criterion that decides makes the
phase's verdict; one that informs is another document's number, or a wish; one that warns has a band that means nothing
by itself (a reward's scale, the sign of an entropy); a profile criterion belongs to the target of the final system.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError

COMPARISONS = (">", ">=", "<", "<=")
DECIDES, INFORMS, WARNS, PROFILE = ROLES = ("decides", "informs", "warns", "profile")


class Region(NamedTuple):
    """The values that meet a criterion: between two ends, either of which may be infinite."""

    low: float
    high: float
    closed: bool  # whether the ends themselves belong to it

    def below(self, value: float) -> bool:
        """Say whether the value lies below all that meet the criterion."""
        return value < self.low or (value == self.low and not self.closed)

    def above(self, value: float) -> bool:
        """Say whether the value lies above all that meet the criterion."""
        return value > self.high or (value == self.high and not self.closed)

    def holds(self, value: float) -> bool:
        """Say whether the value meets the criterion; NaN does not."""
        return not (math.isnan(value) or self.below(value) or self.above(value))


class Limit(NamedTuple):
    """One limit that a metric has to keep."""

    metric: str  # a name of `measures.MEASURES`
    level: float | None  # what the metric itself depends on, such as the drawdown of which sessions are counted
    comparison: str  # >, >=, < or <=
    limit: float  # unit of the metric
    window: int | None  # sessions that must be judged, or first training steps that count; None = all there are
    role: str  # decides, informs, warns or profile

    def check(self) -> None:
        """Refuse comparisons, roles and windows that do not exist.

        Raises:
            ParameterError: a value is not among the known ones, or a number is not finite.
        """
        checks.one_of("Limit", "comparison", self.comparison, COMPARISONS)
        checks.finite("Limit", "limit", self.limit)
        _check_common("Limit", self)

    @property
    def region(self) -> Region:
        """The values that meet it."""
        closed = self.comparison.endswith("=")
        if self.comparison.startswith(">"):
            return Region(self.limit, math.inf, closed)
        return Region(-math.inf, self.limit, closed)


class Band(NamedTuple):
    """Two limits that a metric has to stay between, both included."""

    metric: str  # a name of `measures.MEASURES`
    level: float | None  # what the metric itself depends on
    low: float  # unit of the metric
    high: float
    window: int | None  # sessions that must be judged, or first training steps that count; None = all there are
    role: str  # decides, informs, warns or profile

    def check(self) -> None:
        """Refuse an empty band, and roles and windows that do not exist.

        Raises:
            ParameterError: a value is not among the known ones, a number is not finite, or low is not below high.
        """
        checks.finite("Band", "low", self.low)
        checks.finite("Band", "high", self.high)
        if self.low >= self.high:
            raise ParameterError(f"Band.low must be < high ({self.high:g}), was {self.low:g}")
        _check_common("Band", self)

    @property
    def region(self) -> Region:
        """The values that meet it."""
        return Region(self.low, self.high, closed=True)


Criterion = Limit | Band


def _check_common(owner: str, criterion: Criterion) -> None:
    from intraday_rl.evaluation.phases.measures import LEVELLED, MEASURES  # late: the table brings pandas and scipy

    if criterion.metric not in MEASURES:
        hint = checks.nearest(criterion.metric, MEASURES)
        raise ParameterError(f"{owner}.metric must be a metric of criteria, was {criterion.metric!r}{hint}")
    if (criterion.level is None) == (criterion.metric in LEVELLED):
        law = "a number" if criterion.metric in LEVELLED else "null"
        raise ParameterError(f"{owner}.level must be {law} for {criterion.metric}, was {criterion.level!r}")
    if criterion.level is not None:
        checks.positive(owner, "level", criterion.level)
    if criterion.window is not None:
        checks.at_least(owner, "window", criterion.window, 1, "sessions or steps")
    checks.one_of(owner, "role", criterion.role, ROLES)
