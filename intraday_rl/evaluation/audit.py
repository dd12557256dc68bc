"""An independent recomputation of the result, from the fills and closes alone.

It shares no arithmetic with the simulator or the ledger: cash flows are summed bar by bar, positions marked at the
closes, round trips cut where the summed position meets zero. Sums of doubles hold to far better than TOLERANCE_USD,
so a difference of a cent, in any column at any bar, session or round trip, fails the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import AccountingError
from intraday_rl.evaluation.audit_trades import audit_trades, compare
from intraday_rl.evaluation.ledger import Ledger
from intraday_rl.evaluation.round_trips import COSTS
from intraday_rl.market.tape import MINUTE_NS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Books:
    """What the fills say, bar by bar and session by session, in the order of the ledger's bars.

    Attributes:
        first: first bar of each session, (S + 1,).
        bar_of_fill: bar in which each fill lies, (K,).
        flow: cash flow of each fill, USD, (K,).
        quantity: signed units of each fill, (K,).
    """

    first: Integers
    bar_of_fill: Integers
    flow: Floats
    quantity: Floats

    def running(self, values: Floats) -> Floats:
        """Return the sum of a quantity of the fills since the session's start, at each bar, (B,)."""
        by_bar = np.bincount(self.bar_of_fill, weights=values, minlength=int(self.first[-1]))
        total = np.concatenate([[0.0], np.cumsum(by_bar)])
        return np.asarray(total[1:] - np.repeat(total[self.first[:-1]], np.diff(self.first)))


def audit(ledger: Ledger) -> None:
    """Recompute cash, position, NAV, equity, session results, round trips and cost splits, and compare.

    Raises:
        AccountingError: a row is missing or out of place, or a figure differs by a cent; the message names the place
            and both values.
    """
    books = _open_books(ledger)
    _audit_fills(ledger)
    final = _audit_bars(ledger, books)
    _audit_sessions(ledger, books, final)
    _audit_activity(ledger, books)
    _audit_round_trips(ledger, books)
    audit_trades(ledger)


def _keys(frame: pd.DataFrame, shift_ns: int) -> Integers:
    """Return a sortable key of session and minute for each row."""
    minutes = (frame["time"].dt.as_unit("ns").astype("int64").to_numpy() + shift_ns) // MINUTE_NS
    return np.asarray((frame["session"].to_numpy().astype(np.int64) << 32) + minutes)


def _open_books(ledger: Ledger) -> _Books:
    sessions, bars, fills = ledger.sessions, ledger.bars, ledger.fills
    numbers = sessions["session"].to_numpy()
    counts = sessions["bars"].to_numpy()
    if not np.array_equal(np.repeat(numbers, counts), bars["session"].to_numpy()):
        raise AccountingError("ledger: the bars are not those of the listed sessions, in order and in number")
    bar_keys, fill_keys = _keys(bars, 0), _keys(fills, MINUTE_NS)
    if (np.diff(bar_keys) <= 0).any() or (np.diff(fill_keys) < 0).any():
        raise AccountingError("ledger: bars or fills are not in the order of time")
    place = np.searchsorted(bar_keys, fill_keys)
    found = place < len(bar_keys)
    if not found.all() or not np.array_equal(bar_keys[place], fill_keys):
        raise AccountingError("ledger: a fill lies in no bar of its session")
    _audit_symbols(ledger)
    quantity = fills["quantity"].to_numpy(dtype=np.float64)
    flow = -quantity * fills["price"].to_numpy() * ledger.multiplier_of(fills) - fills["commission_usd"].to_numpy()
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return _Books(first, place.astype(np.int64), flow, quantity)


def _audit_symbols(ledger: Ledger) -> None:
    """Refuse a row of another symbol than its session's: its symbol decides what a price unit is worth."""
    sessions = ledger.sessions
    symbols = dict(zip(sessions["session"], sessions["symbol"], strict=True))
    for name in ("bars", "fills", "trades"):
        frame = getattr(ledger, name)
        expected = frame["session"].map(symbols)
        wrong = (frame["symbol"] != expected).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise AccountingError(
                f"ledger: {name} row {row} is booked for {frame['symbol'].iloc[row]}, its session trades "
                f"{expected.iloc[row]}"
            )


def _audit_fills(ledger: Ledger) -> None:
    fills = ledger.fills
    usd = fills["quantity"].to_numpy() * ledger.multiplier_of(fills)
    slipped = usd * (fills["price"] - fills["decision_mid"]).to_numpy()
    moved = usd * (fills["price"] - fills["reference_price"]).to_numpy()
    spread, impact, latency = (fills[name].to_numpy() for name in ("spread_usd", "impact_usd", "latency_usd"))
    compare("spread + impact + latency of the fill", fills, "time", spread + impact + latency, slipped)
    compare("spread + impact of the fill", fills, "time", spread + impact, moved)
    slippage = 1e4 * np.divide(slipped, np.abs(usd) * fills["decision_mid"].to_numpy())
    compare("slippage_bps of the fill", fills, "time", fills["slippage_bps"].to_numpy(), slippage)


