"""Which column of a table is what: by its name, or without a header by its place.

Conventions: names are compared in lower case, without brackets, with one underscore for each run of other characters.
Of two columns that could mean the same, the one whose name stands first in `ALIASES` is taken; the other is reported
as not used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from intraday_rl.core.errors import DataError
from intraday_rl.data.bars import OPTIONAL_COLUMNS, PRICE_COLUMNS, REQUIRED_COLUMNS

TEXT_ROLES = ("timestamp", "date", "time", "symbol")
ALIASES: dict[str, tuple[str, ...]] = {
    "timestamp": (
        *("timestamp", "datetime", "date_time", "time_stamp", "window_start", "ts_event", "ts", "t"),
        *("gmt_time", "local_time", "utc_time", "utc", "bar_time", "begins_at", "epoch", "unix", "unix_time"),
    ),
    "date": ("date", "day", "dtyyyymmdd", "trading_day", "trade_date", "session"),
    "time": ("time", "time_of_day", "hour", "hhmmss", "hhmm"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "security", "code", "ric"),
    "open": ("open", "o", "open_price", "first", "opening_price"),
    "high": ("high", "h", "high_price", "max"),
    "low": ("low", "l", "low_price", "min"),
    "close": ("close", "c", "close_price", "last", "closing_price", "latest"),
    "volume": ("volume", "vol", "v", "qty", "quantity", "share_volume", "tick_volume", "tickvol"),
    "vwap": ("vwap", "vw", "weighted_average_price", "volume_weighted_average_price", "wap"),
    "trade_count": (
        *("trade_count", "n", "transactions", "trades", "number_of_trades", "num_trades", "tradecount"),
        *("bar_count", "barcount", "count"),
    ),
    "bid": ("bid", "bid_price", "best_bid", "bid_close", "close_bid", "bidprice"),
    "ask": ("ask", "ask_price", "best_ask", "ask_close", "close_ask", "askprice", "offer"),
    "bid_size": ("bid_size", "bidsize", "bid_qty", "bid_quantity", "bid_sz", "best_bid_size"),
    "ask_size": ("ask_size", "asksize", "ask_qty", "ask_quantity", "ask_sz", "best_ask_size", "offer_size"),
}
PERHAPS_VWAP = ("price", "average", "avg_price")  # taken where the values are those of a vwap
HEADERLESS = {6: ("timestamp", *PRICE_COLUMNS, "volume"), 7: ("date", "time", *PRICE_COLUMNS, "volume")}


@dataclass(frozen=True)
class ColumnRoles:
    """What the columns of a table mean.

    Attributes:
        found: role -> the table's own name. Roles are the columns of bars, `date` and `time` in the place of
            `timestamp`, and `perhaps_vwap`.
        unused: names of the columns that are not taken.
        prefix: what stands before each name, such as MSFT of MSFT.Open; "" where nothing does.
    """

    found: dict[str, str]
    unused: tuple[str, ...]
    prefix: str


def find_columns(names: Sequence[str]) -> ColumnRoles:
    """Return the roles of columns with names; a table may lack some, which the caller refuses."""
    prefix = _common_prefix(names)
    plain = {_normal(name.removeprefix(f"{prefix}.") if prefix else name): name for name in reversed(names)}
    known = ALIASES | {name: (name,) for name in OPTIONAL_COLUMNS if name not in ALIASES}
    found: dict[str, str] = {}
    for role, aliases in known.items():
        alias = next((alias for alias in aliases if alias in plain), None)
        if alias is not None:
            found[role] = plain[alias]
    found = _one_way_to_tell_the_time(found)
    if "vwap" not in found:
        perhaps = next((plain[alias] for alias in PERHAPS_VWAP if alias in plain), None)
        found |= {"perhaps_vwap": perhaps} if perhaps is not None else {}
    return ColumnRoles(found, tuple(name for name in names if name not in found.values()), prefix)


def headerless_columns(names: Sequence[str], source: str) -> ColumnRoles:
    """Return the roles of columns without names: stamp (or date and time), open, high, low, close, volume.

    Raises:
        DataError: the table has neither six nor seven columns.
    """
    if len(names) not in HEADERLESS:
        raise DataError(
            f"{source}: has no header and {len(names)} columns, but only 6 (stamp, open, high, low, close, volume) or "
            f"7 (date, time, open, high, low, close, volume) can be told apart without one; add a header line"
        )
    return ColumnRoles(dict(zip(HEADERLESS[len(names)], names, strict=True)), (), "")


def refuse_missing(roles: ColumnRoles, source: str, needed: Sequence[str]) -> None:
    """Refuse a table without one of the columns that are needed.

    Raises:
        DataError: one is absent.
    """
    missing = [name for name in needed if name not in roles.found]
    if missing:
        has = ", ".join([*roles.found.values(), *roles.unused])
        raise DataError(
            f"{source}: has no column for {', '.join(missing)}; bars need {', '.join(REQUIRED_COLUMNS)} and a stamp, "
            f"the table has {has}; rename or add it"
        )


def refuse_timeless(roles: ColumnRoles, source: str) -> None:
    """Refuse a table without a column that tells the time.

    Raises:
        DataError: there is none.
    """
    if not {"timestamp", "date"} & set(roles.found):
        has = ", ".join([*roles.found.values(), *roles.unused])
        raise DataError(
            f"{source}: has no column that tells the time (timestamp, datetime, or date and time), it has {has}; name "
            f"it timestamp"
        )


def _one_way_to_tell_the_time(found: dict[str, str]) -> dict[str, str]:
    """Keep a timestamp, or date and time, or make the only one of these two the timestamp."""
    if "timestamp" in found:
        return {role: name for role, name in found.items() if role not in ("date", "time")}
    alone = [role for role in ("date", "time") if role in found]
    if len(alone) == 1:
        found = {"timestamp": found[alone[0]], **found}
        del found[alone[0]]
    return found


def _common_prefix(names: Sequence[str]) -> str:
    heads = {name.partition(".")[0] for name in names}
    return heads.pop() if len(heads) == 1 and len(names) > 1 and all("." in name for name in names) else ""


def _normal(name: str) -> str:
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])|^\d+\. ", "_", name)  # barCount -> bar_Count, 1. open -> _open
    return re.sub(r"[^0-9a-z]+", "_", parts.lower()).strip("_")
