"""One symbol's download: which sessions are missing, in what requests, and what became of each.

Conventions: a session is in the store as a whole or not at all, and is written as soon as it is there. Sessions that
the store holds undamaged are not asked for again. S sessions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from intraday_rl.core.errors import DataError
from intraday_rl.data.bars import BoolArray
from intraday_rl.data.massive.client import MassiveClient
from intraday_rl.data.massive.parameters import MassiveDownload
from intraday_rl.data.sessions import Sessions
from intraday_rl.data.storage.store import BarStore

OUTSIDE = "outside the sessions"
REVISED = "sent again, the later counts"


@dataclass(frozen=True)
class Job:
    """What all symbols of a collection have in common.

    Attributes:
        settings: how the service is asked.
        store: where the sessions go.
        calendar: name of the exchange calendar.
        sessions: the S sessions that are wanted; all of them are over.
        origin: what each file says about where its bars come from.
    """

    settings: MassiveDownload
    store: BarStore
    calendar: str
    sessions: Sessions
    origin: dict[str, str]


@dataclass
class SymbolReport:
    """What became of a symbol's sessions, so far.

    Attributes:
        symbol: its name.
        wanted: sessions that are wanted.
        held: sessions that the store held already.
        damaged: files of the store that did not hold what was written, and are collected again.
        written: sessions written.
        bars: bars written.
        counts: reason -> bars left out.
        empty: days for which the service has no bar of a session.
        problems: one line for each session that was refused.
    """

    symbol: str
    wanted: int
    held: int = 0
    damaged: int = 0
    written: int = 0
    bars: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Sessions about which nothing more has to be asked."""
        return self.held + self.written + len(self.empty) + len(self.problems)


OnProgress = Callable[[SymbolReport], None]


def download_symbol(job: Job, client: MassiveClient, report: SymbolReport, on_progress: OnProgress) -> None:
    """Download the missing sessions of one symbol; `report` grows as they come.

    Args:
        job: what to download where.
        client: the service.
        report: of the symbol, fresh.
        on_progress: called after each session, in this thread; what it raises ends the download.

    Raises:
        ServiceError: nothing more can be had for any symbol.
        DataError: the service refuses a request, or has not one bar.
        StoppedError: the download was stopped.
        OSError: the store cannot be written.
    """
    missing = _missing(job, report)
    on_progress(report)
    for first, stop in requests(missing, job.settings.sessions_per_request):
        part = slice(first, stop)
        _download_part(job, client, report, job.sessions.take(part), missing[part], on_progress)
    if len(report.empty) == report.wanted:
        raise DataError(_nothing(job, client, report.symbol))


def requests(missing: BoolArray, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, stop) of the requests that cover all missing sessions.

    A request spans at most `most` sessions and begins and ends with a missing one.

    Args:
        missing: (S,) which sessions are missing.
        most: sessions of a request.
    """
    left = np.flatnonzero(missing)
    while len(left):
        covered = left[left < left[0] + most]
        yield int(covered[0]), int(covered[-1]) + 1
        left = left[len(covered) :]


def _missing(job: Job, report: SymbolReport) -> BoolArray:
    if job.settings.refresh:
        return np.ones(len(job.sessions), dtype=bool)
    stored = job.store.sessions(report.symbol)
    intact = job.store.intact_sessions(report.symbol)
    held = np.isin(job.sessions.date, intact)
    report.held = int(held.sum())
    report.damaged = int(np.isin(job.sessions.date, stored).sum()) - report.held
    return ~held


def _download_part(
    job: Job,
    client: MassiveClient,
    report: SymbolReport,
    sessions: Sessions,
    missing: BoolArray,
    on_progress: OnProgress,
) -> None:
    """Ask for the sessions and write those that are missing."""
    frame = client.minute_bars(report.symbol, sessions.date[0], sessions.date[-1])
    start_ns = frame["timestamp"].astype("int64").to_numpy()
    number = np.searchsorted(sessions.open_ns, start_ns, side="right") - 1
    inside = (number >= 0) & (start_ns < sessions.close_ns[number])
    report.counts[OUTSIDE] += int((~inside).sum())
    for session in np.flatnonzero(missing):
        rows = frame[inside & (number == session)]
        _write_session(job, report, rows, str(sessions.date[session]))
        on_progress(report)


def _write_session(job: Job, report: SymbolReport, rows: pd.DataFrame, day: str) -> None:
    if rows.empty:
        report.empty.append(day)
        return
    try:
        written = job.store.write(rows, report.symbol, job.calendar, job.origin)
    except DataError as error:  # the others of the request may be sound
        report.problems.append(str(error))
        return
    report.written += 1
    report.bars += written.bars
    report.counts[REVISED] += written.revised


def _nothing(job: Job, client: MassiveClient, symbol: str) -> str:
    if not client.knows(symbol):
        return f"{symbol}: Massive knows no active symbol of that name; check its spelling (such as BRK.B)"
    days = f"{job.sessions.date[0]} to {job.sessions.date[-1]}"
    return f"{symbol}: Massive has no bar in the sessions of {days}; choose days on which it was traded"
