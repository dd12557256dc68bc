"""Features 5 and 12 to 14 where quotes or trades were measured.

Conventions: of a minute's trades, C = (buy - sell)/(buy + sell) volume, B the mean of d/m and E the effective spread
(d the side, m the mid before the trade); m_t is the mid of the quote that stands at the end of minute t.
"""

from __future__ import annotations

import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.series import divide

BPS = 1e4
DEPTH_BARS = 30
LAG = 5


def quote_changes(bid: pd.Series, ask: pd.Series, bid_size: pd.Series, ask_size: pd.Series) -> pd.Series:
    """Return e_n of consecutive quotes; NaN for the first.

    Source: Cont, Kukanov and Stoikov (2014), equation 10.
    """
    last_bid, last_ask = bid.shift(), ask.shift()
    demand = (bid >= last_bid) * bid_size - (bid <= last_bid) * bid_size.shift()
    supply = (ask <= last_ask) * ask_size - (ask >= last_ask) * ask_size.shift()
    return (demand - supply).where(last_bid.notna() & last_ask.notna())


def quoted_order_flow(frame: pd.DataFrame, quotes: pd.DataFrame, measured: pd.Series | None) -> pd.Series:
    """Return the order flow of a bar relative to the mean depth of the last 30 bars.

    Args:
        frame: see `price_frame`.
        quotes: standing quotes of its bars, with sizes.
        measured: the sum of e_n over all changes of the quote in each bar, where it was recorded.
    """
    columns = (quotes[name] for name in ("bid", "ask", "bid_size", "ask_size"))
    flow = quote_changes(*columns).where(~frame["first"]) if measured is None else measured
    depth = (quotes["bid_size"] + quotes["ask_size"]) / 2
    return divide(flow, depth.rolling(DEPTH_BARS).mean())


def measured_spread_columns(bars: Bars, quotes: pd.DataFrame) -> dict[str, pd.Series]:
    """Return eff_spread_bps, realised_spread5 and adverse_sel5 as measured from trades."""
    names = ("buy_volume", "sell_volume", "side_per_mid", "effective_spread_bps")
    bought, sold, per_mid, effective = (pd.Series(getattr(bars, name)[bars.traded]) for name in names)
    share = divide(bought - sold, bought + sold)
    middle = (quotes["bid"] + quotes["ask"]) / 2
    adverse = 2 * BPS * (middle * per_mid.shift(LAG) - share.shift(LAG))
    return {
        "eff_spread_bps": effective,
        "realised_spread5": effective.shift(LAG) - adverse,
        "adverse_sel5": adverse,
    }
