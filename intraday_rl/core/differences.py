"""Name where two JSON values differ."""

from __future__ import annotations

from typing import Any


def first_difference(expected: Any, found: Any, place: str = "") -> str | None:
    """Return a phrase that names the first place where two JSON values differ and both values, or None.

    Args:
        expected: the value that should be there.
        found: the value that is there.
        place: path of the values, for the phrase.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in found:
                return f"{inner} is missing, should be {expected[key]!r}"
            if key not in expected:
                return f"{inner} should not be there, is {found[key]!r}"
            difference = first_difference(expected[key], found[key], inner)
            if difference is not None:
                return difference
        return None
    if isinstance(expected, list) and isinstance(found, list):
        for i, (left, right) in enumerate(zip(expected, found, strict=False)):
            difference = first_difference(left, right, f"{place}[{i}]")
            if difference is not None:
                return difference
        if len(expected) != len(found):
            return f"{place} has {len(found)} items, should have {len(expected)}"
        return None
    return (
        None if expected == found and type(expected) is type(found) else f"{place} is {found!r}, should be {expected!r}"
    )
