"""How much was traded and how well it was executed: turnover, exposure, slippage, fill rate.

Conventions: notional is absolute and in USD; turnover is in multiples of the session-start NAV; slippage is in basis
points of the mid at the decision, positive when the fill is worse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics.series import FloatArray, divide, finite_series


def turnover(traded_notional: npt.ArrayLike, start_nav: npt.ArrayLike) -> FloatArray:
    """Return each session's traded notional as a multiple of its start NAV, (n,).

    Args:
        traded_notional: (n,) USD, buys and sells added.
        start_nav: (n,) USD.

    Raises:
        ParameterError: a value is not finite, or a NAV is not positive.
    """
    notional = finite_series("turnover", "traded_notional", traded_notional)
    nav = finite_series("turnover", "start_nav", start_nav)
    if (nav <= 0).any():
        raise ParameterError(f"turnover.start_nav must be > 0 (USD), was {nav.min()}")
    return notional / nav


def exposure(in_market_bars: npt.ArrayLike, bars: npt.ArrayLike) -> float:
    """Return the share of bars with an open position, over all sessions; NaN without bars.

    Args:
        in_market_bars: (n,) bars with a position in each session.
        bars: (n,) bars of each session.

    Raises:
        ParameterError: a value is not finite.
    """
    held = finite_series("exposure", "in_market_bars", in_market_bars)
    return divide(float(held.sum()), float(finite_series("exposure", "bars", bars).sum()))


def weighted_mean(values: npt.ArrayLike, weights: npt.ArrayLike) -> float:
    """Return the mean of the values weighted by the size of the weights; NaN when these sum to zero.

    Slippage in bps is weighted by filled quantity, exposure by bars.

    Args:
        values: (n,) any unit.
        weights: (n,) any unit; the sign is ignored.

    Raises:
        ParameterError: a value or a weight is not finite.
    """
    numbers = finite_series("weighted_mean", "values", values)
    sizes = np.abs(finite_series("weighted_mean", "weights", weights))
    return divide(float(numbers @ sizes), float(sizes.sum()))


def fill_rate(filled_quantity: npt.ArrayLike, ordered_quantity: npt.ArrayLike) -> float:
    """Return the filled share of the ordered quantity; NaN without orders.

    Args:
        filled_quantity: (n,) shares or contracts; the sign is ignored.
        ordered_quantity: (m,) shares or contracts; the sign is ignored.

    Raises:
        ParameterError: a quantity is not finite.
    """
    filled = np.abs(finite_series("fill_rate", "filled_quantity", filled_quantity)).sum()
    return divide(float(filled), float(np.abs(finite_series("fill_rate", "ordered_quantity", ordered_quantity)).sum()))
