"""Features 5 and 12 to 14 where quotes or trades were measured.

Conventions: of a minute's trades, C = (buy - sell)/(buy + sell) volume, B the mean of d/m and E the effective spread
(d the side, m the mid before the trade); M is the mid of the quote that stands at the end of a minute.
"""

from __future__ import annotations

import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.series import divide, over_rows, traded_column

BPS = 1e4
DEPTH_BARS = 30
LAG = 5
SIDES = ("buy_volume", "sell_volume", "side_per_mid", "effective_spread_bps")


def quote_changes(quotes: pd.DataFrame) -> pd.Series:
    """Return e_n of each quote (bid, ask, bid_size, ask_size) and the one before it; NaN where one is unknown.

    Source: Cont, Kukanov and Stoikov (2014), equation 10.
    """
    last = quotes.shift()
    demand = (quotes["bid"] >= last["bid"]) * quotes["bid_size"] - (quotes["bid"] <= last["bid"]) * last["bid_size"]
    supply = (quotes["ask"] <= last["ask"]) * quotes["ask_size"] - (quotes["ask"] >= last["ask"]) * last["ask_size"]
    return (demand - supply).where(last["bid"].notna() & last["ask"].notna())


def quoted_order_flow(bars: Bars, frame: pd.DataFrame, quotes: pd.DataFrame) -> pd.Series:
    """Return the order flow of a bar over the mean depth of the last 30 bars with a standing quote.

    It is the sum of e_n over all changes of the quote where the record has it, else e_n of consecutive closing quotes,
    none on a session's first bar and after a minute without a quote.
    """
    stands = quotes["bid"].notna()
    depth = (quotes["bid_size"] + quotes["ask_size"]) / 2
    mean_depth = over_rows(stands, depth, lambda known: known.rolling(DEPTH_BARS).mean())
    if bars.has("order_flow"):
        flow = traded_column(bars, "order_flow")
    else:
        flow = quote_changes(quotes).where(~frame["first"], 0.0).fillna(0.0)
    return divide(flow, mean_depth).where(stands)


def has_sides(bars: Bars) -> bool:
    """Say whether the record has what was measured on trades whose side is known."""
    return all(bars.has(name) for name in SIDES)


def measured_spread_columns(bars: Bars, frame: pd.DataFrame, quotes: pd.DataFrame) -> dict[str, pd.Series]:
    """Return eff_spread_bps, realised_spread5 and adverse_sel5; gaps between sessions are taken out of M and d/m."""
    bought, sold, per_mid, effective = (traded_column(bars, name) for name in SIDES)
    share = divide(bought - sold, bought + sold)
    middle = (quotes["bid"] + quotes["ask"]) / 2 * frame["scale"]
    adverse = 2 * BPS * (middle * (per_mid / frame["scale"]).shift(LAG) - share.shift(LAG))
    return {
        "eff_spread_bps": effective,
        "realised_spread5": effective.shift(LAG) - adverse,
        "adverse_sel5": adverse,
    }
