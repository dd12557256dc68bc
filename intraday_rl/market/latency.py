"""Latency: how long after the decision an order reaches the market."""

from __future__ import annotations

from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import Stress

MILLISECONDS_PER_BAR = 60_000.0
MOST_BARS = 4  # whole bars that an order may be under way, beyond the one after its decision


@model
def delay_bars(params: Any, noise: float) -> float:
    """Return after how much of the time from the decision on the order arrives, in bars, in [0, MOST_BARS + 1).

    Args:
        params: the latency model's struct.
        noise: a uniform draw in [0, 1), drawn beforehand.
    """
    raise NotImplementedError


class UniformLatency(NamedTuple):
    """Latency drawn evenly between two bounds for each order. Does not model queues or correlated delays.

    An order that takes a minute or longer arrives whole bars later: floor(latency / 60 s) bars after the one that
    follows its decision.
    """

    low_ms: float
    high_ms: float

    def check(self) -> None:
        """Refuse bounds out of order and latencies of five bars or more."""
        longest = (MOST_BARS + 1) * MILLISECONDS_PER_BAR - 1.0
        checks.within("UniformLatency", "low_ms", self.low_ms, 0.0, self.high_ms, "milliseconds, up to high_ms")
        checks.within("UniformLatency", "high_ms", self.high_ms, 0.0, longest, "milliseconds")

    def stressed(self, stress: Stress) -> UniformLatency:
        """Return the same model, slower."""
        return UniformLatency(self.low_ms * stress.latency, self.high_ms * stress.latency)


@delay_bars.model.implement(UniformLatency)
def uniform_delay(params: UniformLatency, noise: float) -> float:
    """Return (low + noise (high - low)) in minutes."""
    return (params.low_ms + noise * (params.high_ms - params.low_ms)) / MILLISECONDS_PER_BAR
