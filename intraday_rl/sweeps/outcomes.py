"""The numbers of a trial's seeds as its objectives and constraints.

Conventions: a result is a mapping of names to numbers; null and NaN are undefined. A policy without a number, such as
the profit factor of one that never trades, counts as the objective's reference if it breaks a constraint; if it keeps
all of them, the trial failed. Infinity counts as the cap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Constraint, Metrics, Objective

PF_UNDEFINED = "pf_undefined"  # in our metrics: the profit factor is infinite, which JSON does not hold
PROFIT_FACTOR = "profit_factor"


class Outcome(NamedTuple):
    """What a trial came to.

    Attributes:
        values: of the objectives, means over the seeds.
        violations: of the constraints, of the seed that breaks each most; <= 0 keeps it.
    """

    values: tuple[float, ...]
    violations: dict[str, float]

    @property
    def is_feasible(self) -> bool:
        """Whether every constraint is kept."""
        return all(violation <= 0.0 for violation in self.violations.values())


def outcome_of(
    results: Sequence[Metrics], objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> Outcome:
    """Return the outcome of a trial.

    Args:
        results: of each seed.
        objectives: in their order.
        constraints: in their order.

    Raises:
        SweepError: an objective is undefined though the constraints are kept, or is not a number.
    """
    broken = [[c.violation(_number(result, c.name)) for c in constraints] for result in results]
    keeps = [all(violation <= 0.0 for violation in row) for row in broken]
    values = [
        _mean([_value(result, objective, kept) for result, kept in zip(results, keeps, strict=True)])
        for objective in objectives
    ]
    return Outcome(tuple(values), {c.name: max(row[i] for row in broken) for i, c in enumerate(constraints)})


def read_result(file: Path) -> Metrics:
    """Return the numbers that a trial wrote.

    Raises:
        SweepError: the file is not there, or does not hold a JSON object.
    """
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SweepError(f"it wrote no {file.name}") from error
    except (OSError, ValueError) as error:
        raise SweepError(f"{file} cannot be read: {error}") from error
    if not isinstance(result, dict):
        raise SweepError(f"{file} must hold a JSON object of numbers")
    return result


def _value(result: Metrics, objective: Objective, is_feasible: bool) -> float:
    value = _number(result, objective.name)
    if value is None and not is_feasible:
        return objective.reference
    if value is not None and objective.cap is not None:
        value = min(value, objective.cap)
    if value is None or not math.isfinite(value):
        raise SweepError(f"{objective.name} must be a finite number, was {result.get(objective.name)!r}")
    return value


def _number(result: Metrics, name: str) -> float | None:
    """Return a number of the result, infinity included; None where it is undefined."""
    if name == PROFIT_FACTOR and result.get(PF_UNDEFINED):
        return math.inf
    value = result.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return None if math.isnan(value) else float(value)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
