"""From seconds and trades to one-minute bars, and the quotes that stand at the minutes' ends.

Conventions: frames are sorted by `time_ns` (int64 UTC nanoseconds; of a bar its start), and rows of the same stamp keep
the source's order. `session` is the index of the calendar's session, so nothing passes from one session into another. A
minute owns the stamps from its start to just before its end. Shapes: N rows, T bars.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.data.sessions import MINUTE_NS, IntegerArray, exchange_sessions

CARRY_MINUTES = 5  # a quote stands for so many minutes after the one in which it came
QUOTE_COLUMNS = ("bid", "bid_size", "ask", "ask_size")
BAR_COLUMNS = ("open", "high", "low", "close", "volume")


def inside_sessions(frame: pd.DataFrame, calendar: str) -> tuple[pd.DataFrame, int]:
    """Return the rows inside the calendar's sessions with their `session`, and how many rows lie outside.

    Args:
        frame: (N, ...) rows with `time_ns`.
        calendar: name of the exchange calendar, such as XNYS.

    Raises:
        ParameterError: the calendar is unknown.
        DataError: the calendar does not reach the frame's years.
    """
    time_ns = frame["time_ns"].to_numpy()
    if not len(time_ns):
        return frame.assign(session=np.zeros(0, dtype=np.int64)), 0
    days = np.array([time_ns.min(), time_ns.max()]).astype("datetime64[ns]").astype("datetime64[D]")
    sessions = exchange_sessions(calendar, days[0] - 1, days[1] + 1)
    session = np.searchsorted(sessions.open_ns, time_ns, side="right") - 1
    inside = session >= 0
    if len(sessions):
        inside &= time_ns < sessions.close_ns[session]
    return frame[inside].assign(session=session[inside]).reset_index(drop=True), int((~inside).sum())


def minute_starts(time_ns: npt.NDArray[np.int64]) -> tuple[IntegerArray, IntegerArray]:
    """Return the minutes in which rows lie, (T,) ns, and each minute's first row, (T,)."""
    minute = time_ns - time_ns % MINUTE_NS
    first = np.flatnonzero(np.diff(minute, prepend=minute[:1] - 1)) if len(minute) else np.zeros(0, dtype=np.int64)
    return minute[first], first


def minutes_of_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Return one-minute bars of shorter bars.

    Args:
        bars: (N, 7) time_ns, session, open, high, low, close, volume.

    Returns:
        (T, 7) the same columns, one row for each minute that holds a bar.
    """
    minute, first = minute_starts(bars["time_ns"].to_numpy())
    last = np.append(first[1:], len(bars)) - 1
    if not len(first):
        return bars
    return pd.DataFrame(
        {
            "time_ns": minute,
            "session": bars["session"].to_numpy()[first],
            "open": bars["open"].to_numpy()[first],
            "high": np.maximum.reduceat(bars["high"].to_numpy(), first),
            "low": np.minimum.reduceat(bars["low"].to_numpy(), first),
            "close": bars["close"].to_numpy()[last],
            "volume": np.add.reduceat(bars["volume"].to_numpy(), first),
        }
    )


def minutes_of_trades(trades: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return one-minute bars of trades, and how many trades lie in minutes that have no price.

    Args:
        trades: (N, 5) time_ns, session, price, size and `priced`; False there = the trade counts in the volume, but
            its price is not that of the market at that time.

    Returns:
        (T, 9) time_ns, session, open, high, low, close, volume, vwap and trade_count, the latter two of the priced
        trades alone.
    """
    priced = trades[trades["priced"].to_numpy(dtype=bool)]
    price, size = priced["price"].to_numpy(), priced["size"].to_numpy()
    points = pd.DataFrame({"time_ns": priced["time_ns"], "session": priced["session"], "volume": size})
    bars = minutes_of_bars(points.assign(**dict.fromkeys(("open", "high", "low", "close"), price)))
    minute, first = minute_starts(priced["time_ns"].to_numpy())
    if not len(first):
        empty = np.zeros(0)
        return bars.assign(vwap=empty, trade_count=empty), len(trades)
    bars["vwap"] = np.add.reduceat(price * size, first) / np.maximum(bars["volume"].to_numpy(), 1)
    bars["vwap"] = bars["vwap"].where(bars["volume"] > 0)
    bars["trade_count"] = np.diff(np.append(first, len(priced)))
    others = trades[~trades["priced"].to_numpy(dtype=bool)]
    owner, found = _rows_of_minutes(minute, others["time_ns"].to_numpy())
    bars["volume"] += np.bincount(owner[found], others["size"].to_numpy()[found], len(bars)).astype(size.dtype)
    return bars, int((~found).sum())


def _rows_of_minutes(minute: IntegerArray, time_ns: IntegerArray) -> tuple[IntegerArray, npt.NDArray[np.bool_]]:
    """Return for each stamp the row of its minute, and whether the minute is there."""
    wanted = time_ns - time_ns % MINUTE_NS
    owner = np.minimum(np.searchsorted(minute, wanted), len(minute) - 1)
    return owner, minute[owner] == wanted


def closing_quotes(bars: pd.DataFrame, quotes: pd.DataFrame) -> pd.DataFrame:
    """Return the bars with bid, bid_size, ask and ask_size as they stand at each bar's end.

    The last quote of the minute counts, or that of an earlier minute of the same session, `CARRY_MINUTES` back at most.
    Before the session's first quote, and beyond that span, they are null.

    Args:
        bars: (T, ...) one-minute bars with time_ns and session.
        quotes: (N, 6) time_ns, session, bid, bid_size, ask, ask_size; null where a side has no quote.
    """
    bars = bars.copy()
    time_ns, quote_ns = bars["time_ns"].to_numpy(), quotes["time_ns"].to_numpy()
    last = np.searchsorted(quote_ns, time_ns + MINUTE_NS, side="left") - 1
    if not len(quotes):
        return bars.assign(**dict.fromkeys(QUOTE_COLUMNS, np.nan))
    known = last >= 0
    known &= quotes["session"].to_numpy()[last] == bars["session"].to_numpy()
    known &= time_ns - quote_ns[last] // MINUTE_NS * MINUTE_NS <= CARRY_MINUTES * MINUTE_NS
    for name in QUOTE_COLUMNS:
        bars[name] = np.where(known, quotes[name].to_numpy(dtype=np.float64)[last], np.nan)
    return bars
