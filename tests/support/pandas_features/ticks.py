"""What trades and quotes tell of each minute, in pandas: sides, effective spread, order flow, VPIN.

Conventions: frames of ticks have a timestamp (UTC), a session (date), and rows in the source's order; a frame by minute
is indexed by the minute's start. The quote of a trade is the last one stamped strictly before it in its session; its
mid is known where bid < ask. Sides are +1 for a buyer, -1 for a seller, 0 where unknown.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.support.pandas_features.vpin import mean_imbalances

BPS = 1e4
OPEN, CLOSE = pd.Timedelta("09:30:00"), pd.Timedelta("16:00:00")  # New York; none of the sessions is a half-day
MESSAGES = (24, 26)  # bits of LEAN's sale conditions: official close and open are no trades
AUCTIONS = (6, 7, 8, 21)  # opening, closing and reopening prints, crosses
ELSEWHERE = (1, 2, 3, 9, 10, 11, 13, 14, 18, 20, 25)  # the price is that of another time or of a bundle
LAG = 5


def _has_any(flags: pd.Series, bits: tuple[int, ...]) -> pd.Series:
    return (flags & sum(1 << bit for bit in bits)) != 0


def in_session(ticks: pd.DataFrame) -> pd.DataFrame:
    """Return the ticks of regular hours that are not suspicious."""
    local = ticks["timestamp"].dt.tz_convert("America/New_York")
    clock = local - local.dt.normalize()
    return ticks[(clock >= OPEN) & (clock < CLOSE) & ~ticks["suspicious"]].reset_index(drop=True)


def market_trades(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the trades of regular hours whose price is the market's, with `auction`: no one was the aggressor."""
    trades = in_session(trades)
    flags = trades["condition"].map({text: int(text, 16) for text in trades["condition"].unique()})
    trades["auction"] = _has_any(flags, AUCTIONS)
    return trades[~_has_any(flags, MESSAGES + ELSEWHERE)].reset_index(drop=True)


def standing_quotes(quotes: pd.DataFrame) -> pd.DataFrame:
    """Return bid, ask and their sizes after each change of one side, in regular hours."""
    quotes = quotes[~quotes["suspicious"]]
    sides = {}
    for name, side in (("bid", "B"), ("ask", "A")):
        mine = quotes["side"] == side
        sides |= {name: quotes["price"].where(mine), f"{name}_size": quotes["size"].where(mine)}
    standing = pd.DataFrame(sides).groupby(quotes["session"]).ffill()
    return in_session(quotes[["timestamp", "session", "suspicious"]].join(standing)).drop(columns="suspicious")


def order_flow(quotes: pd.DataFrame) -> pd.Series:
    """Return the sum of e_n over the changes of the best quote by minute; a session's first change has none before it.

    A change is one of the bid or of the ask: the two sides are summed each for itself, as what was there stays.

    Source: Cont, Kukanov and Stoikov (2014), equation (3).
    """
    quotes = quotes[~quotes["suspicious"]]
    by_side = quotes.groupby(["session", "side"])
    last_price, last_size = by_side["price"].shift(), by_side["size"].shift()
    upwards = np.where(quotes["side"] == "B", 1, -1)  # bids grow by better prices up, asks by better prices down
    rise = upwards * (quotes["price"] - last_price)
    flow = upwards * ((rise >= 0) * quotes["size"] - (rise <= 0) * last_size)
    changes = in_session(quotes.assign(flow=flow.fillna(0.0)))
    changes.loc[~changes["session"].duplicated(), "flow"] = 0.0
    return changes.groupby(changes["timestamp"].dt.floor("min"))["flow"].sum()


def signed_trades(trades: pd.DataFrame, quotes: pd.DataFrame) -> pd.DataFrame:
    """Return the trades with mid and side: of the mid where off it, else of the last different price of the session.

    Args:
        trades: see `market_trades`.
        quotes: see `standing_quotes`.

    Source: Lee and Ready (1991).
    """
    options = {"by": "session", "direction": "backward", "allow_exact_matches": False}
    trades = pd.merge_asof(trades, quotes, on="timestamp", **options)
    mid = ((trades["bid"] + trades["ask"]) / 2).where(trades["bid"] < trades["ask"])
    off = trades["price"] - mid
    off = off.where(off.abs() > 1e-9 * trades["price"], 0.0)
    step = trades.groupby("session")["price"].diff()
    tick = np.sign(step.where(step != 0)).groupby(trades["session"]).ffill().fillna(0.0)
    side = np.sign(off).where(off.fillna(0.0) != 0, tick)
    return trades.assign(mid=mid, side=side.where(~trades["auction"], 0.0))


