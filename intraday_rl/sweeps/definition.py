"""What a sweep searches and what it is judged by.

Conventions: objectives keep their order everywhere. A value is the mean over a trial's seeds, of values that were
capped before. A constraint is told to Optuna as a number that must be <= 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from intraday_rl.core.errors import ConfigError

MAXIMIZE, MINIMIZE = "maximize", "minimize"
LARGEST = 1e6  # what infinity counts as in a constraint: samplers and means need finite numbers
Metrics = Mapping[str, float | int | bool | None]


class Objective(NamedTuple):
    """A number of a trial's result to be made large or small."""

    name: str  # key of the result
    direction: str  # maximize or minimize
    cap: float | None  # a value above it counts as it; None = no cap
    reference: float  # worst value that still adds hypervolume; what a policy without this number is counted as

    def check(self) -> None:
        """Refuse unknown directions and numbers that are not finite."""
        if self.direction not in (MAXIMIZE, MINIMIZE):
            place = f"hparams.objectives.{self.name}.direction"
            raise ConfigError(f"{place} must be one of {MAXIMIZE}, {MINIMIZE}, was {self.direction!r}")
        for field in ("cap", "reference"):
            value = getattr(self, field)
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"hparams.objectives.{self.name}.{field} must be a finite number, was {value!r}")


class Constraint(NamedTuple):
    """A limit that the policies of a front keep."""

    name: str  # key of the result
    min: float | None
    max: float | None

    def check(self) -> None:
        """Refuse a constraint without a limit, or with two that leave nothing."""
        if self.min is None and self.max is None:
            raise ConfigError(f"hparams.constraints.{self.name} must have min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(f"hparams.constraints.{self.name}: min must be <= max, was {self.min} > {self.max}")

    def violation(self, value: float | None) -> float:
        """Return by how much the value breaks the limits, in its unit; <= 0 keeps them, an unknown value does not."""
        if value is None or math.isnan(value):
            return max(1.0, self.min or 0.0)
        value = max(-LARGEST, min(LARGEST, value))
        below = -math.inf if self.min is None else self.min - value
        above = -math.inf if self.max is None else value - self.max
        return max(below, above)
