"""The audit's second half: the shape of each round trip (side, size, prices, time), cut from the fills once more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import AccountingError
from intraday_rl.evaluation.ledger import Ledger

Floats = npt.NDArray[np.float64]

TOLERANCE_USD = 0.001
SHAPE = ("direction", "quantity", "entry_price", "exit_price", "minutes_held")


def audit_trades(ledger: Ledger) -> None:
    """Compare direction, largest position, mean entry and exit price and holding time of every round trip.

    Raises:
        AccountingError: one of them differs.
    """
    fills, trades = ledger.fills, ledger.trades
    shapes: list[tuple[float, ...]] = []
    for _, rows in fills.groupby("session", sort=False):
        minutes = rows["time"].dt.as_unit("ns").astype("int64").to_numpy() / 60e9
        shapes += _shapes(rows["quantity"].to_numpy(dtype=np.float64), rows["price"].to_numpy(), minutes)
    if len(shapes) != len(trades):
        raise AccountingError(f"ledger: {len(trades)} round trips are booked, the fills make {len(shapes)}")
    expected = np.array(shapes).reshape(-1, len(SHAPE))
    for k, name in enumerate(SHAPE):
        compare(f"{name} of the round trip", trades, "exit_time", trades[name].to_numpy(np.float64), expected[:, k])


def _shapes(quantity: Floats, price: Floats, minutes: Floats) -> list[tuple[float, ...]]:
    """Return the shape of each closed round trip of one session, in the order of SHAPE."""
    position = np.cumsum(quantity)
    shapes: list[tuple[float, ...]] = []
    begin, opening = 0, quantity[0]
    for end in range(len(quantity)):
        before = position[end] - quantity[end]
        if before * quantity[end] >= 0 or abs(quantity[end]) < abs(before):
            continue
        own = quantity[begin : end + 1].copy()
        own[0], own[-1] = opening, -before
        side = np.sign(opening)
        entries, exits = np.maximum(own * side, 0.0), np.maximum(-own * side, 0.0)
        paid = price[begin : end + 1]
        entry, leave = (entries @ paid) / entries.sum(), (exits @ paid) / exits.sum()
        shapes.append((side, np.abs(np.cumsum(own)).max(), entry, leave, minutes[end] - minutes[begin]))
        flipped = position[end] != 0.0
        begin = end if flipped else end + 1
        opening = position[end] if flipped else (quantity[begin] if begin < len(quantity) else 0.0)
    return shapes


def compare(what: str, rows: pd.DataFrame, place: str, booked: Floats, expected: Floats) -> None:
    """Refuse the first row in which the values differ; it is named by its date and the column `place`.

    Raises:
        AccountingError: a value differs by a cent, or is not a number.
    """
    wrong = ~(np.abs(booked - expected) < TOLERANCE_USD)
    if wrong.any():
        row = int(wrong.argmax())
        raise AccountingError(
            f"ledger: {what} of {rows['date'].iloc[row]:%Y-%m-%d} ({rows[place].iloc[row]}) is booked as "
            f"{booked[row]:.4f} and comes to {expected[row]:.4f} from the fills; the result cannot be trusted, please "
            "report it with the run folder"
        )
