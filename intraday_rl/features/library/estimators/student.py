"""Student's t distribution for bulk classification: its heavy tails call a middling move less certainly one-sided.

Conventions: scalars; the distribution function is the regularised incomplete beta function I_x(a, 1/2).
Source: Abramowitz and Stegun (1964), 26.7.1 and the continued fraction 26.5.8, evaluated by Lentz's method (1976).
"""

from __future__ import annotations

import math

from intraday_rl.core.jit import njit

TERMS = 200
CLOSE = 1e-15
TINY = 1e-300


@njit
def student_surplus(z: float, degrees_of_freedom: float) -> float:
    """Return 2 F(z) - 1 of Student's t, within 1e-12."""
    if z == 0.0:
        return 0.0
    a, square = 0.5 * degrees_of_freedom, z * z
    x = degrees_of_freedom / (degrees_of_freedom + square)
    if x < (a + 1.0) / (a + 2.5):
        surplus = 1.0 - _incomplete_beta(x, a, 0.5)
    else:
        surplus = _incomplete_beta(square / (degrees_of_freedom + square), 0.5, a)
    return math.copysign(surplus, z)


@njit
def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return I_x(a, b) for x below (a + 1)/(a + b + 2), where the continued fraction converges fast."""
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    numerator, denominator = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    denominator = 1.0 / (denominator if abs(denominator) > TINY else TINY)
    fraction = denominator
    for term in range(1, TERMS):
        even = term * (b - term) * x / ((a + 2.0 * term - 1.0) * (a + 2.0 * term))
        odd = -(a + term) * (a + b + term) * x / ((a + 2.0 * term) * (a + 2.0 * term + 1.0))
        for coefficient in (even, odd):
            denominator = 1.0 + coefficient * denominator
            denominator = 1.0 / (denominator if abs(denominator) > TINY else TINY)
            numerator = 1.0 + coefficient / numerator
            numerator = numerator if abs(numerator) > TINY else TINY
            fraction *= numerator * denominator
        if abs(numerator * denominator - 1.0) < CLOSE:
            break
    return math.exp(logarithm) * fraction / a
