"""Whether choosing the best of the trials tells anything: the probability of backtest overfitting over the sweep.

Conventions: the trials are those that the sweep could choose from, complete and feasible; a trial of several seeds has
the mean return of its seeds in each session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from intraday_rl.metrics import probability_of_backtest_overfitting
from intraday_rl.sweeps.results.front import feasible
from intraday_rl.sweeps.results.records import TrialRecord
from intraday_rl.sweeps.results.sessions import TrialReader

MAX_SPLITS = 16
MIN_SPLITS = 2


class Overfitting(NamedTuple):
    """The probability, what it rests on, and why it is not known or what was left out ("" = nothing)."""

    probability: float | None
    num_trials: int
    num_sessions: int
    num_splits: int
    reason: str


def trials_overfitting(records: Sequence[TrialRecord]) -> Overfitting:
    """Return how often the trial that is best in half of the validation sessions is at or below the median elsewhere.

    A trial that repeats an earlier one is left out. The sessions are cut into the largest even number of blocks that
    leaves two sessions in each, at most 16.
    """
    reader = TrialReader([record for record in feasible(records) if record.same_as is None])
    returns = [np.mean([run.returns for run in runs], axis=0) for _, runs in reader]
    num_sessions = len(reader.days)
    num_splits = min(MAX_SPLITS, num_sessions // 4 * 2)

    def unknown(reason: str) -> Overfitting:
        return Overfitting(None, len(returns), num_sessions, 0, reason)

    if len(returns) < 2:
        found = f"{len(returns)} feasible trial{'' if len(returns) == 1 else 's'} with session returns, two are needed"
        return unknown(f"{found} ({reader.reason})" if reader.reason else found)
    if num_splits < MIN_SPLITS:
        return unknown(f"{num_sessions} validation session{'' if num_sessions == 1 else 's'}, four are needed")
    probability = probability_of_backtest_overfitting(np.column_stack(returns), num_splits)
    return Overfitting(probability, len(returns), num_sessions, num_splits, reader.reason)
