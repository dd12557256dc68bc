"""What the bars of a run are, for those who judge how much can be known of them."""

from __future__ import annotations

from collections.abc import Sequence

from intraday_rl.agents.callbacks.guards.limits import MARTINGALE, OTHER, REAL
from intraday_rl.app.build import MarketPlan
from intraday_rl.data.sources import HistoricalFiles, MartingaleMarket


def data_kind(markets: Sequence[MarketPlan]) -> str:
    """Return `limits.REAL` where a symbol's bars come from files, `MARTINGALE` where all are one, else `OTHER`."""
    if any(isinstance(market.source, HistoricalFiles) for market in markets):
        return REAL
    return MARTINGALE if all(isinstance(market.source, MartingaleMarket) for market in markets) else OTHER
