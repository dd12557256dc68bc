"""Features 5 to 14 from bars alone: order flow, its impact, and spreads of trades."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.edge import edge_bps
from tests.support.pandas_features.seasons import bucket_volumes
from tests.support.pandas_features.series import over_rows, spread_out
from tests.support.pandas_features.vpin import mean_imbalances

BPS = 1e4
FLOW_RETURNS = 60
ILLIQUIDITY_BARS = 30
FLAT = 1e-12  # moves below this part of the price are rounding, variances below this part of the mean square too
LAG = 5


def flow_columns(bars: Bars, frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return ofi, signed_vol, vpin, kyle_lambda, amihud, roll_bps and ohlc_spread_bps."""
    imbalance = bulk_imbalance(frame)
    signed = imbalance * frame["volume"]
    volume = frame["volume"].where(imbalance.notna(), 0.0)
    sessions = frame["session"].to_numpy(), bucket_volumes(bars)
    return {
        "ofi": imbalance.ewm(span=5, adjust=False).mean().where(imbalance.notna().cumsum() >= 5),
        "signed_vol": imbalance,
        "vpin": mean_imbalances(*sessions, volume.to_numpy(), signed.fillna(0.0).to_numpy()),
        "kyle_lambda": kyle_lambda(frame, signed),
        "amihud": amihud(frame),
        "roll_bps": roll_bps(frame),
        "ohlc_spread_bps": edge_bps(bars, frame["first"]),
    }


def bulk_imbalance(frame: pd.DataFrame) -> pd.Series:
    """Return (bought - sold)/V = 2 F(change/sd60) - 1; 0 without volume or moves, NaN before 60 changes."""
    change = frame["change"]
    sd = over_rows(~frame["first"], change, lambda kept: kept.rolling(FLOW_RETURNS).std())
    balanced = (frame["volume"] == 0) | (sd < FLAT * frame["close"])
    return (2 * ndtr(change / sd) - 1).where(~balanced, 0.0).where(sd.notna())


def kyle_lambda(frame: pd.DataFrame, signed: pd.Series) -> pd.Series:
    """Return the slope of changes on signed volume, times the median size of signed volume over the price, bps."""
    chosen = signed.notna() & ~frame["first"]
    signed, change = signed[chosen], frame["change"][chosen]

    def mean(values: pd.Series) -> pd.Series:
        return values.rolling(FLOW_RETURNS).mean()

    square, mean_signed = mean(signed**2), mean(signed)
    variance = square - mean_signed**2
    slope = (mean(change * signed) - mean(change) * mean_signed) / variance
    slope = slope.where(~(variance <= FLAT * square), 0.0)
    sizes = signed.abs().rolling(FLOW_RETURNS).median()
    return BPS * spread_out(chosen, slope * sizes) / frame["close"]


def amihud(frame: pd.DataFrame) -> pd.Series:
    """Return ln(1 + 1e9 mean(abs(r)/(c V))) of the last 30 bars with a return and volume."""
    counted = ~frame["first"] & (frame["volume"] > 0)
    terms = frame["log_return"].abs() / (frame["raw"] * frame["volume"])
    return over_rows(counted, terms, lambda kept: np.log1p(1e9 * kept.rolling(ILLIQUIDITY_BARS).mean()))


def roll_bps(frame: pd.DataFrame) -> pd.Series:
    """Return 2 sqrt(max(0, -Cov(r_t, r_(t-1)))) of 60 pairs of returns, sample covariance."""

    def spread(returns: pd.Series) -> pd.Series:
        covariance = returns.rolling(FLOW_RETURNS).cov(returns.shift())
        return 2 * BPS * (-covariance).clip(lower=0.0) ** 0.5

    return over_rows(~frame["first"], frame["log_return"], spread)


def trade_spread_columns(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return eff_spread_bps, realised_spread5 and adverse_sel5; the bar's vwap stands for its trades, c for the mid."""
    close, gap = frame["close"], frame["vwap"] - frame["close"]
    side = np.sign(gap.where(gap.abs() >= FLAT * close, 0.0)).shift(LAG)
    old_close = close.shift(LAG)
    return {
        "eff_spread_bps": 2 * BPS * gap.abs() / close,
        "realised_spread5": 2 * BPS * side * (frame["vwap"].shift(LAG) - close) / old_close,
        "adverse_sel5": 2 * BPS * side * (close - old_close) / old_close,
    }
