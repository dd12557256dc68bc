"""Corwin and Schultz: the bid-ask spread that the highs and lows of pairs of bars tell.

Conventions: logarithmic prices; a pair is a bar and the bar before it in the same session, 60 bars make 59 pairs. A
gap from the last close to the bar is taken out of the bar; a pair's negative spread counts as 0.
Source: Corwin and Schultz (2012), A simple way to estimate bid-ask spreads from daily high and low prices, Journal of
Finance 67, equations (14) and (18).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.rolling import SUM, push_sum

PAIRS = 59.0
WEIGHT = 3.0 - 2.0 * math.sqrt(2.0)

HIGH_LOW = np.dtype(
    [
        ("spreads", SUM),
        ("log_high", np.float64),  # of the bar before
        ("log_low", np.float64),
        ("log_close", np.float64),
    ],
    align=True,
)


@njit
def high_low_spread(memory: Any, step: Any) -> float:
    """Take in the bar; return the mean spread of the last 59 pairs as a fraction of the price, NaN in warm-up."""
    if not step.is_first:
        push_sum(memory.spreads, _pair_spread(memory, step), PAIRS)
    memory.log_high, memory.log_low, memory.log_close = step.log_high, step.log_low, step.log_close
    return max(0.0, memory.spreads.total) / PAIRS if memory.spreads.count == PAIRS else np.nan


@njit
def _pair_spread(memory: Any, step: Any) -> float:
    gap = max(0.0, step.log_low - memory.log_close) + min(0.0, step.log_high - memory.log_close)
    high, low = step.log_high - gap, step.log_low - gap
    beta = (high - low) ** 2 + (memory.log_high - memory.log_low) ** 2
    gamma = (max(high, memory.log_high) - min(low, memory.log_low)) ** 2
    alpha = (math.sqrt(2.0 * beta) - math.sqrt(beta)) / WEIGHT - math.sqrt(gamma / WEIGHT)
    return max(0.0, 2.0 * (math.exp(alpha) - 1.0) / (1.0 + math.exp(alpha)))
