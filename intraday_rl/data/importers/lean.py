"""LEAN folders: trades and quotes of equities, futures and the S&P 500 become one-minute bars.

Times count from the midnight of the market's own clock, so daylight saving is that of its time zone. Bars hold the
quote that stands at their end. A future's session holds one contract month, the one with the largest volume in that
session: known only at its end, so prices are comparable inside a session and a roll is a jump between sessions. Index
bars have the volume 0. Ticks change one side of the quote each; the other side is carried. Trades whose sale condition
says that the price is not the market's at that time count in the volume alone; messages of the official open and close
are no trades. Prints of auctions have no aggressor.

Source: QuantConnect, LEAN data formats and trade condition flags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from intraday_rl.core.errors import DataError
from intraday_rl.data.bars import BoolArray
from intraday_rl.data.importers.aggregate import closing_quotes, inside_sessions, minutes_of_bars
from intraday_rl.data.importers.base import ImportedBars, ImportRequest, with_progress
from intraday_rl.data.importers.headerless import (
    MILLISECONDS_A_DAY,
    csv_members,
    open_zip,
    read_table,
    refuse_rows,
    require,
)
from intraday_rl.data.importers.lean_folder import MARKETS, LeanDay, Market, lean_days
from intraday_rl.data.importers.ticks import bars_of_ticks
from intraday_rl.data.sessions import IntegerArray

TRADE_BAR = ("ms", "open", "high", "low", "close", "volume")
QUOTE_BAR = ("ms", "bid_open", "bid_high", "bid_low", "bid", "bid_size",
             "ask_open", "ask_high", "ask_low", "ask", "ask_size")  # fmt: skip
TRADE_TICK = ("ms", "price", "size", "exchange", "condition", "suspicious")
QUOTE_TICK = ("ms", "bid", "bid_size", "ask", "ask_size", "exchange", "condition", "suspicious")

NO_TRADE = 1 << 24 | 1 << 26  # official close, official open
AUCTION = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 21  # opening, closing and reopening prints, crosses
# Cash, next day, seller's option, derivatively priced, form T, sold late, extended hours, out of sequence, part of a
# stock-option trade, average price, prior reference price.
NOT_AT_MARKET = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14 | 1 << 18 | 1 << 20 | 1 << 25


def import_lean(request: ImportRequest) -> Iterator[ImportedBars]:
    """Yield the one-minute bars of each symbol under a LEAN folder.

    Raises:
        DataError: as `lean_days`, or a file cannot be read or breaks a law.
    """
    for symbol, days in lean_days(request.path, request.symbols).items():
        counts: Counter[str] = Counter()
        frames = []
        for resolution, group in groupby(with_progress(days, f"{symbol} days"), key=lambda day: day.resolution):
            build = _bars_of_tick_days if resolution == "tick" else _bars_of_bar_days
            frames.append(build(group, request.calendar, counts))
        yield ImportedBars(symbol, as_bars(pd.concat(frames), symbol), {k: n for k, n in counts.items() if n})


def as_bars(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Return bars with timestamp (UTC) and symbol instead of time_ns and session, in time order."""
    frame = frame.sort_values("time_ns", kind="stable").reset_index(drop=True)
    timestamp = pd.to_datetime(frame.pop("time_ns").to_numpy(), utc=True)
    frame = frame.drop(columns="session", errors="ignore")
    frame.insert(0, "timestamp", timestamp)
    frame.insert(1, "symbol", symbol)
    return frame


# --- bars of minutes and seconds -------------------------------------------------------------------------------------


def _bars_of_bar_days(days: Iterable[LeanDay], calendar: str, counts: Counter[str]) -> pd.DataFrame:
    """Return one-minute bars of days whose files hold bars; a session may reach over several days."""
    trades, quotes = [], []
    for day in days:
        market = MARKETS[day.market]
        trades += [_trade_bars(table, place, day, market) for table, place in _tables(day.trade, TRADE_BAR, market)]
        quotes += [_quote_bars(table, place, day, market) for table, place in _tables(day.quote, QUOTE_BAR, market)]
    inside, outside = inside_sessions(_one(trades), calendar)
    counts["outside the sessions"] += outside
    inside = _front_contract(inside, counts)
    bars = minutes_of_bars(inside)
    if not quotes:
        return bars
    standing, outside = inside_sessions(_one(quotes), calendar)
    counts["quote outside the sessions"] += outside
    if "contract" in standing:
        chosen = inside.drop_duplicates("session").set_index("session")["contract"]
        standing = standing[(standing["contract"] == standing["session"].map(chosen)).to_numpy()]
    return closing_quotes(bars, standing)


