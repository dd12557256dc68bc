"""All that a sweep came to, for its table and its page.

Conventions: what is costly to compute (boxes, overfitting) is computed when it is first asked for, and kept. A number
of several seeds is their mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import optuna

from intraday_rl.sweeps.definition import Constraint, Metrics, Objective
from intraday_rl.sweeps.results.front import contributions, feasible, hypervolume, non_dominated, values_of
from intraday_rl.sweeps.results.overfitting import Overfitting, trials_overfitting
from intraday_rl.sweeps.results.records import Candidate, TrialRecord
from intraday_rl.sweeps.results.resampling import Boxes, bootstrap_boxes
from intraday_rl.sweeps.results.sessions import METRICS_FILE

NET_RETURN = "net_return"


@dataclass(frozen=True)
class SweepResults:
    """What a sweep came to.

    Attributes:
        study_name: as in the storage.
        objectives: in their order.
        constraints: that the policies of the front keep.
        records: every trial of the study.
        candidates: the best of them, trained again with fresh seeds; none before that.
        study: for the importances of the parameters.
        replay_commands: the command that runs a trial again, by its number.
        member_commands: the commands that train the ensemble's members again, and the one that combines them.
        num_counted: trials, seeds and checkpoints that were ever judged on the validation sessions; None = not counted.
        num_counted_on_test: the same for the test sessions.
        deflated_sharpe: of what was chosen, on the validation sessions with that count; None = not known.
        ensemble_validation: metrics of the ensemble on the validation sessions; None = there is none.
        ensemble_test: metrics of the ensemble on the test sessions.
        verdict: of the ensemble's gates on the test sessions, with what decided it; "" = there is none.
    """

    study_name: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    records: tuple[TrialRecord, ...]
    candidates: tuple[Candidate, ...]
    study: optuna.Study
    replay_commands: Mapping[int, str]
    member_commands: tuple[str, ...]
    num_counted: int | None
    num_counted_on_test: int | None
    deflated_sharpe: float | None
    ensemble_validation: Metrics | None
    ensemble_test: Metrics | None
    verdict: str

    @cached_property
    def feasible(self) -> list[TrialRecord]:
        """The complete trials that keep every constraint, in the order of their numbers."""
        return feasible(self.records)

    @cached_property
    def front(self) -> list[TrialRecord]:
        """The feasible trials that no other of them dominates, in the order of their numbers."""
        free = non_dominated(values_of(self.feasible, self.objectives), self.objectives)
        return [record for record, is_free in zip(self.feasible, free, strict=True) if is_free]

    @cached_property
    def contributions(self) -> dict[int, float]:
        """Exclusive hypervolume of each feasible trial, by its number."""
        volumes = contributions(values_of(self.feasible, self.objectives), self.objectives)
        return {record.number: float(volume) for record, volume in zip(self.feasible, volumes, strict=True)}

    @cached_property
    def hypervolume(self) -> float:
        """Hypervolume of the feasible trials, in the product of the objectives' units."""
        return hypervolume(values_of(self.feasible, self.objectives), self.objectives)

    @cached_property
    def boxes(self) -> Boxes:
        """How far drawn sessions move the front and the trials near it."""
        return bootstrap_boxes(self.records, self.objectives)

    @cached_property
    def overfitting(self) -> Overfitting:
        """Probability of backtest overfitting over the trials."""
        return trials_overfitting(self.records)

    @cached_property
    def net_returns(self) -> dict[int, float]:
        """Net return on validation of each feasible trial whose runs tell it, by its number."""
        found = {record.number: _mean_net_return(record) for record in self.feasible}
        return {number: value for number, value in found.items() if value is not None}


def objective_value(metrics: Metrics, objective: Objective) -> float:
    """Return a run's value as the sweep counts it: at most the cap, the reference where it is undefined.

    A profit factor without losses is undefined too, and counts as the cap.
    """
    value = metrics.get(objective.name)
    if value is None or math.isnan(value):
        endless = objective.name == "profit_factor" and metrics.get("pf_undefined")
        return objective.cap if endless and objective.cap is not None else objective.reference
    return float(value) if objective.cap is None else min(float(value), objective.cap)


def mean_and_range(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean, smallest and largest; NaN without values."""
    return (sum(values) / len(values), min(values), max(values)) if values else (math.nan, math.nan, math.nan)


def _mean_net_return(record: TrialRecord) -> float | None:
    values = []
    for folder in record.folders:
        try:
            value = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))[NET_RETURN]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if value is None:
            return None
        values.append(float(value))
    return mean_and_range(values)[0] if values else None
