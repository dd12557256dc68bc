"""What is known of a trial, and of a candidate that was trained again with other seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intraday_rl.sweeps.definition import Metrics

COMPLETE = "complete"
INFEASIBLE = "infeasible"  # complete, and outside a constraint: never on the front
STOPPED_EARLY = "stopped early"
FAILED = "failed"
RUNNING = "running"


@dataclass(frozen=True)
class TrialRecord:
    """A trial of the study.

    Attributes:
        number: in the study; names its folder too.
        state: one of the words above.
        params: value of each dimension, by key.
        values: the objectives, in their order; None unless the trial is complete or infeasible.
        violations: of each constraint, <= 0 where it is kept.
        seconds: from start to end; None while it runs.
        folders: its run folders, one for each seed. Of a policy: metrics.json (also of each seed), equity.parquet,
            trades.parquet, all of its validation sessions.
        reason: why it failed, was stopped or was not run; "" for others.
        same_as: the earlier trial whose parameters and result it has; None where it was run itself.
    """

    number: int
    state: str
    params: dict[str, Any]
    values: tuple[float, ...] | None
    violations: dict[str, float]
    seconds: float | None
    folders: tuple[Path, ...]
    reason: str
    same_as: int | None = None


@dataclass(frozen=True)
class Candidate:
    """One of the best trials, trained again with fresh seeds.

    Attributes:
        number: of the trial whose parameters it has.
        params: those.
        values: the objectives on the validation sessions, mean over the fresh seeds.
        is_feasible: whether every seed keeps the constraints.
        validation: the metrics of each seed's model on the validation sessions.
        test: the metrics of the same models on the test sessions, judged once.
        folders: run folders, one for each seed.
        chosen: whether it became a member of the ensemble.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...]
    is_feasible: bool
    validation: tuple[Metrics, ...]
    test: tuple[Metrics, ...]
    folders: tuple[Path, ...]
    chosen: bool