def _one(frames: list[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame({name: np.zeros(0) for name in TRADE_BAR[1:]} | {"time_ns": np.zeros(0, dtype=np.int64)})
    return pd.concat(frames, ignore_index=True).sort_values("time_ns", kind="stable", ignore_index=True)


def _front_contract(bars: pd.DataFrame, counts: Counter[str]) -> pd.DataFrame:
    """Return the bars of one contract month a session: the one with the largest volume in the session before.

    That is known when the session opens. The first session, and one in which that month does not trade any more, take
    the month with their own largest volume; of equal volumes the earlier month counts.

    Args:
        bars: (N, ...) with session, volume and, of futures, contract (YYYYMM).
        counts: the rows of other months are added to it.
    """
    if "contract" not in bars or not len(bars):
        return bars
    volume = bars.groupby(["session", "contract"])["volume"].sum().unstack(fill_value=-1)
    months, volumes = volume.columns.to_numpy(), volume.to_numpy()
    own = volumes.argmax(axis=1)
    before = np.concatenate([own[:1], own[:-1]])
    still = volumes[np.arange(len(own)), before] >= 0
    chosen = pd.Series(months[np.where(still, before, own)], index=volume.index)
    mine = (bars["contract"] == bars["session"].map(chosen)).to_numpy()
    counts["other contract month"] += int((~mine).sum())
    return bars[mine].reset_index(drop=True)


def _trade_bars(table: pd.DataFrame, place: str, day: LeanDay, market: Market) -> pd.DataFrame:
    require(table, ("open", "high", "low", "close"), lambda column: column > 0, "be > 0", place)
    require(table, ("volume",), lambda column: column >= 0, "be >= 0", place)
    refuse_rows(table, "high", (table["high"] < table[["open", "low", "close"]].max(axis=1)).to_numpy(),
                "be >= open, low and close", place)  # fmt: skip
    refuse_rows(table, "low", (table["low"] > table[["open", "close"]].min(axis=1)).to_numpy(),
                "be <= open and close", place)  # fmt: skip
    bars = _with_time(table, place, day, market, strictly=True)
    for name in ("open", "high", "low", "close"):
        bars[name] = table[name] / market.price_divisor
    bars["volume"] = table["volume"] if market.has_volume else 0
    return bars


def _quote_bars(table: pd.DataFrame, place: str, day: LeanDay, market: Market) -> pd.DataFrame:
    require(table, ("bid", "ask"), lambda column: column.isna() | (column >= 0), "be >= 0 or empty", place)
    quotes = _with_time(table, place, day, market, strictly=True)
    for side in ("bid", "ask"):
        quotes[side] = (table[side] / market.price_divisor).where(table[side] > 0)
        quotes[f"{side}_size"] = table[f"{side}_size"]
    return quotes


# --- ticks -----------------------------------------------------------------------------------------------------------


def _bars_of_tick_days(days: Iterable[LeanDay], calendar: str, counts: Counter[str]) -> pd.DataFrame:
    """Return one-minute bars of days whose files hold ticks, one day after the other."""
    frames = []
    for day in days:
        market = MARKETS[day.market]
        trades = [_trade_ticks(*found, day, counts) for found in _tables(day.trade, TRADE_TICK, market)]
        quotes = [_quote_ticks(*found, day, counts) for found in _tables(day.quote, QUOTE_TICK, market)]
        if not trades:
            counts["quote of a day without trades"] += len(_one(quotes))
            continue
        inside, outside = inside_sessions(_one(trades), calendar)
        counts["outside the sessions"] += outside
        standing = None
        if quotes:
            standing, outside = inside_sessions(_one(quotes), calendar)
            counts["quote outside the sessions"] += outside
        bars, left_out = bars_of_ticks(inside, standing)
        counts.update(left_out)
        frames.append(bars)
    return _one(frames)


def _trade_ticks(table: pd.DataFrame, place: str, day: LeanDay, counts: Counter[str]) -> pd.DataFrame:
    """Return the trades of a day: time_ns, price, size, priced and side; counts what is left out."""
    market = MARKETS[day.market]
    require(table, ("price", "size"), lambda column: column >= 0, "be >= 0", place)
    trades = _with_time(table, place, day, market, strictly=False)
    trades["price"] = table["price"] / market.price_divisor
    trades["size"] = table["size"]
    flags = _condition_flags(table, place)
    suspicious = (table["suspicious"] != 0).to_numpy() | (table["price"] == 0).to_numpy()
    official = (flags & NO_TRADE) != 0
    trades["priced"] = (flags & NOT_AT_MARKET) == 0
    trades["side"] = np.where((flags & AUCTION) != 0, 0.0, np.nan)
    kept: BoolArray = ~suspicious & ~official
    counts["suspicious tick"] += int(suspicious.sum())
    counts["message of the official open or close"] += int((official & ~suspicious).sum())
    counts["trade not at the market's price (in the volume only)"] += int((kept & ~trades["priced"].to_numpy()).sum())
    return trades.loc[kept]


def _condition_flags(table: pd.DataFrame, place: str) -> IntegerArray:
    """Return each trade's sale condition as bits, (N,); it is written in hexadecimal, empty = none."""
    condition = table["condition"].fillna("0")
    readable = condition.str.fullmatch(r"[0-9A-Fa-f]{1,15}").to_numpy(dtype=bool)
    refuse_rows(table, "condition", ~readable, "be hexadecimal, 15 digits at most", place)
    codes, texts = pd.factorize(condition)
    return np.array([int(str(text), 16) for text in texts], dtype=np.int64)[codes]


def _quote_ticks(table: pd.DataFrame, place: str, day: LeanDay, counts: Counter[str]) -> pd.DataFrame:
    """Return the standing quote after each tick of a day; a side that is 0 or empty has not changed."""
    market = MARKETS[day.market]
    require(table, ("bid", "ask"), lambda column: column.isna() | (column >= 0), "be >= 0 or empty", place)
    quotes = _with_time(table, place, day, market, strictly=False)
    suspicious = (table["suspicious"] != 0).to_numpy()
    counts["suspicious tick"] += int(suspicious.sum())
    table, quotes = table[~suspicious], quotes[~suspicious].copy()
    for side in ("bid", "ask"):
        changed = table[side] > 0
        quotes[side] = (table[side] / market.price_divisor).where(changed).ffill()
        quotes[f"{side}_size"] = table[f"{side}_size"].where(changed).ffill()
    return quotes


# --- files -----------------------------------------------------------------------------------------------------------


def _tables(path: Path | None, columns: tuple[str, ...], market: Market) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield each table of a zip, with its contract month where the market has them, and what messages call it."""
    if path is None:
        return
    with open_zip(path) as archive:
        members = csv_members(archive)
        if not market.by_contract and len(members) != 1:
            raise DataError(f"{path}: must hold one CSV file, holds {len(members)}; download it again")
        for member in members:
            place = f"{path}: {member}"
            table = read_table(archive.open(member), place, columns)
            if market.by_contract:
                table["contract"] = member.removesuffix(".csv").rpartition("_")[2]
            yield table, place


def _with_time(table: pd.DataFrame, place: str, day: LeanDay, market: Market, strictly: bool) -> pd.DataFrame:
    """Return a frame with the rows' time_ns (and contract), from milliseconds after the market's midnight."""
    ms = table["ms"].to_numpy()
    refuse_rows(table, "ms", ~((ms >= 0) & (ms < MILLISECONDS_A_DAY) & (ms % 1 == 0)),
                "be whole and in [0, 86400000) (milliseconds after midnight)", place)  # fmt: skip
    step = np.diff(ms, prepend=ms[:1] - 1)
    refuse_rows(table, "ms", step <= 0 if strictly else step < 0, "increase from row to row", place)
    wall = pd.Timestamp(day.date) + pd.to_timedelta(ms.astype(np.int64), unit="ms")
    local = wall.tz_localize(market.zone, ambiguous=np.ones(len(ms), dtype=bool), nonexistent="NaT")
    refuse_rows(table, "ms", np.asarray(local.isna()), f"be a time that {market.zone} had on that day", place)
    frame = pd.DataFrame({"time_ns": local.as_unit("ns").astype("int64")})
    return frame.assign(contract=table["contract"]) if "contract" in table else frame
