"""EDGE: the bid-ask spread that the open, high, low and close prices of the last 60 bars tell.

Conventions: logarithmic prices; a pair is a bar and the bar before it in the same session, 60 bars make 59 pairs.
Source: Ardia, Guidotti and Kroencke (2024), Efficient estimation of bid-ask spreads from open, high, low, and close
prices, Journal of Financial Economics 161. Its two moment conditions are products of de-meaned returns; multiplied out,
each is a sum over the window. In the names of the sums r1_r22 stands for r1 times r2 squared; t is 1 where the pair
moved at all, else 0, and as r1, r3 and r5 are 0 where t is 0, t is left out of products with these.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from intraday_rl.core.jit import njit
from intraday_rl.features.rolling import push, window_dtype

PAIRS = 59

EDGE = np.dtype(
    [
        (
            "pairs",
            window_dtype(
                PAIRS,
                *("t", "open_off", "close_off", "r1", "r3", "r5"),
                *("r1_r2", "t_r2", "r3_r4", "t_r4", "r1_r5", "r5_r4"),
                *("r11_r22", "r1_r22", "t_r22", "r1_r2_r3_r4", "r1_r2_r4", "r2_r3_r4", "t_r2_r4"),
                *("r33_r44", "r3_r44", "t_r44", "r11_r55", "r1_r55", "r55", "r1_r55_r4", "r1_r5_r4", "r55_r4"),
                *("r55_r44", "r5_r44"),
            ),
        ),
        ("log_high", np.float64),  # of the bar before
        ("log_low", np.float64),
        ("log_close", np.float64),
    ],
    align=True,
)


@njit
def push_pair(edge: Any, step: Any) -> None:
    """Let the pair of this bar and the bar before it into the window; the first bar of a session makes no pair."""
    if not step.is_first:
        _fill(edge.pairs.new, edge, step)
        push(edge.pairs)
    edge.log_high, edge.log_low, edge.log_close = step.log_high, step.log_low, step.log_close


@njit
def _fill(new: Any, edge: Any, step: Any) -> None:
    middle, last_middle = 0.5 * (step.log_high + step.log_low), 0.5 * (edge.log_high + edge.log_low)
    moved = step.log_high != step.log_low or step.log_low != edge.log_close
    t = 1.0 if moved else 0.0
    new.t = t
    new.open_off = t * _ends_missed(step.log_open, step.log_high, step.log_low)
    new.close_off = t * _ends_missed(edge.log_close, edge.log_high, edge.log_low)
    r1, r2 = middle - step.log_open, step.log_open - last_middle
    r3, r4, r5 = middle - edge.log_close, edge.log_close - last_middle, step.log_open - edge.log_close
    new.r1, new.r3, new.r5 = r1, r3, r5
    new.r1_r2, new.t_r2, new.r3_r4, new.t_r4 = r1 * r2, t * r2, r3 * r4, t * r4
    new.r1_r5, new.r5_r4 = r1 * r5, r5 * r4
    new.r11_r22, new.r1_r22, new.t_r22 = r1 * r1 * r2 * r2, r1 * r2 * r2, t * r2 * r2
    new.r1_r2_r3_r4, new.r1_r2_r4, new.r2_r3_r4 = r1 * r2 * r3 * r4, r1 * r2 * r4, r2 * r3 * r4
    new.t_r2_r4 = t * r2 * r4
    new.r33_r44, new.r3_r44, new.t_r44 = r3 * r3 * r4 * r4, r3 * r4 * r4, t * r4 * r4
    new.r11_r55, new.r1_r55, new.r55 = r1 * r1 * r5 * r5, r1 * r5 * r5, r5 * r5
    new.r1_r55_r4, new.r1_r5_r4, new.r55_r4 = r1 * r5 * r5 * r4, r1 * r5 * r4, r5 * r5 * r4
    new.r55_r44, new.r5_r44 = r5 * r5 * r4 * r4, r5 * r4 * r4


@njit
def _ends_missed(price: float, high: float, low: float) -> float:
    return (1.0 if price != high else 0.0) + (1.0 if price != low else 0.0)


@njit
def edge_spread(edge: Any) -> float:
    """Return the spread as a fraction of the price, the root of the size of its estimated square.

    NaN while the window fills; 0 where fewer than two pairs moved, or all opens or closes lie on highs and lows.
    """
    if edge.pairs.count < PAIRS:
        return np.nan
    sums = edge.pairs.sums
    if sums.t < 2.0 or sums.open_off == 0.0 or sums.close_off == 0.0:
        return 0.0
    mean, inverse_t = 1.0 / PAIRS, 1.0 / sums.t
    a, b = -4.0 / (sums.open_off * mean), -4.0 / (sums.close_off * mean)
    m1, m3, m5 = sums.r1 * inverse_t, sums.r3 * inverse_t, sums.r5 * inverse_t
    mean_1 = (a * (sums.r1_r2 - m1 * sums.t_r2) + b * (sums.r3_r4 - m3 * sums.t_r4)) * mean
    mean_2 = (a * (sums.r1_r5 - m1 * sums.r5) + b * (sums.r5_r4 - m5 * sums.t_r4)) * mean
    open_2 = sums.r11_r22 - 2.0 * m1 * sums.r1_r22 + m1 * m1 * sums.t_r22
    cross_1 = sums.r1_r2_r3_r4 - m3 * sums.r1_r2_r4 - m1 * sums.r2_r3_r4 + m1 * m3 * sums.t_r2_r4
    close_2 = sums.r33_r44 - 2.0 * m3 * sums.r3_r44 + m3 * m3 * sums.t_r44
    open_5 = sums.r11_r55 - 2.0 * m1 * sums.r1_r55 + m1 * m1 * sums.r55
    cross_2 = sums.r1_r55_r4 - m5 * sums.r1_r5_r4 - m1 * sums.r55_r4 + m1 * m5 * sums.r5_r4
    close_5 = sums.r55_r44 - 2.0 * m5 * sums.r5_r44 + m5 * m5 * sums.t_r44
    variance_1 = (a * a * open_2 + 2.0 * a * b * cross_1 + b * b * close_2) * mean - mean_1 * mean_1
    variance_2 = (a * a * open_5 + 2.0 * a * b * cross_2 + b * b * close_5) * mean - mean_2 * mean_2
    total = variance_1 + variance_2
    if total > 0.0:
        return math.sqrt(abs((variance_2 * mean_1 + variance_1 * mean_2) / total))
    return math.sqrt(abs(0.5 * (mean_1 + mean_2)))
