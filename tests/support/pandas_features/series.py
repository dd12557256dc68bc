"""What several features need: gap-removed prices, returns, averages; and the way from traded minutes to the grid.

Conventions: a frame has one row for each traded minute, numbered 0, 1, ... A quotient whose denominator is 0 is 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.data.bars import PRICE_COLUMNS, Bars

ATR_BARS = 14
DEVIATION_RETURNS = 60


def price_frame(bars: Bars) -> pd.DataFrame:
    """Return gap-removed prices, changes and returns of the traded minutes.

    Past prices are multiplied at each open such that the first bar's close equals the last close. Columns: session,
    minute, first (of its session), volume; high, low, close, vwap gap-removed; raw (the close as traded); last (the
    close before; a first bar's own); change and log_return (0 on a first bar); atr.
    """
    traded = slice(None) if bars.traded.all() else bars.traded
    frame = pd.DataFrame({name: getattr(bars, name)[traded] for name in ("session", "minute", "volume")})
    raw = pd.DataFrame({name: getattr(bars, name)[traded] for name in ("high", "low", "close", "vwap")})
    frame["first"] = first = frame["session"].diff() != 0
    frame["raw"] = raw["close"]
    raw["vwap"] = raw["vwap"].fillna((raw["high"] + raw["low"] + raw["close"]) / 3)
    scale = (raw["close"].shift() / raw["close"]).where(first, 1.0).fillna(1.0).cumprod()
    frame[raw.columns] = raw.mul(scale, axis=0)
    frame["last"] = frame["close"].shift().where(~first, frame["close"])
    frame["change"] = frame["close"] - frame["last"]
    frame["log_return"] = np.log(frame["raw"]).diff().where(~first, 0.0)
    frame["atr"] = average_true_range(frame)
    return frame


def raw_logarithms(bars: Bars) -> pd.DataFrame:
    """Return the logarithms of open, high, low and close as traded, of the traded minutes."""
    traded = slice(None) if bars.traded.all() else bars.traded
    return pd.DataFrame({name: np.log(getattr(bars, name)[traded]) for name in PRICE_COLUMNS})


def average_true_range(frame: pd.DataFrame) -> pd.Series:
    """Return Wilder's ATR14; the record's first bar has no true range."""
    highest, lowest = np.maximum(frame["high"], frame["last"]), np.minimum(frame["low"], frame["last"])
    return over_rows(frame, (highest - lowest)[1:], lambda ranges: wilder(ranges, ATR_BARS))


def wilder(values: pd.Series, length: int) -> pd.Series:
    """Return Wilder's average, seeded by the plain mean of the first values."""
    seeded = values.copy()
    seeded.iloc[: length - 1] = np.nan
    seeded.iloc[length - 1 : length] = values.iloc[:length].mean()
    return seeded.ewm(alpha=1 / length, adjust=False).mean()


def over_rows(frame, values, apply):
    """Return apply(values) of some rows, at every row: those between repeat the value before them."""
    result = apply(values)
    return result if len(result) == len(frame) else result.reindex(frame.index).ffill()


def over_returns(frame, values, apply):
    """Return apply(values) of the bars with a return, at every bar."""
    return over_rows(frame, values[~frame["first"]], apply)


def deviation(frame: pd.DataFrame, least: int = DEVIATION_RETURNS) -> pd.Series:
    """Return the root mean square of the last 60 returns, of as few as `least` where there are no more."""
    squares = frame["log_return"] ** 2
    window = {"window": DEVIATION_RETURNS, "min_periods": least}
    return over_returns(frame, squares, lambda kept: kept.rolling(**window).mean()) ** 0.5


def divide(numerator, denominator):
    """Return the quotient, 0 where the denominator is 0."""
    return (numerator / denominator).where(denominator != 0, 0.0)


def to_grid(bars: Bars, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Return the columns on all grid minutes: a minute without a bar repeats the session's last row."""
    result = pd.DataFrame(columns, copy=False)
    if bars.traded.all():
        return result
    result.index = np.flatnonzero(bars.traded)
    return result.reindex(range(len(bars))).groupby(bars.session).ffill()
