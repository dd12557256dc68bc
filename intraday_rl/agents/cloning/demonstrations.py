"""Demonstrations: what a rule saw and did, session by session; the last days of them tell when fitting is to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.cloning.parameters import CloningParameters
from intraday_rl.core.errors import DataError
from intraday_rl.core.protocols import Rule
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import noise_cursors
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.tape import Tape

ENOUGH_SESSIONS = 100  # fewer are copies of the same few days (SPEC B37)


@dataclass(frozen=True)
class Demonstrations:
    """Decisions of a rule, n in all, session after session in time order.

    Attributes:
        observations: raw, as an agent would have been shown, (n, F).
        actions: codes of a discrete action map, sizes in [-1, 1] of a continuous one, (n,).
        sessions: index on the tape of each decision's session, (n,).
        dates: its trading day, (n,).
    """

    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[Any]
    sessions: npt.NDArray[np.int64]
    dates: npt.NDArray[np.datetime64]

    def warnings(self) -> list[str]:
        """Return a line where there are so few sessions that a clone learns them by heart."""
        count = len(np.unique(self.sessions))
        if count >= ENOUGH_SESSIONS:
            return []
        return [f"cloning: {count} sessions of demonstrations are few; give {ENOUGH_SESSIONS} or more"]


@dataclass(frozen=True)
class DemonstrationSplit:
    """Rows of demonstrations: to fit on, and to judge by, of later days."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def demonstrate(
    rule: Rule, tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], seed: int
) -> Demonstrations:
    """Let the rule trade each usable session of `sessions` once, and keep every decision.

    Args:
        rule: who demonstrates.
        tape: the market.
        rules: the environment, which says what is observed and what an action is.
        sessions: indices on the tape.
        seed: of the latency noise.

    Raises:
        ParameterError: no session is usable.
    """
    usable = tape.usable(sessions)
    batch = BatchEnv(tape, rules, usable, max(len(usable), 1), seed)
    batch.assign(usable, noise_cursors(tape, usable))
    policy, steps = rule.bind(batch), int((tape.last_row[usable] - tape.first_row[usable]).max())
    shown = np.empty((len(usable), steps, batch.width), dtype=np.float32)
    done = np.empty((len(usable), steps))
    length = np.zeros(len(usable), dtype=np.int64)
    alive, start = np.ones(len(usable), dtype=np.bool_), np.ones(len(usable), dtype=np.bool_)
    observations, state = batch.reset(), None
    for step in range(steps):
        actions, state = policy.predict(observations, state, start)
        shown[:, step], done[:, step] = observations, actions
        length[alive] = step + 1
        batch.step(actions, observations)
        start = (batch.terminated + batch.truncated) > 0
        alive &= ~start
        if not alive.any():
            break
    kept, session = np.arange(steps) < length[:, None], np.repeat(usable, length)
    is_discrete = hasattr(batch.action_space, "n")
    labels = done[kept].astype(np.int64 if is_discrete else np.float32)
    return Demonstrations(shown[kept], labels, session, tape.dates[session])


def split_demonstrations(demonstrations: Demonstrations, parameters: CloningParameters) -> DemonstrationSplit:
    """Cut the demonstrations by day: the last days are for validation, the embargo's before them belong to no part.

    Raises:
        DataError: there are too few days for two parts.
    """
    days, day_of = np.unique(demonstrations.dates, return_inverse=True)
    first = len(days) - max(1, round(len(days) * parameters.validation_fraction))
    last = first - parameters.embargo_sessions
    if last < 1:
        raise DataError(
            f"cloning: demonstrations of {len(days)} days leave none to fit on, beside {len(days) - first} to validate "
            f"and {parameters.embargo_sessions} of embargo; give more sessions"
        )
    return DemonstrationSplit(np.flatnonzero(day_of < last), np.flatnonzero(day_of >= first))
