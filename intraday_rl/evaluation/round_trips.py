"""Round trips: fills paired from flat to flat, or to the other side.

A fill that crosses zero closes one round trip and opens the next; its costs are shared by quantity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.market.tape import Tape

COSTS = ("commission_usd", "spread_usd", "impact_usd", "latency_usd")
COLUMNS = (
    "session", "date", "symbol", "direction", "quantity", "entry_time", "exit_time", "entry_price", "exit_price",
    "gross_pnl", *COSTS, "net_pnl", "minutes_held", "initial_risk_usd",
)  # fmt: skip


@dataclass
class _Open:
    """A round trip under way."""

    first: Any
    direction: float
    held: float = 0.0  # signed units
    largest: float = 0.0
    entered: float = 0.0  # units bought into the direction
    left: float = 0.0
    entry_value: float = 0.0
    exit_value: float = 0.0
    gross: float = 0.0  # price units times units
    costs: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COSTS, 0.0))

    def take(self, fill: Any, quantity: float) -> None:
        """Take in `quantity` (signed) of a fill."""
        share = quantity / fill.quantity
        self.held += quantity
        self.largest = max(self.largest, abs(self.held))
        self.gross -= quantity * fill.decision_mid
        for name in COSTS:
            self.costs[name] += share * getattr(fill, name)
        if quantity * self.direction > 0:
            self.entered += abs(quantity)
            self.entry_value += abs(quantity) * fill.price
        else:
            self.left += abs(quantity)
            self.exit_value += abs(quantity) * fill.price


def round_trips(fills: pd.DataFrame, tape: Tape, multipliers: Mapping[str, float]) -> pd.DataFrame:
    """Return one row per round trip; a position still open at a session's end makes none.

    Args:
        fills: the ledger's fills, session by session, in time order.
        tape: for the ATR at entry: initial risk is one ATR on the largest position.
        multipliers: USD per price unit and unit of quantity, by symbol.
    """
    before, atr = tape.session_starts - 1, tape.rows["atr"]  # an order is decided one row before its fill's
    rows = [
        _row(trip, last, atr[before[trip.first.session] + trip.first.minute], multipliers[trip.first.symbol])
        for trip, last in _closed(fills)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("entry_time", "exit_time"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ns")
    frame["date"] = pd.to_datetime(frame["date"]).dt.as_unit("ns")
    numbers = [name for name in COLUMNS if name not in ("date", "symbol", "entry_time", "exit_time")]
    kinds: dict[str, Any] = dict.fromkeys(numbers, np.float64) | {
        "session": np.int64,
        "direction": np.int64,
        "symbol": "str",
    }
    return frame.astype(kinds)


def _closed(fills: pd.DataFrame) -> Iterator[tuple[_Open, Any]]:
    trip: _Open | None = None
    fill: Any
    for fill in fills.itertuples(index=False):
        if trip is not None and trip.first.session != fill.session:
            trip = None
        remaining = fill.quantity
        if trip is not None and remaining * trip.held < 0:
            closing = np.sign(remaining) * min(abs(remaining), abs(trip.held))
            trip.take(fill, closing)
            remaining -= closing
            if trip.held == 0:
                yield trip, fill
                trip = None
        if remaining != 0:
            trip = trip or _Open(fill, float(np.sign(remaining)))
            trip.take(fill, remaining)


def _row(trip: _Open, last: Any, atr: float, multiplier: float) -> tuple[Any, ...]:
    first = trip.first
    gross = trip.gross * multiplier
    return (
        first.session,
        first.date,
        first.symbol,
        int(trip.direction),
        trip.largest,
        first.time,
        last.time,
        trip.entry_value / trip.entered,
        trip.exit_value / trip.left,
        gross,
        *trip.costs.values(),
        gross - sum(trip.costs.values()),
        (last.time - first.time).total_seconds() / 60.0,
        float(atr) * trip.largest * multiplier,
    )
