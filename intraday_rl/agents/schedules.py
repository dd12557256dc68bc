"""Schedules: numbers that change with training progress."""

from __future__ import annotations


def linear_then_constant(progress: float, start: float, end: float, fraction: float) -> float:
    """Return the value at `progress` in [0, 1]: linear from start to end over the first `fraction`, then end."""
    return start + (end - start) * min(progress / fraction, 1.0)
