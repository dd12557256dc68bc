"""From trades and quotes to one-minute bars with the columns that only ticks tell.

Conventions as in `aggregate`. The quote of a trade is the last one stamped strictly BEFORE it, in the same session: a
quote of the same stamp may be the trade's own doing, so it does not count. Sides are +1 for a buyer as aggressor, -1
for a seller, 0 where unknown. The measured columns of a bar are over one and the same set of trades: those that set
prices, whose quote has a mid (bid < ask, both present) and whose side is known. Let w = size / sum of sizes over that
set, d the side, p the price, m the mid of the quote; then

    effective_spread_bps = 2e4 sum w d (p - m)/m,    side_per_mid = sum w d/m,
    buy_volume - sell_volume = (buy_volume + sell_volume) sum w d.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.data.importers.aggregate import QUOTE_COLUMNS, closing_quotes, minutes_of_trades
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray

FloatArray = npt.NDArray[np.float64]

AT_MID = 1e-9  # relative: a price closer to the mid lies at it, whatever the rounding
MEASURED = ("buy_volume", "sell_volume", "effective_spread_bps", "side_per_mid")


def bars_of_ticks(trades: pd.DataFrame, quotes: pd.DataFrame | None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return one-minute bars of trades and quotes, and what was left out, by reason.

    Args:
        trades: (N, 6) time_ns, session, price, size, priced (see `minutes_of_trades`) and side: +1 or -1 where the
            source tells it, 0 where there is no aggressor (an auction), NaN = to be inferred.
        quotes: (M, 6) time_ns, session, bid, bid_size, ask, ask_size; None = the source has none.

    Returns:
        (T, ...) time_ns, session, the bar columns, vwap, trade_count and, with quotes, the closing quotes, buy_volume,
        sell_volume, order_flow, effective_spread_bps and side_per_mid; and the counts.
    """
    bars, without_price = minutes_of_trades(trades)
    counts = {"trade in a minute without a price": without_price}
    if quotes is None:
        return bars, counts
    bars = closing_quotes(bars, quotes)
    bars["order_flow"] = _order_flow_of_minutes(bars, quotes)
    priced = trades[trades["priced"].to_numpy(dtype=bool)]
    measured, unmeasured = _measured_columns(bars["time_ns"].to_numpy(), priced, quotes)
    return bars.assign(**measured), counts | unmeasured


def quote_before(trades: pd.DataFrame, quotes: pd.DataFrame) -> IntegerArray:
    """Return for each trade the row of the last quote stamped before it in its session, (N,); -1 = there is none."""
    row = np.searchsorted(quotes["time_ns"].to_numpy(), trades["time_ns"].to_numpy(), side="left") - 1
    if len(quotes):
        row[quotes["session"].to_numpy()[row] != trades["session"].to_numpy()] = -1
    return row


def aggressor_side(price: FloatArray, mid: FloatArray, session: IntegerArray) -> FloatArray:
    """Return the side of each trade: by its quote, and at the mid by its last different price.

    Above the mid a buyer, below it a seller. At the mid, or where there is none, the price is compared with the last
    different one of the session: higher = a buyer, lower = a seller; 0 as long as there is none.

    Args:
        price: (N,) in time order.
        mid: (N,) mid before the trade; NaN = none.
        session: (N,) index of the session.

    Source: Lee and Ready (1991), section 4.
    """
    offset = np.where(np.abs(price - mid) <= AT_MID * price, 0.0, np.sign(price - mid))
    step = np.diff(price, prepend=price[:1])
    moved = np.flatnonzero(step != 0)
    before = np.searchsorted(moved, np.arange(len(price)), side="right") - 1
    last_move = moved[np.maximum(before, 0)] if len(moved) else np.zeros(len(price), dtype=np.int64)
    first = np.searchsorted(session, session, side="left")  # the session's first trade; its step is from the last one
    tick = np.where((before >= 0) & (last_move > first), np.sign(step[last_move]), 0.0)
    return np.where(np.nan_to_num(offset) != 0, offset, tick)


