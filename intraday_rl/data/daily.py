"""Daily closes of an index, such as the VIX: what a session knows of them before it opens.

Conventions: a close is known after its day's session, so a session sees those of earlier days only. Shapes: S sessions,
D days.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import DataError

MEAN_DAYS = 20
OLDEST_CLOSE_DAYS = 7  # a last close older than this has days missing after it
DAY_COLUMNS = ("date", "session", "day")

FloatColumn = npt.NDArray[np.float64]
DateColumn = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class DailyCloses:
    """Daily closes in the order of time.

    Attributes:
        source: what messages call them, usually the file.
        date: (D,) days, increasing.
        close: (D,) closes, known after the day's session.
    """

    source: str
    date: DateColumn
    close: FloatColumn

    def __post_init__(self) -> None:
        """Refuse days out of order and closes that are not positive numbers."""
        if (np.diff(self.date).astype(np.int64) <= 0).any():
            raise DataError(f"{self.source}: days must increase; sort the rows and drop repeated days")
        bad = ~(np.isfinite(self.close) & (self.close > 0.0))
        if bad.any():
            row = int(bad.argmax())
            raise DataError(f"{self.source}: close must be > 0, was {self.close[row]} on {self.date[row]}")

    def known_at_open(self, dates: DateColumn) -> tuple[FloatColumn, FloatColumn]:
        """Return for each session (S,) the last close before its day, and the mean of the last 20.

        Raises:
            DataError: a session has fewer than 20 closes before it, or a last one older than a week.
        """
        last = np.searchsorted(self.date, dates, side="left") - 1
        short = last < MEAN_DAYS - 1
        if short.any():
            day = dates[int(short.argmax())]
            raise DataError(f"{self.source}: must have {MEAN_DAYS} daily closes before {day}; add earlier days")
        stale = (dates - self.date[last]).astype(np.int64) > OLDEST_CLOSE_DAYS
        if stale.any():
            day = dates[int(stale.argmax())]
            raise DataError(
                f"{self.source}: must have a close of the {OLDEST_CLOSE_DAYS} days before {day}, its last one before "
                f"is of {self.date[last[int(stale.argmax())]]}; add the days between"
            )
        means = np.array([self.close[end - MEAN_DAYS + 1 : end + 1].mean() for end in last])
        return self.close[last], means


def read_daily_closes(path: Path) -> DailyCloses:
    """Return the daily closes of a Parquet or CSV file with the columns date (or session, or day) and close.

    Raises:
        DataError: the file is missing, cannot be read, lacks a column, or its days or closes are wrong.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a Parquet or CSV file with the columns date and close")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        frame = frame.rename(columns=lambda name: str(name).strip().lower())
        day = next((name for name in DAY_COLUMNS if name in frame), None)
        if day is None or "close" not in frame:
            raise DataError(
                f"{path}: must have the columns date and close, has {', '.join(frame.columns)}; rename them"
            )
        dates = pd.to_datetime(frame[day]).to_numpy().astype("datetime64[D]")
        closes = frame["close"].to_numpy(dtype=np.float64)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as daily closes ({reason}); write or download it again") from None
    return DailyCloses(str(path), dates, closes)
