"""The registry of trials: whatever was judged on a window of sessions, whoever judged it.

Conventions: a trial is a model on a set of sessions under a cost model; judging it again adds nothing. A window that
shares a session with another is the same window (SPEC B28), so trials are counted over all windows that share one,
under any costs. A checkpoint that is judged again as a finished model stays one trial, and becomes a model. Digests are
made by those who judge: `model` of all that decides how it trades, `costs` of the execution models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import numpy as np

from intraday_rl.core.hashing import hash_json
from intraday_rl.tracking.trials.schema import failing_as_tracking, open_registry

FILE = "trials.db"
MODEL: Literal["model"] = "model"
CHECKPOINT: Literal["checkpoint"] = "checkpoint"

SAME_WINDOW = """
SELECT kind, round_trip_sharpe, session_sharpe FROM trials WHERE window IN (
    SELECT window FROM sessions WHERE session IN (SELECT value FROM json_each(?))
)
"""
INSERT = """
INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET kind = excluded.kind,
    round_trip_sharpe = excluded.round_trip_sharpe, session_sharpe = excluded.session_sharpe
WHERE kind = 'checkpoint' AND excluded.kind = 'model'
"""


class Trial(NamedTuple):
    """A model that was judged."""

    model: str  # digest
    sessions: tuple[str, ...]  # names: equal where it is the same session of the same market
    costs: str  # digest
    kind: Literal["model", "checkpoint"]
    round_trip_sharpe: float | None  # not annualised; None where undefined
    session_sharpe: float | None
    algorithm: str
    run: str  # name of its folder


class Count(NamedTuple):
    """What was judged on a window."""

    models: int
    checkpoints: int
    sharpe_variance: float | None  # sample variance of the defined Sharpe ratios, of all or of the models if that is
    # larger: many checkpoints of one run that hardly learns must not hide how far models differ; None of fewer than two

    @property
    def num_trials(self) -> int:
        """All of them."""
        return self.models + self.checkpoints


class TrialRegistry:
    """The registry in a folder, safe for many processes at once; it is created on first use."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            TrackingError: it cannot be created or read.
        """
        self.file = folder / FILE
        self._connection = open_registry(self.file)

    def record(self, trial: Trial) -> None:
        """Add the trial unless it is there.

        Raises:
            TrackingError: the registry cannot be written.
        """
        self.record_all([trial])

    def record_all(self, trials: Iterable[Trial]) -> None:
        """Add all trials that are not there, or none.

        Raises:
            TrackingError: the registry cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with failing_as_tracking(self.file), self._transaction():
            for trial in trials:
                window = self._window_of(trial.sessions)
                ratios = (_finite(trial.round_trip_sharpe), _finite(trial.session_sharpe))
                row = (trial.model, window, trial.costs, trial.kind, *ratios, now, trial.algorithm, trial.run)
                self._connection.execute(INSERT, row)

    def count(self, sessions: Iterable[str], unit: Literal["round_trip", "session"]) -> Count:
        """Return how many trials were judged on a window that shares a session with this one.

        Args:
            sessions: names of the window's sessions.
            unit: whose Sharpe ratios the variance is asked for.

        Raises:
            TrackingError: the registry cannot be read.
        """
        with failing_as_tracking(self.file):
            rows = self._connection.execute(SAME_WINDOW, (json.dumps(sorted(sessions)),)).fetchall()
        models = sum(kind == MODEL for kind, _, _ in rows)
        ratios = [(kind, of_session if unit == "session" else of_trip) for kind, of_trip, of_session in rows]
        over_all = _variance([ratio for _, ratio in ratios])
        over_models = _variance([ratio for kind, ratio in ratios if kind == MODEL])
        known = [variance for variance in (over_all, over_models) if variance is not None]
        return Count(models, len(rows) - models, max(known, default=None))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the registry itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write all or nothing; a writer waits for others before it reads, so that nothing it read is outdated."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _window_of(self, sessions: Iterable[str]) -> int:
        """Return the number of the window of these sessions, which is added if needed."""
        names = sorted(set(sessions))
        digest = hash_json(names)
        added = self._connection.execute("INSERT OR IGNORE INTO windows (digest) VALUES (?)", (digest,)).rowcount
        (window,) = self._connection.execute("SELECT id FROM windows WHERE digest = ?", (digest,)).fetchone()
        if added:
            self._connection.executemany("INSERT INTO sessions VALUES (?, ?)", [(name, window) for name in names])
        return int(window)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _variance(ratios: Iterable[float | None]) -> float | None:
    known = sorted(ratio for ratio in ratios if ratio is not None)  # sums do not depend on who came first
    return float(np.var(known, ddof=1)) if len(known) > 1 else None
