"""The laws that delivered bars have to obey, and the one line that says which row breaks which law.

A frame that breaks a law is refused with its source, symbol, session and first bad row; nothing is repaired. Rows are
counted from 0 in the source. Prices are price units, volumes and sizes shares or contracts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError
from intraday_rl.data.bars import OPTIONAL_COLUMNS, PRICE_COLUMNS, REQUIRED_COLUMNS, BoolArray
from intraday_rl.data.sessions import IntegerArray

logger = logging.getLogger(__name__)

OPTIONAL_PRICES = ("vwap", "bid", "ask")
OPTIONAL_SIGNED = ("order_flow", "effective_spread_bps", "side_per_mid")


@dataclass(frozen=True)
class Law:
    """One law of a column, or of several columns of a row.

    Attributes:
        name: short unique name.
        text: completes "<column> must ...".
        remedy: what the owner of the data can do.
        holds: column or frame -> for each row whether the law holds.
        columns: columns whose values the message shows; empty for a law of one column.
    """

    name: str
    text: str
    remedy: str
    holds: Callable[[Any], BoolArray]
    columns: tuple[str, ...] = ()


def _every_row(column: pd.Series[Any], verdict: bool) -> BoolArray:
    return np.full(len(column), verdict)


def _is_number(column: pd.Series[Any]) -> BoolArray:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return _every_row(column, True) if numeric else column.isna().to_numpy()


def _numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_present(column: pd.Series[Any]) -> BoolArray:
    return column.notna().to_numpy()


def _is_positive(column: pd.Series[Any]) -> BoolArray:
    values = _numbers(column)
    good: BoolArray = (values > 0) & np.isfinite(values)
    return good


def _is_not_negative(column: pd.Series[Any]) -> BoolArray:
    values = _numbers(column)
    good: BoolArray = (values >= 0) & np.isfinite(values)
    return good


def _is_finite(column: pd.Series[Any]) -> BoolArray:
    good: BoolArray = np.isfinite(_numbers(column))
    return good


def _is_time(column: pd.Series[Any]) -> BoolArray:
    return _every_row(column, pd.api.types.is_datetime64_any_dtype(column))


def _has_zone(column: pd.Series[Any]) -> BoolArray:
    return _every_row(column, isinstance(column.dtype, pd.DatetimeTZDtype))


def _step_from_row_before(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return for each row the time since the row before of the same symbol, ns; 1 for a symbol's first row."""
    times = frame["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    codes = pd.factorize(frame["symbol"])[0]
    order = np.argsort(codes, kind="stable")
    step = np.ones(len(frame), dtype=np.int64)
    same = codes[order][1:] == codes[order][:-1]
    step[order[1:]] = np.where(same, np.diff(times[order]), 1)
    return step


def _is_unique(frame: pd.DataFrame) -> BoolArray:
    if (_step_from_row_before(frame) > 0).all():  # increasing times cannot repeat
        return np.ones(len(frame), dtype=bool)
    return ~frame.duplicated(["symbol", "timestamp"]).to_numpy()


def _is_increasing(frame: pd.DataFrame) -> BoolArray:
    return _step_from_row_before(frame) > 0


def _is_inside(column: str) -> Callable[[pd.DataFrame], BoolArray]:
    def holds(frame: pd.DataFrame) -> BoolArray:
        inside = (frame[column] >= frame["low"]) & (frame[column] <= frame["high"])
        return inside.to_numpy(dtype=bool)

    return holds


NUMBER = Law("number", "be numbers", "store the column as float64 or int64", _is_number)
PRESENT = Law("present", "not be null", "drop the row: a minute without a trade has no row", _is_present)
POSITIVE = Law("positive", "be > 0 (price units)", "correct or drop the bar", _is_positive)
NOT_NEGATIVE = Law("not_negative", "be >= 0", "correct or drop the bar", _is_not_negative)
POSITIVE_OR_NULL = Law(
    "positive_or_null", "be > 0 or null (price units)", "write null where the value is unknown",
    lambda column: _is_positive(column) | ~_is_present(column),
)  # fmt: skip
NOT_NEGATIVE_OR_NULL = Law(
    "not_negative_or_null", "be >= 0 or null", "write null where the value is unknown",
    lambda column: _is_not_negative(column) | ~_is_present(column),
)  # fmt: skip
FINITE_OR_NULL = Law(
    "finite_or_null", "be finite or null", "write null where the value is unknown",
    lambda column: _is_finite(column) | ~_is_present(column),
)  # fmt: skip
TIME = Law("time", "be time stamps", "convert the column with pandas.to_datetime(..., utc=True)", _is_time)
ZONE = Law("zone", "have a time zone", "localize the column to the zone it was written in, tz_localize", _has_zone)
TEXT_PRESENT = Law("symbol_present", "not be null", "name the symbol in each row", _is_present)


def _law_of_optional(name: str) -> Law:
    if name in OPTIONAL_SIGNED:
        return FINITE_OR_NULL
    return POSITIVE_OR_NULL if name in OPTIONAL_PRICES else NOT_NEGATIVE_OR_NULL


COLUMN_LAWS: dict[str, tuple[Law, ...]] = {
    "timestamp": (TIME, ZONE, PRESENT),
    "symbol": (TEXT_PRESENT,),
    **{name: (NUMBER, PRESENT, POSITIVE) for name in PRICE_COLUMNS},
    "volume": (NUMBER, PRESENT, NOT_NEGATIVE),
    **{name: (NUMBER, _law_of_optional(name)) for name in OPTIONAL_COLUMNS},
}
ROW_LAWS: tuple[Law, ...] = (
    Law("unique", "be unique for a symbol", "drop the repeated row", _is_unique, ("timestamp",)),
    Law("increasing", "increase for a symbol", "sort the rows by timestamp", _is_increasing, ("timestamp",)),
    Law(
        "high_low", "be >= low", "correct or drop the bar",
        lambda frame: (frame["high"] >= frame["low"]).to_numpy(dtype=bool), ("high", "low"),
    ),
    Law("open_inside", "lie in [low, high]", "correct or drop the bar", _is_inside("open"), ("open", "low", "high")),
    Law("close_inside", "lie in [low, high]", "correct or drop the bar", _is_inside("close"), ("close", "low", "high")),
)  # fmt: skip
LAWS = {law.name: law for law in (*ROW_LAWS, *(law for laws in COLUMN_LAWS.values() for law in laws))}


@lru_cache(maxsize=1)
def bar_schema() -> Any:
    """Return the laws as a pandera DataFrameSchema; columns beyond the known ones are let through unchecked."""
    import pandera.pandas as pandera  # slow to import, and needed only where frames come in

    def check(law: Law) -> Any:
        def holds(data: pd.Series[Any] | pd.DataFrame) -> pd.Series[bool]:
            return pd.Series(law.holds(data), index=data.index)

        return pandera.Check(holds, name=law.name, error=law.text, ignore_na=False, n_failure_cases=1)

    columns = {
        name: pandera.Column(checks=[check(law) for law in laws], nullable=True, required=name not in OPTIONAL_COLUMNS)
        for name, laws in COLUMN_LAWS.items()
    }
    return pandera.DataFrameSchema(columns, checks=[check(law) for law in ROW_LAWS])


def check_bars(frame: pd.DataFrame, source: str, positions: IntegerArray | None = None) -> None:
    """Refuse a frame of bars that breaks a law of this module.

    Args:
        frame: columns timestamp, symbol, open, high, low, close, volume; the other known columns may be absent or null.
        source: what the message calls the frame, usually the file.
        positions: (T,) row numbers in the source; None where the frame is the whole source.

    Raises:
        DataError: one line with source, symbol, session, first bad row, law and remedy.
    """
    if frame.empty:
        raise DataError(f"{source}: must hold at least one bar, has none; download or export it again")
    import pandera.errors

    try:
        bar_schema().validate(frame.reset_index(drop=True), inplace=True)  # pandera cannot report repeated labels
    except pandera.errors.SchemaError as error:
        if error.reason_code is pandera.errors.SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
            raise DataError(_missing_column_message(frame, source)) from None
        good = np.asarray(error.check_output, dtype=bool)
        law = LAWS[error.check.name]
        column = law.columns[0] if law.columns else str(error.schema.name)
        raise DataError(_bad_row_message(frame, source, positions, law, column, good)) from None


def broken_laws(frame: pd.DataFrame, source: str, positions: IntegerArray) -> list[str]:
    """Return one line for each law that the rows break, with its first bad row; empty where `check_bars` would pass.

    Args:
        frame: as for `check_bars`, with all columns that bars need; its rows are numbered from 0.
        source: what the messages call the frame.
        positions: (T,) row numbers in the source.
    """
    found = []
    for column, laws in COLUMN_LAWS.items():
        for law in laws if column in frame else ():
            good = law.holds(frame[column])
            if not good.all():
                found.append(_bad_row_message(frame, source, positions, law, column, good))
                break  # the laws that follow presume this one
    whole = frame.dropna(subset=["timestamp", *PRICE_COLUMNS])
    for law in ROW_LAWS if pd.api.types.is_datetime64_any_dtype(frame["timestamp"]) else ():
        good = law.holds(whole)
        if not good.all():
            found.append(_bad_row_message(whole, source, positions[whole.index], law, law.columns[0], good))
    return found


def _missing_column_message(frame: pd.DataFrame, source: str) -> str:
    known = [str(column) for column in frame.columns]
    needed = ["timestamp", "symbol", *REQUIRED_COLUMNS]
    missing = next(column for column in needed if column not in known)
    return (
        f"{source}: has no column {missing}{nearest(missing, known)}; bars need {', '.join(needed)}, "
        f"the file has {', '.join(known)}; rename or add it"
    )


def _place(frame: pd.DataFrame, source: str, positions: IntegerArray | None, row: int) -> str:
    """Return 'SPY.parquet: SPY session 2024-07-03, row 17 (2024-07-03 13:47:00+00:00)'."""
    time = frame["timestamp"].iloc[row]
    session = frame["session"].iloc[row] if "session" in frame else str(time)[:10]
    number = row if positions is None else positions[row]
    return f"{source}: {frame['symbol'].iloc[row]} session {session}, row {number} ({time})"


def _bad_row_message(
    frame: pd.DataFrame, source: str, positions: IntegerArray | None, law: Law, column: str, good: BoolArray
) -> str:
    row = int(np.argmin(good))
    shown = law.columns or (column,)
    values = ", ".join(f"{name} {frame[name].iloc[row]}" for name in shown)
    count = f" ({len(good) - int(good.sum())} rows break this)" if not good[row + 1 :].all() else ""
    return f"{_place(frame, source, positions, row)}: {column} must {law.text}, was {values}{count}; {law.remedy}"


def report_crossed_quotes(frame: pd.DataFrame, source: str) -> int:
    """Return how many rows have bid >= ask, and log the count and the first; such quotes are kept as delivered."""
    if "bid" not in frame or "ask" not in frame:
        return 0
    crossed = _numbers(frame["bid"]) >= _numbers(frame["ask"])
    count = int(crossed.sum())
    if count:
        place = _place(frame, source, None, int(np.argmax(crossed)))
        logger.warning("%s: bid >= ask in %d of %d rows, this is the first; kept as they are", place, count, len(frame))
    return count
