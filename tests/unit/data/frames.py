"""Small hand-made frames of bars."""

from __future__ import annotations

import pandas as pd

OPEN = "2024-07-02 13:30"  # XNYS opens at 13:30 UTC in summer


def good_frame(minutes: tuple[int, ...] = (0, 1, 2, 3), symbol: str = "SPY", start: str = OPEN) -> pd.DataFrame:
    """Return valid bars that start `minutes` after the instant `start` (UTC); row i closes at 100 + i."""
    rows = len(minutes)
    times = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(list(minutes), unit="min")
    close = [100.0 + i for i in range(rows)]
    return pd.DataFrame(
        {
            "timestamp": times.as_unit("us"),
            "symbol": symbol,
            "open": [price - 0.25 for price in close],
            "high": [price + 0.5 for price in close],
            "low": [price - 0.5 for price in close],
            "close": close,
            "volume": [1000 + i for i in range(rows)],
            "bid": [price - 0.01 for price in close],
            "ask": [price + 0.01 for price in close],
        }
    )
