"""Features 28 to 35: realised, range-based and GARCH volatility, in basis points per bar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.seasons import table_of, usual_moves
from tests.support.pandas_features.series import over_rows, raw_logarithms

BPS = 1e4
RANGE_BARS = 30


def volatility_columns(bars: Bars, frame: pd.DataFrame, garch: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the 8 volatility columns; garch: see `garch_deviation`."""
    squares = frame["log_return"] ** 2
    columns = {"rv_15": BPS * over_rows(~frame["first"], squares, lambda kept: kept.rolling(15).mean()) ** 0.5}
    columns["rv_60"] = BPS * frame["sigma"]
    logs = raw_logarithms(bars)
    up, down, move = (logs[name] - logs["open"] for name in ("high", "low", "close"))
    jump = (logs["open"] - logs["close"].shift()).where(~frame["first"], 0.0)
    ranges = (logs["high"] - logs["low"]) ** 2
    columns["parkinson30"] = _root(_mean(ranges) / (4 * np.log(2)))
    columns["gk30"] = _root(_mean(ranges / 2 - (2 * np.log(2) - 1) * move**2))
    rogers_satchell = _mean(up * (up - move) + down * (down - move))
    columns["rs30"] = _root(rogers_satchell)
    k = 0.34 / (1.34 + (RANGE_BARS + 1) / (RANGE_BARS - 1))
    overnight, inside = jump.rolling(RANGE_BARS).var(), move.rolling(RANGE_BARS).var()
    columns["yz30"] = _root(overnight + k * inside + (1 - k) * rogers_satchell)
    columns["garch1"] = garch_deviation(frame, garch)
    columns["atr_bps"] = BPS * frame["atr"] / frame["close"]
    return columns


def garch_deviation(frame: pd.DataFrame, garch: pd.DataFrame) -> pd.Series:
    """Return sqrt(h), h the next return's variance: h = omega + alpha e^2 + beta h, e = return/usual move, in bps.

    Args:
        frame: see `price_frame`.
        garch: omega, alpha, beta and variance (the session's first h), one row for each session.
    """
    session, minute = frame["session"].to_numpy(), frame["minute"].to_numpy()
    returns = table_of(session, minute, frame["log_return"].where(~frame["first"]).to_numpy())
    shocks = BPS * returns / usual_moves(returns)
    omega, alpha, beta, variance = (garch[name].to_numpy() for name in ("omega", "alpha", "beta", "variance"))
    forecasts = np.empty_like(shocks)
    for place in range(shocks.shape[1]):  # all sessions at once
        updated = omega + alpha * shocks[:, place] ** 2 + beta * variance
        variance = np.where(np.isnan(shocks[:, place]), variance, updated)
        forecasts[:, place] = variance
    return pd.Series(np.sqrt(forecasts[session, minute]))


def _mean(values: pd.Series) -> pd.Series:
    return values.rolling(RANGE_BARS).mean()


def _root(variances: pd.Series) -> pd.Series:
    return BPS * variances.clip(lower=0.0) ** 0.5
