"""Results by market regime: what the sessions earned and won in calm or wild, trending or ranging minutes.

Conventions: K = 4 regimes of a symbol's minute: volatility below or above 15 % a year, efficiency ratio of the last
30 minutes below or above 0.3 (SPEC R120). They are read after the fact, for judging alone. A minute whose regime is
not known yet counts in none.

Sources: Kaufman (1995), "Smarter Trading" (efficiency ratio); Politis and Romano (1994) for the intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.evaluation.ledger import Ledger
from intraday_rl.evaluation.phases.intervals import (
    BOOTSTRAP_MIN,
    LEVEL,
    Estimate,
    Indices,
    percentiles,
    resampled_sessions,
)
from intraday_rl.market.tape import Tape

Floats = npt.NDArray[np.float64]

NAMES = ("calm ranging", "calm trending", "wild ranging", "wild trending")
WILD_VOLATILITY = 0.15  # of a year
TRENDING_RATIO = 0.3
TREND_MINUTES = 30
MINUTES_PER_YEAR = 390 * 252


@dataclass(frozen=True)
class RegimeTable:
    """Sums over each session's minutes in a regime, (S, K): net result / start NAV, minutes, wins, round trips."""

    earned: Floats
    minutes: Floats
    wins: Floats
    round_trips: Floats

    def window(self, first: int, count: int) -> RegimeTable:
        """Return the rows of `count` sessions from the place `first` on."""
        part = slice(first, first + count)
        return RegimeTable(self.earned[part], self.minutes[part], self.wins[part], self.round_trips[part])


def minute_regimes(tape: Tape) -> Indices:
    """Return the place in `NAMES` of each minute's regime, (T,); -1 where it is not known yet."""
    rows, starts = tape.rows, np.repeat(tape.session_starts, tape.last_row - tape.session_starts + 1)
    close = np.asarray(rows["close"], dtype=np.float64)
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(close)))])
    row = np.arange(close.size)
    before = np.maximum(row - TREND_MINUTES, 0)
    path, net = travelled - travelled[before], np.abs(close - close[before])
    ratio = np.divide(net, path, out=np.zeros_like(path), where=path > 0)
    volatility = rows["volatility"] / close * math.sqrt(MINUTES_PER_YEAR)
    regime = 2 * (volatility > WILD_VOLATILITY) + (ratio > TRENDING_RATIO)
    return np.where(row - TREND_MINUTES >= starts, regime, -1).astype(np.int64)


def regime_table(ledger: Ledger, sessions: pd.DataFrame, tape: Tape) -> RegimeTable:
    """Return the sums by session of the portfolio and regime of each account's own symbol.

    Args:
        ledger: account by account.
        sessions: the portfolio's, one row for each trading day.
        tape: what was traded.
    """
    regimes, days = minute_regimes(tape), pd.Index(sessions["date"])
    capital = float(sessions["start_nav"].iloc[0]) if len(sessions) else math.nan
    bars, trades = ledger.bars, ledger.trades
    start = bars["session"].map(ledger.sessions.set_index("session")["start_nav"])
    earned = bars["nav"] - bars.groupby("session")["nav"].shift().fillna(start)
    row = tape.first_row[bars["session"].to_numpy()] + bars.groupby("session").cumcount().to_numpy()  # of the decision
    entry = _entry_rows(trades, tape)
    shape = (len(days), len(NAMES))

    def sums(dates: pd.Series[pd.Timestamp], regime: Indices, weights: Floats) -> Floats:
        known = regime >= 0
        cell = days.get_indexer(pd.Index(dates))[known] * shape[1] + regime[known]
        flat = np.bincount(cell, weights=weights[known], minlength=shape[0] * shape[1])
        return np.asarray(flat, dtype=np.float64).reshape(shape)

    won = (trades["net_pnl"].to_numpy() > 0).astype(np.float64)
    return RegimeTable(
        sums(bars["date"], regimes[row], earned.to_numpy(dtype=np.float64) / capital),
        sums(bars["date"], regimes[row], np.ones(len(bars))),
        sums(trades["date"], regimes[entry], won),
        sums(trades["date"], regimes[entry], np.ones(len(trades))),
    )


def _entry_rows(trades: pd.DataFrame, tape: Tape) -> Indices:
    """Return the tape row of the decision behind each round trip's entry: the last that had ended by then."""
    when = trades["entry_time"].dt.as_unit("ns").astype("int64").to_numpy()
    rows = np.empty(len(trades), dtype=np.int64)
    for i, (session, time) in enumerate(zip(trades["session"].to_numpy(), when, strict=True)):
        first, last = tape.session_starts[session], tape.last_row[session]
        rows[i] = first + max(0, int(np.searchsorted(tape.end_ns[first : last + 1], time, side="right")) - 1)
    return rows


def return_degradation(table: RegimeTable, rng: np.random.Generator | None) -> Estimate:
    """Return how much less the worst regime earns a minute than the others, in units of what all earn."""
    return _degradation(table.earned, table.minutes, rng)


def hit_rate_degradation(table: RegimeTable, rng: np.random.Generator | None) -> Estimate:
    """Return how much less often round trips of the worst regime win than the others', in units of the hit rate."""
    return _degradation(table.wins, table.round_trips, rng)


def worst_shortfall(sums: Floats, weights: Floats) -> float:
    """Return the largest relative shortfall of a regime's rate behind the others'; NaN where none can be compared."""
    found = _shortfalls(sums.sum(axis=0), weights.sum(axis=0))
    return float(np.nanmax(found)) if not np.isnan(found).all() else math.nan


def _degradation(sums: Floats, weights: Floats, rng: np.random.Generator | None) -> Estimate:
    """Return the largest shortfall with an interval that holds for all regimes at once.

    Each regime's interval has the level 1 - 0.05 / K (Bonferroni); the largest of the lower and of the upper ends
    enclose the largest shortfall.
    """
    value, count = worst_shortfall(sums, weights), len(sums)
    compared = ~np.isnan(_shortfalls(sums.sum(axis=0), weights.sum(axis=0)))
    if count < BOOTSTRAP_MIN or rng is None or not compared.any():
        return Estimate(value, math.nan, math.nan, count)
    drawn = resampled_sessions(count, count, rng)
    found = _shortfalls(sums[drawn].sum(axis=1), weights[drawn].sum(axis=1))[:, compared]
    level = 1.0 - (1.0 - LEVEL) / int(compared.sum())
    ends = [percentiles(column[~np.isnan(column)], count, level) for column in found.T]
    return Estimate(value, max(low for low, _ in ends), max(high for _, high in ends), count)


def _shortfalls(sums: Floats, weights: Floats) -> Floats:
    """Return (rate of the other regimes - rate of the regime) / |rate of all|, (..., K); NaN without a comparison."""
    all_sums, all_weights = sums.sum(axis=-1, keepdims=True), weights.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = (all_sums - sums) / (all_weights - weights)
        shortfall = (rest - sums / weights) / np.abs(all_sums / all_weights)
    return np.where(np.isfinite(shortfall), shortfall, np.nan)
