"""The validation sessions of a judged run folder, one trading day after another.

Conventions: the unit is the trading day. Of several symbols all accounts of a day are one portfolio: an account without
a bar yet, or without a session that day, counts with its start NAV, and one that has no further bar with its last NAV.
Money is USD, net of all costs. Each session starts from the same capital.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_rl.core.errors import DataError
from intraday_rl.sweeps.results.records import TrialRecord

Floats = npt.NDArray[np.float64]

METRICS_FILE, EQUITY_FILE, TRADES_FILE = "metrics.json", "equity.parquet", "trades.parquet"


@dataclass(frozen=True)
class RunSessions:
    """What a policy's validation came to, day by day.

    Attributes:
        days: (S,) dates in order.
        capital_usd: of all accounts together.
        wins, losses: (S,) sums of the day's winning and of its losing round trips, both >= 0.
        paths: of each day the portfolio's P&L since the day's start, at every minute that has a bar.
        bar_returns: of each account and day the P&L of each bar / the account's start NAV.
    """

    days: npt.NDArray[np.datetime64]
    capital_usd: float
    wins: Floats
    losses: Floats
    paths: tuple[Floats, ...]
    bar_returns: tuple[tuple[Floats, ...], ...]

    @property
    def net_pnl(self) -> Floats:
        """P&L of each day, (S,)."""
        return np.array([path[-1] for path in self.paths])

    @property
    def returns(self) -> Floats:
        """P&L of each day / capital, (S,)."""
        return self.net_pnl / self.capital_usd


class TrialReader:
    """Reads the runs of trials that were validated on the same days, one trial at a time: frames take much memory.

    Attributes:
        days: (S,) dates of the first trial that could be read; none before.
        reason: why the first of those left out was left out; "" where none was.
    """

    def __init__(self, trials: Sequence[TrialRecord]) -> None:
        """Read nothing yet."""
        self._trials = trials
        self.days: npt.NDArray[np.datetime64] = np.array([], dtype="datetime64[ns]")
        self.reason = ""

    def __iter__(self) -> Iterator[tuple[int, list[RunSessions]]]:
        """Yield the number and the runs of each trial, one run for each seed."""
        for trial in self._trials:
            try:
                yield trial.number, self._read(trial)
            except DataError as error:
                self.reason = self.reason or f"trial {trial.number}: {error}"

    def _read(self, trial: TrialRecord) -> list[RunSessions]:
        if not trial.folders:
            raise DataError("it has no run folder")
        runs = [read_run(folder) for folder in trial.folders]
        self.days = self.days if len(self.days) else runs[0].days
        if not all(np.array_equal(run.days, self.days) for run in runs):
            raise DataError("it was validated on other sessions than the trials before it")
        return runs


def read_run(folder: Path) -> RunSessions:
    """Return the sessions of a run folder.

    Raises:
        DataError: the folder holds no judged policy: a file is missing, cannot be read, or has no bar.
    """
    missing = [name for name in (METRICS_FILE, EQUITY_FILE, TRADES_FILE) if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder.name} has no {missing[0]}")
    try:
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        capital, accounts = float(metrics["initial_nav_usd"]), int(metrics["num_accounts"])
        bars = pd.read_parquet(folder / EQUITY_FILE, columns=["date", "symbol", "time", "nav"])
        trades = pd.read_parquet(folder / TRADES_FILE, columns=["date", "net_pnl"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{folder.name} cannot be read as a judged run: {first_line}") from None
    if bars.empty:
        raise DataError(f"{folder.name}/{EQUITY_FILE} has no bar")
    return _of_frames(bars, trades, capital, accounts)


def _of_frames(bars: pd.DataFrame, trades: pd.DataFrame, capital: float, accounts: int) -> RunSessions:
    own = capital / accounts
    wide = bars.pivot(index=["date", "time"], columns="symbol", values="nav") - own
    total = wide.groupby(level="date").ffill().fillna(0.0).sum(axis=1)
    days = pd.Index(np.unique(bars["date"].to_numpy()))
    pnl, place = trades["net_pnl"].to_numpy(dtype=np.float64), days.get_indexer(pd.Index(trades["date"]))

    def by_day(amounts: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights=amounts, minlength=len(days)), dtype=np.float64)

    return RunSessions(
        days=days.to_numpy(),
        capital_usd=capital,
        wins=by_day(np.maximum(pnl, 0.0)),
        losses=by_day(np.maximum(-pnl, 0.0)),
        paths=tuple(_split(total, days)),
        bar_returns=tuple(
            tuple(np.diff(path, prepend=0.0) / own for path in _split(wide[symbol].dropna(), days)) for symbol in wide
        ),
    )


def _split(series: pd.Series[float], days: pd.Index[pd.Timestamp]) -> list[Floats]:
    """Return the values of each day; none where the series has no row of the day."""
    place = days.get_indexer(series.index.get_level_values("date"))
    values = np.asarray(series, dtype=np.float64)
    return np.split(values, np.searchsorted(place, np.arange(1, len(days))))
