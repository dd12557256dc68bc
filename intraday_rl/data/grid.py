"""From rows as delivered to the full minute grid.

A missing minute is kept as such: not traded, volume 0, prices at the last close of the same session. Nothing is taken
from a later bar, and nothing is carried from one session into the next. A session without any row is no session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bar_checks import check_bars
from intraday_rl.data.bars import OPTIONAL_COLUMNS, PRICE_COLUMNS, Bars, BoolArray, FloatArray
from intraday_rl.data.sessions import MINUTE_NS, IntegerArray, Sessions, exchange_sessions, local_date


def to_grid(frame: pd.DataFrame, symbol: str, calendar: str, source: str = "frame") -> Bars:
    """Return one symbol's bars on the full minute grid of the sessions in which it has rows.

    Args:
        frame: bars with the columns of `read_bars`; rows of other symbols are left out. Messages number the rows by
            the index where it is one of unique whole numbers, else by position.
        symbol: the symbol to take.
        calendar: name of the exchange calendar, such as XNYS.
        source: what error messages call the frame, usually the file.

    Raises:
        DataError: the symbol is absent, a row breaks a law of `check_bars`, lies outside the exchange's sessions, or
            does not start on a whole minute.
    """
    rows, positions = _rows_of_symbol(frame, symbol, source)
    check_bars(rows, source, positions)
    start_ns = rows["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    known = exchange_sessions(calendar, _day(start_ns[0], -1), _day(start_ns[-1], 1))
    session = np.searchsorted(known.open_ns, start_ns, side="right") - 1
    _check_on_grid(start_ns, known, session, _Where(source, symbol, calendar, positions))
    present, session = np.unique(session, return_inverse=True)
    sessions = known.take(present)
    target = sessions.first[session] + (start_ns - sessions.open_ns[session]) // MINUTE_NS
    return _spread_out(rows, symbol, sessions, target)


@dataclass(frozen=True, eq=False)
class _Where:
    """What a message needs to name a row."""

    source: str
    symbol: str
    calendar: str
    positions: IntegerArray


def _rows_of_symbol(frame: pd.DataFrame, symbol: str, source: str) -> tuple[pd.DataFrame, IntegerArray]:
    if "symbol" not in frame:
        raise DataError(f"{source}: has no column symbol; add it, one name for each row")
    mine = (frame["symbol"] == symbol).to_numpy(dtype=bool)
    if not mine.any():
        known = sorted(map(str, frame["symbol"].unique()))
        raise DataError(
            f"{source}: has no symbol {symbol}{nearest(symbol, known)}; it holds {', '.join(known) or 'no rows'}"
        )
    rows = frame if mine.all() else frame[mine]
    labelled = pd.api.types.is_integer_dtype(frame.index) and frame.index.is_unique
    numbers = frame.index.to_numpy() if labelled else np.arange(len(frame))
    return rows, numbers[mine].astype(np.int64)


def _day(instant_ns: int, offset_days: int) -> str:
    return str(np.datetime64(int(instant_ns), "ns").astype("datetime64[D]") + np.timedelta64(offset_days, "D"))


def _check_on_grid(start_ns: IntegerArray, known: Sessions, session: IntegerArray, where: _Where) -> None:
    """Refuse rows outside the sessions and rows that do not start on a whole minute."""
    outside = session < 0
    if len(known):
        outside |= start_ns >= known.close_ns[session]
    if outside.any():
        raise DataError(_outside_message(start_ns, known, outside, where))
    odd = (start_ns - known.open_ns[session]) % MINUTE_NS != 0
    if odd.any():
        row = int(np.argmax(odd))
        raise DataError(
            f"{where.source}: {where.symbol} session {known.date[session[row]]}, row {where.positions[row]} "
            f"({pd.Timestamp(start_ns[row], tz='UTC')}): timestamp must be a whole minute ({int(odd.sum())} rows are "
            f"not); aggregate to one-minute bars first"
        )


def _outside_message(start_ns: IntegerArray, known: Sessions, outside: BoolArray, where: _Where) -> str:
    row = int(np.argmax(outside))
    date = local_date(where.calendar, int(start_ns[row]))
    same_day = np.flatnonzero(known.date == date)
    hours = "closed that day"
    if len(same_day):
        opens, closes = (pd.Timestamp(times[same_day[0]], tz="UTC") for times in (known.open_ns, known.close_ns))
        hours = f"open {opens:%H:%M} to {closes:%H:%M} UTC that day"
    return (
        f"{where.source}: {where.symbol} session {date}, row {where.positions[row]} "
        f"({pd.Timestamp(start_ns[row], tz='UTC')}): bars must lie inside the sessions of {where.calendar} ({hours}); "
        f"{int(outside.sum())} of {len(outside)} rows do not, this is the first; keep regular hours only, or choose "
        f"another calendar"
    )


def _spread_out(rows: pd.DataFrame, symbol: str, sessions: Sessions, target: IntegerArray) -> Bars:
    """Put each row at its target on the grid and carry the last close of the session over the minutes between."""
    size = int(sessions.first[-1])
    traded = np.zeros(size, dtype=bool)
    traded[target] = True
    columns = {name: np.full(size, np.nan) for name in (*PRICE_COLUMNS, *OPTIONAL_COLUMNS) if name in rows}
    columns["volume"] = np.zeros(size)
    for name, column in columns.items():
        column[target] = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if not traded.all():
        _carry_close(columns, sessions, traded)
    return Bars.on_grid(symbol, sessions, columns, traded)


def _carry_close(columns: dict[str, FloatArray], sessions: Sessions, traded: BoolArray) -> None:
    last_row = np.maximum.accumulate(np.where(traded, np.arange(len(traded)), -1))
    session_start = np.repeat(sessions.first[:-1], sessions.minutes)
    carried = ~traded & (last_row >= session_start)
    for name in PRICE_COLUMNS:
        columns[name][carried] = columns["close"][last_row[carried]]
