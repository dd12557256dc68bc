"""What several features need: gap-removed prices, returns, averages; and the way from traded minutes to the grid.

Conventions: a frame has one row for each traded minute, numbered 0, 1, ... A quotient whose denominator is 0 is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from intraday_rl.data.bars import PRICE_COLUMNS, Bars

Rows = pd.Series | np.ndarray  # of booleans

ATR_BARS = 14
DEVIATION_RETURNS = 60


def traded_column(bars: Bars, name: str) -> pd.Series:
    """Return a column at the traded minutes."""
    values = getattr(bars, name)
    return pd.Series(values if bars.traded.all() else values[bars.traded])


def price_frame(bars: Bars) -> pd.DataFrame:
    """Return gap-removed prices, changes and returns of the traded minutes.

    Past prices are multiplied at each open such that the first bar's close equals the last close. Columns: session,
    minute, first (of its session), volume; high, low, close, vwap gap-removed; raw (the close as traded); scale of the
    prices; last (the close before; a first bar's own); change and log_return (0 on a first bar); atr; sigma_so_far
    (root mean square of up to 60 returns) and sigma (NaN before there are 60).
    """
    columns = {name: traded_column(bars, name) for name in ("session", "minute", "volume", "high", "low", "close")}
    first = columns["session"].diff() != 0
    raw, vwap = columns["close"], traded_column(bars, "vwap")
    if vwap.hasnans:
        vwap = vwap.fillna((columns["high"] + columns["low"] + raw) / 3)
    scale = (raw.shift() / raw).where(first, 1.0).fillna(1.0).cumprod()
    columns |= {"first": first, "raw": raw, "scale": scale, "vwap": vwap * scale}
    columns |= {name: columns[name] * scale for name in ("high", "low", "close")}
    columns["last"] = columns["close"].shift().where(~first, columns["close"])
    columns["change"] = columns["close"] - columns["last"]
    columns["log_return"] = np.log(raw).diff().where(~first, 0.0)
    frame = pd.DataFrame(columns, copy=False)
    frame["atr"] = average_true_range(frame)
    squares = frame["log_return"] ** 2
    mean_square = over_rows(~first, squares, lambda kept: kept.rolling(DEVIATION_RETURNS, min_periods=1).mean())
    frame["sigma_so_far"] = mean_square**0.5
    frame["sigma"] = frame["sigma_so_far"].where((~first).cumsum() >= DEVIATION_RETURNS)
    return frame


def raw_logarithms(bars: Bars) -> dict[str, pd.Series]:
    """Return the logarithms of open, high, low and close as traded."""
    return {name: np.log(traded_column(bars, name)) for name in PRICE_COLUMNS}


def average_true_range(frame: pd.DataFrame) -> pd.Series:
    """Return Wilder's ATR14; the record's first bar has no true range."""
    ranges = np.maximum(frame["high"], frame["last"]) - np.minimum(frame["low"], frame["last"])
    return over_rows(frame.index > 0, ranges, lambda kept: wilder(kept, ATR_BARS))


def wilder(values: pd.Series, length: int) -> pd.Series:
    """Return Wilder's average, seeded by the plain mean of the first values."""
    seeded = values.copy()
    seeded.iloc[: length - 1] = np.nan
    seeded.iloc[length - 1 : length] = values.iloc[:length].mean()
    return seeded.ewm(alpha=1 / length, adjust=False).mean()


def over_rows(chosen: Rows, values: pd.Series, apply: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return apply(values of the chosen rows) at every row: the others repeat the value before them."""
    return spread_out(chosen, apply(values[chosen]))


def spread_out(chosen: Rows, values: pd.Series) -> pd.Series:
    """Return the values, one for each chosen row, at every row: the others repeat the value before them."""
    return pd.Series(np.concatenate([[np.nan], values.to_numpy()])[np.cumsum(chosen)])


def divide(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """Return the quotient, 0 where the denominator is 0."""
    return (numerator / denominator).where(denominator != 0, 0.0)


def to_grid(bars: Bars, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Return the columns on all grid minutes: a minute without a bar repeats the session's last row."""
    result = pd.DataFrame(columns, copy=False)
    if bars.traded.all():
        return result
    row = pd.Series(np.arange(len(bars))).where(bars.traded).groupby(bars.session).ffill()
    return result.set_axis(np.flatnonzero(bars.traded)).reindex(row).set_axis(row.index)
