"""Features 16 to 27: scaled returns, RSI, MACD, session VWAP, Bollinger bands, averages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.support.pandas_features.series import divide, over_rows, wilder

FLAT = 1e-10  # standard deviations below this part of the price are rounding


def momentum_columns(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the 12 momentum columns."""
    close, atr = frame["close"], frame["atr"]
    path, sigma = frame["log_return"].cumsum(), frame["sigma"]
    columns = {f"ret_{bars}": divide(path.diff(bars), sigma * np.sqrt(bars)) for bars in (1, 5, 15, 30)}
    gain = over_rows(~frame["first"], frame["change"].clip(lower=0.0), lambda kept: wilder(kept, 14))
    loss = over_rows(~frame["first"], (-frame["change"]).clip(lower=0.0), lambda kept: wilder(kept, 14))
    columns["rsi14"] = divide(gain - loss, gain + loss)
    ema = {span: close.ewm(span=span, adjust=False).mean() for span in (9, 12, 21, 26)}
    line = ema[12] - ema[26]
    signal = line.ewm(span=9, adjust=False).mean()
    columns["macd_line"] = divide(line, atr).mask(close.index < 25)
    columns["macd_signal"] = divide(signal, atr).mask(close.index < 33)
    columns["macd_histogram"] = divide(line - signal, atr).mask(close.index < 33)
    columns["vwap_dev"] = divide(close - _session_vwap(frame), atr)
    mean, width = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    width = width.where(~(width <= FLAT * close), 0.0)
    columns["bb_pctb"] = divide(close - mean, 2 * width)
    columns["bb_width"] = 4 * width / mean
    columns["ema_gap"] = divide(ema[9] - ema[21], atr).mask(close.index < 20)
    return columns


def _session_vwap(frame: pd.DataFrame) -> pd.Series:
    sums = pd.DataFrame({"value": frame["vwap"] * frame["volume"], "volume": frame["volume"]})
    sums = sums.groupby(frame["session"]).cumsum()
    return (sums["value"] / sums["volume"]).where(sums["volume"] > 0, frame["vwap"])
