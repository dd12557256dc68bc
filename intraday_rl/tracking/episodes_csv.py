"""`metrics_<phase>.csv`: one row for each finished training episode, for a later look at what a curriculum did.

Columns: timestep at which it ended; episode, counted from 1; stage in which it ended; symbol; session; session_return,
net P&L over session-start NAV; max_drawdown, positive fraction of session-start NAV; turnover, traded notional over
session-start NAV; round_trips; episode_reward, the unscaled sum.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from intraday_rl.core.persistence.csv_file import CsvFile

COLUMNS = (
    "timestep",
    "episode",
    "stage",
    "symbol",
    "session",
    "session_return",
    "max_drawdown",
    "turnover",
    "round_trips",
    "episode_reward",
)
FLUSH_SECONDS = 1.0
FROM_INFO = COLUMNS[3:-1]  # what the episode's info holds under the same name


class EpisodesCsv:
    """Writer of the file. Rows are handed to the system once a second at most, and all of them by `close`."""

    def __init__(self, path: Path) -> None:
        """Open the file; rows of an interrupted run that is continued stay and new ones follow."""
        self._file = CsvFile(path, COLUMNS)
        self._episodes = 0
        self._flush()

    def add(self, timestep: int, stage: str, info: Mapping[str, Any]) -> None:
        """Write the row of a finished episode.

        Args:
            timestep: total of environment steps when it ended.
            stage: name of the stage in which it ended.
            info: as `BatchEnv.episode_infos` describes it.
        """
        self._episodes += 1
        values = [_field(info[name]) for name in FROM_INFO]
        self._file.write([timestep, self._episodes, stage, *values, _field(info["episode"]["r"])])
        self.advance()

    def advance(self) -> None:
        """Hand waiting rows to the system if a second has passed since the last time."""
        if time.monotonic() >= self._flush_at:
            self._flush()

    def state(self) -> dict[str, Any]:
        """Return the file's size and the number of its rows."""
        return {"size": self._file.secured_size(), "episodes": self._episodes}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the writer was when it gave that state; rows that were written later are dropped.

        Raises:
            CheckpointError: rows are missing.
        """
        self._file.cut(state["size"])
        self._episodes = state["episodes"]

    def close(self) -> None:
        """Write what waits and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def _flush(self) -> None:
        self._file.flush()
        self._flush_at = time.monotonic() + FLUSH_SECONDS


def _field(value: Any) -> str:
    return format(value, ".10g") if isinstance(value, float) else str(value)
