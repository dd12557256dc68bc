"""The bar table: one symbol's one-minute bars on the full minute grid of its sessions.

Conventions: prices are in price units (USD per share, index points), volumes and sizes in shares or contracts, times
int64 UTC nanoseconds at the START of a bar. A bar is known one minute after its start, and so are its bid, ask and
sizes: they are the quote that stands at the bar's END. Shapes: T rows, S sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import DataError
from intraday_rl.core.hashing import hash_arrays, hash_json
from intraday_rl.data.sessions import IntegerArray, Sessions

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PRICE_COLUMNS = ("open", "high", "low", "close")
REQUIRED_COLUMNS = (*PRICE_COLUMNS, "volume")
OPTIONAL_COLUMNS = (
    *("vwap", "trade_count", "bid", "ask", "bid_size", "ask_size"),
    *("buy_volume", "sell_volume", "order_flow", "effective_spread_bps", "side_per_mid"),
)


@dataclass(frozen=True, eq=False)
class Bars:
    """One symbol on the full minute grid of its sessions.

    A grid minute without a bar is not traded: its prices are the last close of the same session (NaN before the
    session's first bar), its volume is 0 and its optional columns are NaN. Nothing is taken from a later bar.

    Attributes:
        symbol: name of the instrument.
        sessions: the S sessions.
        session: (T,) index into `sessions`.
        minute: (T,) 0-based minute of the session at the bar's start.
        start_ns: (T,) UTC start of the bar.
        open: (T,) first price.
        high: (T,) highest price.
        low: (T,) lowest price.
        close: (T,) last price.
        volume: (T,) traded shares or contracts.
        vwap: (T,) volume-weighted price; NaN where absent. Can lie outside [low, high] where it counts odd lots.
        trade_count: (T,) number of trades; NaN where absent.
        bid: (T,) best bid at the end of the bar; NaN where absent.
        ask: (T,) best ask at the end of the bar; NaN where absent. Can lie at or below the bid, as delivered.
        bid_size: (T,) shares or contracts at the bid; NaN where absent.
        ask_size: (T,) shares or contracts at the ask; NaN where absent.
        buy_volume: (T,) shares or contracts bought by aggressors, of trades whose side is known; NaN where absent.
        sell_volume: (T,) the same, sold.
        order_flow: (T,) sum of e_n over the minute's changes of the best quote, shares or contracts; NaN where absent.
            Source: Cont, Kukanov and Stoikov (2014), equation (3).
        effective_spread_bps: (T,) mean of 2e4 d (p - m)/m over the minute's trades, weighted by size: p the price, d =
            +1 for a buyer, -1 for a seller, m the mid before the trade; NaN where absent.
        side_per_mid: (T,) mean of d/m over the same trades with the same weights, 1/price units; NaN where absent.
        traded: (T,) False on grid minutes without a bar.
    """

    symbol: str
    sessions: Sessions
    session: IntegerArray
    minute: IntegerArray
    start_ns: IntegerArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    vwap: FloatArray
    trade_count: FloatArray
    bid: FloatArray
    ask: FloatArray
    bid_size: FloatArray
    ask_size: FloatArray
    buy_volume: FloatArray
    sell_volume: FloatArray
    order_flow: FloatArray
    effective_spread_bps: FloatArray
    side_per_mid: FloatArray
    traded: BoolArray

    def __post_init__(self) -> None:
        rows = int(self.sessions.first[-1])
        for field in fields(self)[2:]:
            shape = getattr(self, field.name).shape
            if shape != (rows,):
                raise DataError(f"Bars.{field.name} of {self.symbol} must have the shape ({rows},), was {shape}")

    @classmethod
    def on_grid(cls, symbol: str, sessions: Sessions, columns: Mapping[str, FloatArray], traded: BoolArray) -> Bars:
        """Return bars from columns of shape (T,) that lie on the sessions' grid; absent optional columns become NaN."""
        absent = np.full(sessions.first[-1], np.nan)
        session, minute, start_ns = sessions.rows()
        values = {name: columns.get(name, absent) for name in OPTIONAL_COLUMNS}
        values |= {name: columns[name] for name in REQUIRED_COLUMNS}
        return cls(symbol, sessions, session, minute, start_ns, **values, traded=traded)

    def __len__(self) -> int:
        return len(self.start_ns)

    def has(self, column: str) -> bool:
        """Say whether the column is present: not NaN on all traded minutes."""
        return column in self._present

    @cached_property
    def _present(self) -> frozenset[str]:
        """The columns that are not NaN on all traded minutes; absent ones share one array, which is looked at once."""
        columns = {name: getattr(self, name) for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}
        is_known = {
            id(c): bool((~np.isnan(c) & self.traded).any()) for c in {id(c): c for c in columns.values()}.values()
        }
        return frozenset(name for name, column in columns.items() if is_known[id(column)])

    def take_sessions(self, first: int, stop: int) -> Bars:
        """Return the bars of the sessions first, ..., stop - 1; the arrays are views."""
        sessions = self.sessions.take(slice(first, stop))
        rows = slice(int(self.sessions.first[first]), int(self.sessions.first[stop]))
        columns = {name: getattr(self, name)[rows] for name in REQUIRED_COLUMNS + OPTIONAL_COLUMNS}
        return Bars.on_grid(self.symbol, sessions, columns, self.traded[rows])

    def mixed_columns(self) -> dict[str, BoolArray]:
        """Return for each optional column that some sessions have and others do not which ones have it, (S,).

        A session has a column that is not NaN on all of its traded minutes.
        """
        mixed = {}
        for column in filter(self.has, OPTIONAL_COLUMNS):
            having = np.zeros(len(self.sessions), dtype=np.bool_)
            having[self.session[~np.isnan(getattr(self, column)) & self.traded]] = True
            if not having.all():
                mixed[column] = having
        return mixed

    def keep_sessions(self, kept: BoolArray) -> Bars:
        """Return the bars of the sessions for which `kept` (S,) is true."""
        rows = kept[self.session]
        columns = {name: getattr(self, name)[rows] for name in REQUIRED_COLUMNS}
        columns |= {name: getattr(self, name)[rows] for name in OPTIONAL_COLUMNS if self.has(name)}
        return Bars.on_grid(self.symbol, self.sessions.take(np.flatnonzero(kept)), columns, self.traded[rows])

    def to_frame(self) -> pd.DataFrame:
        """Return the traded minutes as a frame: timestamp (UTC), symbol, session (date) and the bar columns."""
        start = pd.DatetimeIndex(self.start_ns[self.traded].astype("datetime64[ns]")).tz_localize("UTC")
        frame = pd.DataFrame({"timestamp": start, "symbol": self.symbol})
        frame["session"] = self.sessions.date[self.session[self.traded]].astype(object)
        for name in REQUIRED_COLUMNS + OPTIONAL_COLUMNS:
            frame[name] = getattr(self, name)[self.traded]
        return frame

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 over symbol, sessions and columns: equal for equal bars, whatever file they came from."""
        names = [*REQUIRED_COLUMNS, "traded", *(name for name in OPTIONAL_COLUMNS if self.has(name))]
        times = (self.sessions.date.astype(np.int64), self.sessions.open_ns, self.sessions.close_ns)
        return hash_json([self.symbol, names, hash_arrays(*times, *(getattr(self, name) for name in names))])
