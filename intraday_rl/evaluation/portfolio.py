"""One portfolio of all symbols' accounts, day by day: what a run of several symbols is judged by.

Symbols traded on one day share its market, so their sessions are no independent evidence: the unit is the trading day.
The portfolio holds one account for each of the K symbols of the run, with the same capital each. All K count on every
day: the account of a symbol without a session that day lies idle at its start NAV, and returns are on the capital of
all. An account counts with its start NAV before its first bar of the day and with its final NAV after its last.

Money, costs, orders and round trips are sums over the accounts. Minutes in the market are those in which any account
holds a position. The limits of single accounts stay theirs: `most_round_trips`, `most_in_market_minutes` and
`most_max_drawdown` are those of the account that has most (idle capital must not make a loss look small), and each
round trip keeps its own account's `start_nav`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.evaluation.ledger import Frames, Ledger
from intraday_rl.evaluation.round_trips import COSTS

Floats = npt.NDArray[np.float64]

SUMS = ("net_pnl", "traded_notional", "round_trips", *COSTS, "orders", "ordered_quantity")


class _Minutes(NamedTuple):
    """One day of the portfolio, minute by minute, (M,)."""

    time: npt.NDArray[np.int64]  # UTC ns at the minute's end
    cash: Floats
    nav: Floats
    notional: Floats  # absolute, of all accounts, USD
    held: npt.NDArray[np.bool_]  # any account has a position


def combine_by_date(ledger: Ledger) -> Frames:
    """Return sessions, round trips, fills and bars of the portfolio, one session per trading day.

    The frames of one symbol are returned as they are. Of several symbols, `session` counts the days from 0, and the
    frames hold:

    - sessions: the ledger's columns; and accounts (K), most_round_trips, most_in_market_minutes and
      most_max_drawdown of one account.
    - round trips: the ledger's columns, in the order of their exits; and start_nav of the account.
    - fills: the ledger's columns, in time order; and notional_usd.
    - bars: session, date, time, cash, nav and equity at every minute in which any account has a bar.
    """
    accounts = len(ledger.multipliers)
    if accounts == 1:
        return ledger.frames
    days = pd.Index(np.unique(ledger.sessions["date"]))
    sessions, trades, fills, bars = (
        frame.assign(account=frame["session"], session=days.get_indexer(pd.Index(frame["date"])))
        for frame in ledger.frames
    )
    capital = float(sessions["start_nav"].iloc[0])
    bars["notional_usd"] = bars["position"].abs() * bars["close"] * ledger.multiplier_of(bars)
    fills["notional_usd"] = fills["quantity"].abs() * fills["price"] * ledger.multiplier_of(fills)
    trades["start_nav"] = capital
    minutes = [_minutes(day, capital, accounts) for _, day in bars.groupby("session")]
    table = _days(sessions, minutes, capital * accounts)
    table.insert(2, "symbol", ", ".join(ledger.multipliers))
    table["accounts"] = accounts
    trades = trades.sort_values(["session", "exit_time"], kind="stable", ignore_index=True)
    fills = fills.sort_values(["session", "time"], kind="stable", ignore_index=True)
    return table, trades.drop(columns="account"), fills.drop(columns="account"), _bars(table, minutes)


def account_drawdowns(sessions: pd.DataFrame) -> Floats:
    """Return each session's drawdown (S,) in the account that fares worst: idle capital must not make it look small.

    Args:
        sessions: of `combine_by_date`.
    """
    name = "most_max_drawdown" if "most_max_drawdown" in sessions.columns else "max_drawdown"
    return sessions[name].to_numpy(dtype=np.float64)


def _minutes(bars: pd.DataFrame, capital: float, accounts: int) -> _Minutes:
    """Return the sums over all accounts of one day, at every minute in which any has a bar."""
    times = bars["time"].dt.as_unit("ns").astype("int64").to_numpy()
    union, place = np.unique(times, return_inverse=True)
    cash, nav = (np.full(len(union), accounts * capital) for _ in range(2))
    for rows in bars.groupby("account").indices.values():
        latest = np.searchsorted(times[rows], union, side="right") - 1  # -1: before the account's first bar
        for total, name in ((cash, "cash"), (nav, "nav")):
            total += np.where(latest < 0, 0.0, bars[name].to_numpy()[rows][latest] - capital)
    notional = np.asarray(np.bincount(place, weights=bars["notional_usd"]), dtype=np.float64)
    held = np.bincount(place[bars["position"].to_numpy() != 0.0], minlength=len(union)) > 0
    return _Minutes(union, cash, nav, notional, held)


def _days(sessions: pd.DataFrame, minutes: list[_Minutes], start: float) -> pd.DataFrame:
    """Return the portfolio's sessions, all columns but `symbol` and `accounts`, (D,)."""
    by_day = sessions.groupby("session")
    sums = by_day[list(SUMS)].sum()
    columns: dict[str, Any] = {
        "session": sums.index.to_numpy(),
        "date": by_day["date"].first().to_numpy(),
        "start_nav": start,
        "end_nav": [day.nav[-1] for day in minutes],
        "net_pnl": sums["net_pnl"].to_numpy(),
        "session_return": sums["net_pnl"].to_numpy() / start,
        "max_drawdown": [_drawdown(day.nav, start) for day in minutes],
        "traded_notional": sums["traded_notional"].to_numpy(),
        "turnover": sums["traded_notional"].to_numpy() / start,
        "round_trips": sums["round_trips"].to_numpy(),
        "in_market_minutes": [int(day.held.sum()) for day in minutes],
        "bars": [len(day.time) for day in minutes],
        "mean_absolute_exposure": [float((day.notional / day.nav).mean()) for day in minutes],
    }
    columns |= {name: sums[name].to_numpy() for name in (*COSTS, "orders", "ordered_quantity")}
    columns["flat_at_end"] = by_day["flat_at_end"].all().to_numpy()
    for name in ("round_trips", "in_market_minutes", "max_drawdown"):
        columns[f"most_{name}"] = by_day[name].max().to_numpy()
    return pd.DataFrame(columns)


def _drawdown(nav: Floats, start: float) -> float:
    """Return the largest fall from the running peak, which begins at `start`, as a fraction of `start`."""
    peak = np.maximum.accumulate(np.maximum(nav, start))
    return float((peak - nav).max() / start)


def _bars(sessions: pd.DataFrame, minutes: list[_Minutes]) -> pd.DataFrame:
    """Return the portfolio's bars; the equity chains the days' net results."""
    lengths = sessions["bars"].to_numpy()
    nav = np.concatenate([day.nav for day in minutes])
    before = np.concatenate([[0.0], np.cumsum(sessions["net_pnl"].to_numpy())[:-1]])
    times = np.concatenate([day.time for day in minutes]).astype("datetime64[ns]")
    return pd.DataFrame(
        {
            "session": np.repeat(sessions["session"].to_numpy(), lengths),
            "date": np.repeat(sessions["date"].to_numpy(), lengths),
            "time": pd.DatetimeIndex(times).tz_localize("UTC"),
            "cash": np.concatenate([day.cash for day in minutes]),
            "nav": nav,
            "equity": nav + np.repeat(before, lengths),
        }
    )
