"""The tape: bars of one or more symbols, with what execution needs of each and the features that agents see, as arrays.

A session is one symbol's trading day; its rows lie together, and sessions follow one another by date and, on one date,
in the order of the symbols. So a time of day can occur in several rows: whoever looks a time up goes by session. Row t
holds what is known at the end of minute t. An episode is one session: it starts at the session's first row with valid
features and prices and may run to its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intraday_rl.core import structs
from intraday_rl.core.errors import DataError
from intraday_rl.data import Bars, Instrument
from intraday_rl.features import FeatureTable
from intraday_rl.market import liquidity
from intraday_rl.market.blackout import Blackout, blackout_minutes
from intraday_rl.market.rows import BarRow

TYPICAL_VOLUME_MINUTES = 30
NEEDED = (
    *("open", "high", "low", "close", "vwap", "volume", "mid", "atr", "volatility", "typical_volume"),
    *("widening", "kyle_lambda", "calm_volatility"),
)
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True)
class Tape:
    """Bars and features of K symbols in S sessions, ready for the simulator.

    Attributes:
        rows: BarRow records, (T,).
        features: float32 market features, (T, F).
        feature_names: names of the columns, F.
        first_row: first row of each session from which an agent may decide, (S,); -1 where a session has none.
        last_row: last row of each session, (S,).
        dates: trading days, (S,).
        end_ns: UTC end of each minute, (T,).
        symbols: what is traded, K names.
        instruments: contract terms of each, K.
        symbol_of: place in `symbols` of what each session trades, (S,).
    """

    rows: structs.Records
    features: npt.NDArray[np.float32]
    feature_names: tuple[str, ...]
    first_row: npt.NDArray[np.int64]
    last_row: npt.NDArray[np.int64]
    dates: npt.NDArray[np.datetime64]
    end_ns: npt.NDArray[np.int64]
    symbols: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    symbol_of: npt.NDArray[np.int64]

    @property
    def session_starts(self) -> npt.NDArray[np.int64]:
        """Row of each session's first minute, (S,)."""
        return np.concatenate([[0], self.last_row[:-1] + 1])

    def usable(self, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return those of the sessions in which at least one decision can be taken."""
        return sessions[(self.first_row[sessions] >= 0) & (self.first_row[sessions] < self.last_row[sessions])]

    def session_of(self, row: int) -> int:
        """Return the index of the session that a tape row belongs to."""
        return int(np.searchsorted(self.last_row, row))

    def check(self) -> None:
        """Refuse a tape in which an agent or an order could meet a feature, price or scale that is not a number."""
        needed = {name: self.rows[name] for name in NEEDED}
        bad: npt.NDArray[np.bool_] = np.asarray(~np.isfinite(self.features).all(axis=1))
        for values in needed.values():
            bad |= ~np.isfinite(values)
        sessions = zip(self.first_row, self.last_row, self.dates, self.symbol_of, strict=True)
        for first, last, date, symbol in sessions:
            if first >= 0 and bad[first : last + 1].any():
                minute = int(bad[first : last + 1].argmax() + first)
                row = dict(zip(self.feature_names, self.features[minute], strict=True))
                row |= {name: column[minute] for name, column in needed.items()}
                columns = [name for name, value in row.items() if not np.isfinite(value)]
                raise DataError(
                    f"{self.symbols[symbol]} {date}: {', '.join(columns)} is not a number at tape row {minute}, after "
                    "the session's warm-up; check the bars of that minute"
                )


def build_tape(
    bars: Bars, table: FeatureTable, scales: FeatureTable, instrument: Instrument, blackout: Blackout
) -> Tape:
    """Return the tape of `bars`.

    Args:
        bars: T minutes of one symbol.
        table: the features that agents see, (T, F).
        scales: a table with the columns atr_bps and rv_60, from which ATR and volatility in price units come.
        instrument: contract terms.
        blackout: when to open no positions.

    Raises:
        DataError: no session has a single row with valid features, or the blackout's events cannot be read.
    """
    rows = _bar_rows(bars)
    columns = {name: scales.values[:, i].astype(np.float64) for i, name in enumerate(scales.names)}
    rows["atr"] = atr = columns["atr_bps"] * 1e-4 * bars.close
    rows["volatility"] = columns["rv_60"] * 1e-4 * bars.close
    rows["widening"] = liquidity.spread_widening(bars, atr)
    rows["kyle_lambda"] = liquidity.kyle_lambda(bars)
    rows["calm_volatility"] = liquidity.calm_volatility(bars, rows["volatility"])
    rows["blackout"] = blackout_minutes(blackout, bars, atr)
    valid = table.valid & np.isfinite(rows["atr"]) & np.isfinite(rows["volatility"])
    first_row = _first_valid(valid, bars.sessions.first)
    if (first_row < 0).all():
        raise DataError(
            f"{bars.symbol}: no session has valid features; {len(bars.sessions)} sessions are too few for the "
            f"features' warm-up, give more sessions"
        )
    return Tape(
        rows=rows,
        features=np.ascontiguousarray(table.values),
        feature_names=table.names,
        first_row=first_row,
        last_row=bars.sessions.first[1:] - 1,
        dates=bars.sessions.date,
        end_ns=bars.start_ns + MINUTE_NS,
        symbols=(bars.symbol,),
        instruments=(instrument,),
        symbol_of=np.zeros(len(bars.sessions), dtype=np.int64),
    )


def _bar_rows(bars: Bars) -> structs.Records:
    """Return the rows with what the bars alone tell."""
    rows = structs.empty(BarRow, len(bars.close))
    for name in ("open", "high", "low", "close", "volume"):
        rows[name] = getattr(bars, name)
    typical = (bars.high + bars.low + bars.close) / 3.0
    rows["vwap"] = np.where(np.isnan(bars.vwap), typical, bars.vwap)
    quoted = bars.ask > bars.bid
    rows["mid"] = np.where(quoted, 0.5 * (bars.bid + bars.ask), bars.close)
    rows["quoted_spread"] = np.where(quoted, bars.ask - bars.bid, np.nan)
    rows["typical_volume"] = _trailing_mean(bars.volume, TYPICAL_VOLUME_MINUTES)
    rows["minutes_to_close"] = bars.sessions.minutes[bars.session] - 1 - bars.minute
    rows["traded"] = bars.traded
    return rows


def join_tapes(tapes: Sequence[Tape]) -> Tape:
    """Return the tapes as one: sessions by date and, on one date, in the order of the symbols; a single tape as it is.

    Raises:
        DataError: there is no tape, a symbol comes twice, or features differ in name or order.
    """
    _refuse_unlike(tapes)
    if len(tapes) == 1:
        return tapes[0]
    symbols_before = np.cumsum([0, *(len(tape.symbols) for tape in tapes)])
    rows_before = np.cumsum([0, *(len(tape.rows) for tape in tapes)])
    symbol_of = np.concatenate([tape.symbol_of + symbols_before[i] for i, tape in enumerate(tapes)])
    dates = np.concatenate([tape.dates for tape in tapes])
    order = np.lexsort((symbol_of, dates))
    starts = np.concatenate([tape.session_starts + rows_before[i] for i, tape in enumerate(tapes)])[order]
    lengths = np.concatenate([tape.last_row + 1 - tape.session_starts for tape in tapes])[order]
    warm_up = np.concatenate([np.where(t.first_row < 0, -1, t.first_row - t.session_starts) for t in tapes])[order]
    ends = np.cumsum(lengths)
    source = np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1])
    return Tape(
        rows=structs.view(np.concatenate([tape.rows for tape in tapes])[source]),
        features=np.concatenate([tape.features for tape in tapes])[source],
        feature_names=tapes[0].feature_names,
        first_row=np.where(warm_up < 0, -1, ends - lengths + warm_up),
        last_row=ends - 1,
        dates=dates[order],
        end_ns=np.concatenate([tape.end_ns for tape in tapes])[source],
        symbols=tuple(symbol for tape in tapes for symbol in tape.symbols),
        instruments=tuple(instrument for tape in tapes for instrument in tape.instruments),
        symbol_of=symbol_of[order],
    )


def _refuse_unlike(tapes: Sequence[Tape]) -> None:
    """Refuse tapes that do not make one."""
    if not tapes:
        raise DataError("join_tapes needs at least one tape, had none")
    symbols = [symbol for tape in tapes for symbol in tape.symbols]
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise DataError(f"join_tapes: {symbol} comes {symbols.count(symbol)} times; give each symbol once")
    for tape in tapes[1:]:
        if tape.feature_names != tapes[0].feature_names:
            raise DataError(
                f"join_tapes: the features of {', '.join(tape.symbols)} and those of {', '.join(tapes[0].symbols)} "
                "differ in name or order; compute all with one preset"
            )


def _trailing_mean(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the mean of the last `width` values, of fewer at the start."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(stop - width, 0)
    return np.asarray((sums[stop] - sums[start]) / (stop - start))


def _first_valid(valid: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return each session's first valid row, or -1: later rows have no say in where an episode starts."""
    result = np.full(len(first) - 1, -1, dtype=np.int64)
    rows = np.flatnonzero(valid)
    position = np.searchsorted(rows, first[:-1])
    found = position < len(rows)
    candidate = rows[np.minimum(position, len(rows) - 1)] if len(rows) else result
    inside = found & (candidate < first[1:])
    result[inside] = candidate[inside]
    return result
