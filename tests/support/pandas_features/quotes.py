"""Features 1 to 4 and 15: spread, depth and microprice from quotes or their proxies, and trading activity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.seasons import minute_medians
from tests.support.pandas_features.series import divide, over_rows, traded_column

BPS = 1e4
CARRY_BARS = 5
QUOTE = ("bid", "ask", "bid_size", "ask_size")


def quote_columns(
    bars: Bars, frame: pd.DataFrame, quotes: pd.DataFrame | None, base_spread: float
) -> dict[str, pd.Series]:
    """Return features 1 to 4 and 15; quotes: standing quotes, None where the record has none."""
    usual_volume = minute_medians(bars, "volume")
    spread = modelled_spread(frame, usual_volume, base_spread) if quotes is None else quoted_spread(quotes)
    median = over_rows(spread.notna(), spread, lambda known: known.rolling(60, min_periods=1).median())
    columns = {"spread_bps": spread, "spread_rel": divide(spread, median) - 1}
    columns |= {"trade_intensity": activity(bars, usual_volume)}
    if quotes is not None and has_sizes(bars):
        bid, ask, bid_size, ask_size = (quotes[name] for name in QUOTE)
        middle, depth = (bid + ask) / 2, bid_size + ask_size
        micro = divide(ask * bid_size + bid * ask_size, depth).where(depth != 0, middle)
        return columns | {
            "depth_imb": divide(bid_size - ask_size, depth),
            "microprice_dev": BPS * (micro - middle) / middle,
        }
    close, high, low = frame["close"], frame["high"], frame["low"]
    return columns | {
        "depth_imb": divide(2 * close - high - low, high - low),
        "microprice_dev": BPS * (close - frame["vwap"]) / close,
    }


def has_quotes(bars: Bars) -> bool:
    """Say whether the record has quotes."""
    return bars.has("bid") and bars.has("ask")


def has_sizes(bars: Bars) -> bool:
    """Say whether the record has quotes with sizes."""
    return has_quotes(bars) and bars.has("bid_size") and bars.has("ask_size")


def standing_quotes(bars: Bars, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the last usable quote (a > b > 0) of the session, not older than 5 bars."""
    quotes = pd.DataFrame({name: traded_column(bars, name) for name in QUOTE})
    row = pd.Series(np.arange(len(quotes), dtype=float))
    row = row.where((quotes["ask"] > quotes["bid"]) & (quotes["bid"] > 0))
    row = row.groupby(frame["session"]).ffill(limit=CARRY_BARS)
    standing = quotes.iloc[row.fillna(0).astype(int)].set_axis(row.index)
    return standing.mask(row.isna())


def quoted_spread(quotes: pd.DataFrame) -> pd.Series:
    """Return the spread relative to the mid."""
    return BPS * (quotes["ask"] - quotes["bid"]) / ((quotes["ask"] + quotes["bid"]) / 2)


def modelled_spread(frame: pd.DataFrame, usual_volume: pd.Series, base_spread: float) -> pd.Series:
    """Return the base spread, up to five times as wide with unusual volume or moves."""
    volume, move = divide(frame["volume"], usual_volume), divide(2 * frame["change"].abs(), frame["atr"].shift())
    widening = np.maximum(volume, move).clip(1.0, 5.0)  # NaN where either is unknown
    return BPS * base_spread * widening / frame["raw"]


def activity(bars: Bars, usual_volume: pd.Series) -> pd.Series:
    """Return trade_intensity; of volumes where trades are not counted."""
    if not bars.has("trade_count"):
        return np.log((1 + traded_column(bars, "volume")) / (1 + usual_volume))
    count, usual = traded_column(bars, "trade_count"), minute_medians(bars, "trade_count")
    plain = (count > 0) & (usual > 0)
    return np.log((count / usual).where(plain, (1 + count) / (1 + usual)))
