"""What single round trips tell: profit factor, hit rate, expectancy, win/loss ratio, holding time.

Conventions: a trade is a round trip from flat to flat, its P&L in USD net of all costs; a result of exactly zero is
no win and no loss. Without trades everything is NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics.series import divide, finite_series, mean


def profit_factor(trade_pnl: npt.ArrayLike) -> float:
    """Return the sum of wins / the sum of losses.

    Args:
        trade_pnl: (n,) USD.

    Returns:
        Ratio >= 0; +inf with wins and no losses; NaN without trades or when all are exactly zero.

    Raises:
        ParameterError: a P&L is not finite.
    """
    pnl = finite_series("profit_factor", "trade_pnl", trade_pnl)
    wins, losses = float(pnl[pnl > 0].sum()), float(-pnl[pnl < 0].sum())
    return math.inf if wins > 0 and losses == 0 else divide(wins, losses)


def hit_rate(trade_pnl: npt.ArrayLike) -> float:
    """Return the share of trades with a positive P&L; NaN without trades.

    Args:
        trade_pnl: (n,) USD.

    Raises:
        ParameterError: a P&L is not finite.
    """
    pnl = finite_series("hit_rate", "trade_pnl", trade_pnl)
    return mean((pnl > 0).astype(np.float64))


def win_loss_ratio(trade_pnl: npt.ArrayLike) -> float:
    """Return the mean win / the mean loss.

    Args:
        trade_pnl: (n,) USD.

    Returns:
        Ratio > 0; +inf with wins and no losses; NaN without wins.

    Raises:
        ParameterError: a P&L is not finite.
    """
    pnl = finite_series("win_loss_ratio", "trade_pnl", trade_pnl)
    wins, losses = pnl[pnl > 0], -pnl[pnl < 0]
    if wins.size and not losses.size:
        return math.inf
    return mean(wins) / mean(losses)


def break_even_hit_rate(ratio: float) -> float:
    """Return the hit rate at which wins and losses of this mean win / mean loss ratio cancel, 1 / (1 + W/L).

    Args:
        ratio: Of the mean win to the mean loss, >= 0.

    Returns:
        Fraction; 0 for an infinite ratio; NaN for NaN.
    """
    return 1.0 / (1.0 + ratio)


def expectancy(trade_pnl: npt.ArrayLike) -> float:
    """Return the mean P&L of a trade in USD; NaN without trades.

    Args:
        trade_pnl: (n,) USD.

    Raises:
        ParameterError: a P&L is not finite.
    """
    return mean(finite_series("expectancy", "trade_pnl", trade_pnl))


def expectancy_r(trade_pnl: npt.ArrayLike, initial_risk: npt.ArrayLike) -> float:
    """Return the mean of P&L / initial risk ("R") over the trades that state a risk above zero.

    Args:
        trade_pnl: (n,) USD.
        initial_risk: (n,) USD at stake at the entry; NaN or 0 where the trade stated none.

    Returns:
        Mean R multiple; NaN when no trade states a risk.

    Raises:
        ParameterError: a P&L is not finite, or the lengths differ.

    Source: Tharp (1998), "Trade Your Way to Financial Freedom", chapter 7.
    """
    pnl = finite_series("expectancy_r", "trade_pnl", trade_pnl)
    risk = np.asarray(initial_risk, dtype=np.float64)
    if risk.shape != pnl.shape:
        raise ParameterError(f"expectancy_r.initial_risk must have one value per trade {pnl.shape}, had {risk.shape}")
    stated = risk > 0
    return mean(pnl[stated] / risk[stated])


def median_hold_minutes(minutes_held: npt.ArrayLike) -> float:
    """Return the median time from the first entry fill to the last exit fill, in minutes; NaN without trades.

    Args:
        minutes_held: (n,) minutes.

    Raises:
        ParameterError: a duration is not finite.
    """
    held = finite_series("median_hold_minutes", "minutes_held", minutes_held)
    return float(np.median(held)) if held.size else math.nan