def order_flow(quotes: pd.DataFrame) -> FloatArray:
    """Return e_n of each quote against the one before it, (M,) shares or contracts; 0 where either is incomplete.

    e = 1{b' >= b} q' - 1{b' <= b} q - 1{a' <= a} r' + 1{a' >= a} r, with bid b of size q and ask a of size r before,
    primed after the change. A session's first quote has nothing before it.

    Source: Cont, Kukanov and Stoikov (2014), equation (3).
    """
    bid, bid_size, ask, ask_size = (quotes[name].to_numpy(dtype=np.float64) for name in QUOTE_COLUMNS)
    flow = np.zeros(len(quotes))
    bids = (bid[1:] >= bid[:-1]) * bid_size[1:] - (bid[1:] <= bid[:-1]) * bid_size[:-1]
    asks = (ask[1:] <= ask[:-1]) * ask_size[1:] - (ask[1:] >= ask[:-1]) * ask_size[:-1]
    complete = ~np.isnan(bid + bid_size + ask + ask_size)
    comparable = complete[1:] & complete[:-1] & (np.diff(quotes["session"].to_numpy()) == 0)
    flow[1:] = np.where(comparable, bids - asks, 0.0)
    return flow


def _order_flow_of_minutes(bars: pd.DataFrame, quotes: pd.DataFrame) -> FloatArray:
    """Return the sum of e_n over each bar's minute; NaN as long as the session has no quote."""
    time_ns, quote_ns = bars["time_ns"].to_numpy(), quotes["time_ns"].to_numpy()
    total = np.concatenate([[0.0], np.cumsum(order_flow(quotes))])
    start, stop = np.searchsorted(quote_ns, time_ns, "left"), np.searchsorted(quote_ns, time_ns + MINUTE_NS, "left")
    if not len(quotes):
        return np.full(len(bars), np.nan)
    known = (stop > 0) & (quotes["session"].to_numpy()[stop - 1] == bars["session"].to_numpy())
    return np.where(known, total[stop] - total[start], np.nan)


def _measured_columns(
    minutes: IntegerArray, trades: pd.DataFrame, quotes: pd.DataFrame
) -> tuple[dict[str, FloatArray], dict[str, int]]:
    """Return the measured columns of the minutes, each (T,), and the trades left out of them by reason."""
    row = quote_before(trades, quotes)
    mid = _mids(quotes)[row] if len(quotes) else np.full(len(trades), np.nan)
    mid[row < 0] = np.nan
    price = trades["price"].to_numpy(dtype=np.float64)
    told = trades["side"].to_numpy(dtype=np.float64)
    side = np.where(np.isnan(told), aggressor_side(price, mid, trades["session"].to_numpy()), told)
    no_mid = np.isnan(mid)
    counts = {
        "trade before the session's first quote": int((row < 0).sum()),
        "trade at a locked, crossed or one-sided quote": int((no_mid & (row >= 0)).sum()),
        "trade without an aggressor (auction)": int((~no_mid & (told == 0)).sum()),
        "trade of unknown side": int((~no_mid & (side == 0) & (told != 0)).sum()),
    }
    used = ~no_mid & (side != 0)
    owner = np.searchsorted(minutes, trades["time_ns"].to_numpy() // MINUTE_NS * MINUTE_NS)[used]
    size, d, p, m = trades["size"].to_numpy(dtype=np.float64)[used], side[used], price[used], mid[used]

    def total(weights: FloatArray) -> FloatArray:
        return np.bincount(owner, weights, len(minutes)).astype(np.float64)

    volume = total(size)
    weight = np.where(volume > 0, volume, np.nan)
    columns = (total(size * (d > 0)), total(size * (d < 0)), total(size * 2e4 * d * (p - m) / m) / weight,
               total(size * d / m) / weight)  # fmt: skip
    return dict(zip(MEASURED, columns, strict=True)), counts


def _mids(quotes: pd.DataFrame) -> FloatArray:
    """Return the mid of each quote, (M,); NaN where it is locked, crossed or one-sided."""
    bid, ask = (quotes[name].to_numpy(dtype=np.float64) for name in ("bid", "ask"))
    return np.where(bid < ask, (bid + ask) / 2, np.nan)
