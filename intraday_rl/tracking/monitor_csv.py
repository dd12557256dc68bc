"""`monitor.csv`: one row every 1,000 environment steps, for a look at a run with nothing but a text tool.

Columns: timestep; episode, the number of finished episodes; avg_reward, mean unscaled reward of the last 20 finished
episodes; sharpe_30, annualised Sharpe ratio of the last 30 sessions' returns; max_dd_30, the largest session drawdown
of those, a positive fraction of session-start NAV; entropy, the policy's mean entropy in the last update; turnover,
mean per session of the last 30, traded notional over session-start NAV; then, of the last 20 finished episodes, the
means of what a step had: turnover_ratio, traded value over NAV; penalty, in reward units; penalty_frequency, share of
the steps with a penalty; pattern_frequency, share of the steps with a flagged action pattern. Windows that are not full
yet use what there is. What is missing or not finite is an empty field.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from intraday_rl.core.persistence.csv_file import CsvFile
from intraday_rl.metrics import sharpe_ratio

STEP_MEANS = ("turnover_ratio", "penalty", "penalty_frequency", "pattern_frequency")
COLUMNS = ("timestep", "episode", "avg_reward", "sharpe_30", "max_dd_30", "entropy", "turnover", *STEP_MEANS)
ROW_STEPS = 1000
RECENT_EPISODES = 20
WINDOW_SESSIONS = 30


class FinishedEpisode(NamedTuple):
    """One finished episode, which is one trading session.

    Attributes:
        reward: sum of the unscaled rewards.
        session_return: net P&L over session-start NAV.
        session_drawdown: largest fall from the session's high, positive fraction of session-start NAV.
        turnover: traded notional over session-start NAV.
        turnover_ratio: traded value over NAV, mean per step.
        penalty: mean per step, reward units.
        penalty_frequency: share of the steps with a penalty.
        pattern_frequency: share of the steps with a flagged action pattern.
    """

    reward: float
    session_return: float
    session_drawdown: float
    turnover: float
    turnover_ratio: float
    penalty: float
    penalty_frequency: float
    pattern_frequency: float


class MonitorCsv:
    """Writer of `monitor.csv`. Each row is handed to the system at once, so a killed run keeps all of them."""

    def __init__(self, path: Path) -> None:
        """Open the file; rows of an interrupted run that is continued stay and new ones follow."""
        self._file = CsvFile(path, COLUMNS)
        self._episodes = 0
        self._recent: deque[FinishedEpisode] = deque(maxlen=RECENT_EPISODES)
        self._sessions: deque[FinishedEpisode] = deque(maxlen=WINDOW_SESSIONS)
        self._entropy = math.nan
        self._next_row = ROW_STEPS

    def add_episode(self, episode: FinishedEpisode) -> None:
        """Take note of a finished episode."""
        self._episodes += 1
        self._recent.append(episode)
        self._sessions.append(episode)

    def set_entropy(self, entropy: float) -> None:
        """Take note of the policy's mean entropy (nats) in the update that just ended."""
        self._entropy = entropy

    def advance(self, timestep: int) -> None:
        """Write a row if the total of environment steps has passed the next multiple of 1,000.

        A batch that passes several multiples in one step gives one row, at the step reached.
        """
        if timestep >= self._next_row:
            self._file.write(self._row(timestep))
            self._file.flush()
            self._next_row = (timestep // ROW_STEPS + 1) * ROW_STEPS

    def state(self) -> dict[str, Any]:
        """Return the file's size and what the coming rows are made of."""
        return {
            "size": self._file.secured_size(),
            "episodes": self._episodes,
            "sessions": [list(session) for session in self._sessions],
            "entropy": self._entropy,
            "next_row": self._next_row,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the writer was when it gave that state; rows that were written later are dropped.

        Raises:
            CheckpointError: rows are missing.
        """
        self._file.cut(state["size"])
        self._episodes, self._entropy, self._next_row = state["episodes"], state["entropy"], state["next_row"]
        sessions = [FinishedEpisode(*session) for session in state["sessions"]]
        self._sessions.extend(sessions)
        self._recent.extend(sessions)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> MonitorCsv:
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def _row(self, timestep: int) -> tuple[str, ...]:
        sessions = self._sessions
        returns = [s.session_return for s in sessions]
        values = (
            _mean([episode.reward for episode in self._recent]),
            sharpe_ratio(returns) if len(returns) > 1 and all(map(math.isfinite, returns)) else math.nan,
            max((s.session_drawdown for s in sessions), default=math.nan),
            self._entropy,
            _mean([s.turnover for s in sessions]),
            *(_mean([getattr(episode, name) for episode in self._recent]) for name in STEP_MEANS),
        )
        return (str(timestep), str(self._episodes), *map(_field, values))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _field(value: float) -> str:
    return format(value, ".10g") if math.isfinite(value) else ""