def measured_columns(signed: pd.DataFrame) -> pd.DataFrame:
    """Return buy_volume, sell_volume, effective_spread_bps and side_per_mid by minute, of trades with mid and side."""
    known = signed[signed["mid"].notna() & (signed["side"] != 0)]
    size, side, mid = known["size"], known["side"], known["mid"]
    sums = pd.DataFrame({
        "buy_volume": size * (side > 0),
        "sell_volume": size * (side < 0),
        "effective_spread_bps": size * 2 * BPS * side * (known["price"] - mid) / mid,
        "side_per_mid": size * side / mid,
    }).groupby(known["timestamp"].dt.floor("min")).sum()  # fmt: skip
    volume = sums["buy_volume"] + sums["sell_volume"]
    means = ["effective_spread_bps", "side_per_mid"]
    sums[means] = sums[means].div(volume, axis=0)
    return sums


def split_spreads(signed: pd.DataFrame, closing_mid: pd.Series) -> pd.DataFrame:
    """Return realised_spread5 and adverse_sel5 by minute, each trade judged by the mid five bars later.

    Args:
        signed: see `signed_trades`.
        closing_mid: mid of the quote that stands at the end of each bar, by minute, one row for each bar.
    """
    later = closing_mid.shift(-LAG)
    known = signed[signed["mid"].notna() & (signed["side"] != 0)]
    minute = known["timestamp"].dt.floor("min")
    future = later.reindex(minute).to_numpy()
    scale = 2 * BPS * known["size"] * known["side"] / known["mid"]
    terms = {"realised_spread5": scale * (known["price"] - future), "adverse_sel5": scale * (future - known["mid"])}
    sums = pd.DataFrame(terms | {"size": known["size"]}).groupby(minute).sum(min_count=1)
    means = sums[list(terms)].div(sums["size"], axis=0)
    return means.reindex(closing_mid.index).shift(LAG)


def measured_minute(trades: pd.DataFrame, quotes: pd.DataFrame, minute: pd.Timestamp) -> dict[str, float]:
    """Return what `measured_columns` has for one minute, trade by trade in plain Python."""
    session = minute.tz_convert("America/New_York").date()
    day_trades = trades[(trades["session"] == session) & (trades["timestamp"] < minute + pd.Timedelta("1min"))]
    day_quotes = quotes[(quotes["session"] == session) & (quotes["timestamp"] < minute + pd.Timedelta("1min"))]
    stamps, tops = day_quotes["timestamp"].tolist(), list(zip(day_quotes["bid"], day_quotes["ask"], strict=True))
    bought = sold = spread = per_mid = 0.0
    place, last_price, direction = 0, None, 0
    for trade in day_trades.itertuples():
        while place < len(stamps) and stamps[place] < trade.timestamp:
            place += 1
        if last_price is not None and trade.price != last_price:
            direction = 1 if trade.price > last_price else -1
        last_price = trade.price
        if trade.timestamp < minute or place == 0 or trade.auction:
            continue
        bid, ask = tops[place - 1]
        mid = (bid + ask) / 2
        side = direction if abs(trade.price - mid) <= 1e-9 * trade.price else 1 if trade.price > mid else -1
        if not bid < ask or side == 0:
            continue
        bought += trade.size * (side == 1)
        sold += trade.size * (side == -1)
        spread += trade.size * 2e4 * side * (trade.price - mid) / mid
        per_mid += trade.size * side / mid
    volume = bought + sold
    return {"buy_volume": bought, "sell_volume": sold, "effective_spread_bps": spread / volume,
            "side_per_mid": per_mid / volume}  # fmt: skip


def signed_vpin(signed: pd.DataFrame, sizes: np.ndarray) -> pd.Series:
    """Return VPIN by minute from trades of known side, not from bulk classification; NaN in the first session.

    Args:
        signed: see `signed_trades`.
        sizes: (S,) bucket volume of each session.
    """
    known = signed[signed["side"] != 0]
    session = pd.factorize(known["session"])[0]
    size = known["size"].to_numpy(dtype=float)
    means = mean_imbalances(session, sizes, size, size * known["side"].to_numpy())
    return means.groupby(known["timestamp"].dt.floor("min").reset_index(drop=True)).last()