def _audit_bars(ledger: Ledger, books: _Books) -> Floats:
    """Compare every bar; return the recomputed NAV at the end of each session, (S,)."""
    bars, sessions = ledger.bars, ledger.sessions
    counts = np.diff(books.first)
    start = sessions["start_nav"].to_numpy()
    position = books.running(books.quantity)
    cash = np.repeat(start, counts) + books.running(books.flow)
    nav = cash + position * ledger.multiplier_of(bars) * bars["close"].to_numpy()
    final = np.asarray(nav[books.first[1:] - 1])
    earned_before = np.concatenate([[0.0], np.cumsum(final - start)[:-1]])
    for name, expected in (
        ("position", position),
        ("cash", cash),
        ("nav", nav),
        ("equity", nav + np.repeat(earned_before, counts)),
    ):
        compare(name, bars, "time", bars[name].to_numpy(), expected)
    return final


def _audit_sessions(ledger: Ledger, books: _Books, final: Floats) -> None:
    sessions = ledger.sessions
    start, last = sessions["start_nav"].to_numpy(), books.first[1:] - 1
    expected = {"end_nav": final, "net_pnl": final - start}
    for name in COSTS:
        expected[name] = books.running(ledger.fills[name].to_numpy())[last]
    for name, values in expected.items():
        compare(f"{name} of the session", sessions, "symbol", sessions[name].to_numpy(), values)
    returned = sessions["session_return"].to_numpy() * start
    compare("session_return times start NAV", sessions, "symbol", returned, final - start)
    flat = (books.running(books.quantity)[last] == 0.0).astype(np.float64)
    compare("flat_at_end of the session", sessions, "symbol", sessions["flat_at_end"].to_numpy(dtype=np.float64), flat)


def _audit_activity(ledger: Ledger, books: _Books) -> None:
    """Compare what gates and reports read of a session beside money: drawdown, turnover, exposure, counts."""
    sessions, bars, fills = ledger.sessions, ledger.bars, ledger.fills
    last = books.first[1:] - 1
    start = sessions["start_nav"].to_numpy()
    traded = books.running(np.abs(books.quantity) * fills["price"].to_numpy() * ledger.multiplier_of(fills))[last]
    position = books.running(books.quantity)
    notional = np.abs(position) * bars["close"].to_numpy() * ledger.multiplier_of(bars) / bars["nav"].to_numpy()
    crossed = _crossings(books).astype(np.float64)
    expected = {
        "max_drawdown": _drawdowns(bars["nav"].to_numpy(), start, books.first),
        "traded_notional": traded,
        "turnover": traded / start,
        "in_market_minutes": np.add.reduceat((position != 0.0).astype(np.float64), books.first[:-1]),
        "mean_absolute_exposure": np.add.reduceat(notional, books.first[:-1]) / np.diff(books.first),
        "round_trips": books.running(crossed)[last],
    }
    for name, values in expected.items():
        # fractions are held to the cent of the capital that they are fractions of
        scale = start if name in ("max_drawdown", "turnover", "mean_absolute_exposure") else 1.0
        booked = sessions[name].to_numpy(dtype=np.float64)
        compare(f"{name} of the session", sessions, "symbol", booked * scale, values * scale)


def _drawdowns(nav: Floats, start: Floats, first: Integers) -> Floats:
    """Return each session's largest fall from its running peak, as a fraction of its start NAV, (S,)."""
    worst = np.zeros(len(start))
    for s, (begin, end) in enumerate(pairwise(first.tolist())):
        path = np.concatenate([[start[s]], nav[begin:end]])
        worst[s] = (np.maximum.accumulate(path) - path).max() / start[s]
    return worst


def _crossings(books: _Books) -> npt.NDArray[np.bool_]:
    """Return which fills take the position to zero or across it, (K,)."""
    before = books.running(books.quantity)[books.bar_of_fill] - books.quantity  # one fill a bar at the most
    return np.asarray((before * books.quantity < 0) & (np.abs(books.quantity) >= np.abs(before)))


def _audit_round_trips(ledger: Ledger, books: _Books) -> None:
    """Cut the fills where the summed position meets or crosses zero; compare running sums at the cuts."""
    fills, trades = ledger.fills, ledger.trades
    quantity = books.quantity
    before = books.running(quantity)[books.bar_of_fill] - quantity
    closes = _crossings(books)
    _compare_counts(len(trades), int(closes.sum()))
    share = np.divide(np.abs(before), np.abs(quantity), out=np.zeros_like(before), where=closes)[closes]
    columns = {name: fills[name].to_numpy() for name in COSTS}
    columns["net_pnl"] = books.flow
    columns["gross_pnl"] = -quantity * fills["decision_mid"].to_numpy() * ledger.multiplier_of(fills)
    for name, values in columns.items():
        after = books.running(values)[books.bar_of_fill][closes]
        expected = after - (1.0 - share) * values[closes]
        booked = trades.groupby("session")[name].cumsum().to_numpy(dtype=np.float64)
        compare(f"running {name} up to the round trip", trades, "exit_time", booked, expected)


def _compare_counts(booked: int, expected: int) -> None:
    if booked != expected:
        raise AccountingError(f"ledger: {booked} round trips are booked, the fills make {expected}")
