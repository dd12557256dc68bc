"""One function per law that a parameter can have to obey.

Each takes the owner's name, the parameter's name and its value, and raises `ParameterError` with the owner, the
parameter, the law (with its unit) and the value: "TurnoverPenalty.limit must be > 0 (fraction of equity), was -0.02".
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

from intraday_rl.core.errors import ParameterError


def _refuse(owner: str, name: str, law: str, unit: str, value: object) -> None:
    suffix = f" ({unit})" if unit else ""
    raise ParameterError(f"{owner}.{name} must be {law}{suffix}, was {value!r}")


def finite(owner: str, name: str, value: float, unit: str = "") -> None:
    """Refuse NaN and infinities."""
    if not math.isfinite(value):
        _refuse(owner, name, "a finite number", unit, value)


def positive(owner: str, name: str, value: float, unit: str = "") -> None:
    """Refuse all but finite numbers > 0."""
    if not (math.isfinite(value) and value > 0):
        _refuse(owner, name, "> 0", unit, value)


def non_negative(owner: str, name: str, value: float, unit: str = "") -> None:
    """Refuse all but finite numbers >= 0."""
    if not (math.isfinite(value) and value >= 0):
        _refuse(owner, name, ">= 0", unit, value)


def at_least(owner: str, name: str, value: float, minimum: float, unit: str = "") -> None:
    """Refuse numbers below `minimum`, NaN and infinities."""
    if not (math.isfinite(value) and value >= minimum):
        _refuse(owner, name, f">= {minimum}", unit, value)


def within(owner: str, name: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Refuse numbers outside the closed interval [low, high]."""
    if not low <= value <= high:
        _refuse(owner, name, f"in [{low}, {high}]", unit, value)


def fraction(owner: str, name: str, value: float, unit: str = "fraction") -> None:
    """Refuse numbers outside (0, 1]."""
    if not 0 < value <= 1:
        _refuse(owner, name, "in (0, 1]", unit, value)


def one_of(owner: str, name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse values that are not among `choices`."""
    known = list(choices)
    if value not in known:
        _refuse(owner, name, f"one of {', '.join(map(str, known))}", "", value)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean X?)' for the closest known name, or '' when none is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {matches[0]}?)" if matches else ""
