"""Latency: how long after the decision an order reaches the market."""

from __future__ import annotations

from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model

MILLISECONDS_PER_BAR = 60_000.0


@model
def arrival(params: Any, noise: float) -> float:
    """Return when the order arrives in the bar after the decision, as a fraction of that bar in [0, 1).

    Args:
        params: the latency model's struct.
        noise: a uniform draw in [0, 1), drawn beforehand.
    """
    raise NotImplementedError


class UniformLatency(NamedTuple):
    """Latency drawn evenly between two bounds for each order. Does not model queues or correlated delays."""

    low_ms: float
    high_ms: float

    def check(self) -> None:
        """Refuse bounds out of order and latencies of a bar or more."""
        checks.within("UniformLatency", "low_ms", self.low_ms, 0.0, self.high_ms, "milliseconds, up to high_ms")
        checks.within("UniformLatency", "high_ms", self.high_ms, 0.0, MILLISECONDS_PER_BAR - 1.0, "milliseconds")


@arrival.model.implement(UniformLatency)
def uniform_arrival(params: UniformLatency, noise: float) -> float:
    """Return (low + noise (high - low)) as a fraction of a minute."""
    return (params.low_ms + noise * (params.high_ms - params.low_ms)) / MILLISECONDS_PER_BAR
