"""A study in its storage: which trials it has, which is next, and what each came to.

Conventions: `n_trials` is the total. A trial keeps its number and parameters until it has an end: one that was
interrupted is taken up again. Where several machines propose at once, a trial too many is marked as such and is not
counted.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intraday_rl.core.differences import first_difference
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.leases import SETTLE_SECONDS, Leases
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.results.records import COMPLETE, FAILED, INFEASIBLE, RUNNING, STOPPED_EARLY, TrialRecord
from intraday_rl.sweeps.samplers import SamplerParameters, derived_seed
from intraday_rl.sweeps.space import Dimension

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

DEFINITION, CREATOR, FINISHER = "definition", "creator", "finisher"  # attributes of the study
SURPLUS, REASON, SECONDS, CURVE, SAME_AS = "surplus", "reason", "seconds", "curve", "same_as"  # of a trial
Curve = list[tuple[float, float]]  # (step, value) of the number by which a trial is watched


@dataclass(frozen=True)
class Definition:
    """What makes a study; two sweeps of one name must agree in it.

    Attributes:
        name: of the study.
        space: its dimensions, in order.
        objectives: in order.
        constraints: in order.
        seeds: of the repetitions of each trial.
        facts: everything else that makes trials comparable, as JSON values: what is fixed, costs, rules.
    """

    name: str
    space: tuple[Dimension, ...]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    seeds: tuple[int, ...]
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values that can be compared."""
        return {
            "space": {d.key: {k: v for k, v in d._asdict().items() if k != "key"} for d in self.space},
            "objectives": {o.name: o._asdict() for o in self.objectives},
            "order_of_objectives": [o.name for o in self.objectives],
            "constraints": {c.name: c._asdict() for c in self.constraints},
            "seeds": list(self.seeds),
            **self.facts,
        }


class SweepStudy:
    """A study and its trials.

    Attributes:
        study: Optuna's.
        definition: what it searches.
        n_trials: how many trials it is to have in all.
        leases: whose trials are whose; None where no other machine can see the study.
    """

    def __init__(
        self,
        storage: BaseStorage,
        definition: Definition,
        sampler: SamplerParameters,
        n_trials: int,
        heartbeat_seconds: float | None,
        pruner: Any = None,
    ) -> None:
        """Make the study, or go on with it.

        Args:
            storage: where it is kept.
            definition: what it searches.
            sampler: who proposes.
            n_trials: how many trials it is to have in all.
            heartbeat_seconds: from one sign of life to the next, where other machines share the study; None: none do.
            pruner: Optuna's, of a single objective.

        Raises:
            SweepError: the study of that name searches something else.
        """
        import optuna
        from optuna.study import StudyDirection

        self.definition, self.n_trials, self._storage = definition, n_trials, storage
        self._ended: dict[int, TrialRecord] = {}
        self._distributions = {dimension.key: dimension.distribution() for dimension in definition.space}
        self.study: Study = optuna.create_study(
            storage=storage,
            study_name=definition.name,
            directions=[StudyDirection[objective.direction.upper()] for objective in definition.objectives],
            load_if_exists=True,
            pruner=pruner,
        )
        self.leases = None if heartbeat_seconds is None else Leases(storage.set_trial_user_attr, heartbeat_seconds)
        self._agree(definition.to_json())
        self.study.sampler = sampler.build(self._sampler_seed(sampler.seed), n_trials, definition.space)

    def _agree(self, mine: dict[str, Any]) -> None:
        saved = self.study.user_attrs.get(DEFINITION)
        if saved is None:
            directions = [direction.name.lower() for direction in self.study.directions]
            if self.study.get_trials(deepcopy=False) or directions != [o.direction for o in self.definition.objectives]:
                raise SweepError(
                    f"study {self.definition.name} is in the storage already and no sweep began it; name another one "
                    "with hparams.study=NAME"
                )
            with warnings.catch_warnings(action="ignore"):  # the dashboard shows these names; Optuna calls them new
                self.study.set_metric_names([objective.name for objective in self.definition.objectives])
            self.study.set_user_attr(DEFINITION, mine)
            return
        difference = first_difference(saved, _as_stored(mine))
        if difference is not None:
            raise SweepError(
                f"study {self.definition.name} searches something else: {difference}; give what it began with, or name "
                "another one with hparams.study=NAME"
            )

    def _sampler_seed(self, seed: int) -> int:
        """Return the seed itself for the process that made the study, another for every other one."""
        number = len(self._trials())
        if self.leases is None:
            return seed if number == 0 else derived_seed(seed, number)
        is_first = self._claims(CREATOR) and number == 0
        return seed if is_first else derived_seed(seed, number, int(self.leases.name[-8:], 16))

    def claims_finish(self) -> bool:
        """Say whether it is this process that writes the results: of several machines the first that asks."""
        return self.leases is None or self._claims(f"{FINISHER}_of_{self.n_trials}")

    def _claims(self, role: str) -> bool:
        """Put this process's name to a role that nobody has, and say whether it stands there a moment later."""
        assert self.leases is not None
        if self._attributes().get(role) is None:
            self.study.set_user_attr(role, self.leases.name)
            time.sleep(SETTLE_SECONDS)
        return bool(self._attributes().get(role) == self.leases.name)

    def _attributes(self) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(self.study._study_id)

    def _trials(self) -> list[FrozenTrial]:
        """Return the trials that count, in order of their numbers; they are only read."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if not trial.user_attrs.get(SURPLUS)]

    def num_begun(self) -> int:
        """Return how many trials have begun."""
        return len(self._trials())

    def next_number(self) -> int:
        """Return the number that the next trial has, unless another machine begins one before."""
        return len(self.study.get_trials(deepcopy=False))

    def propose(self) -> Trial | None:
        """Return the next trial with its parameters; None where the study has all of its trials."""
        if self.num_begun() >= self.n_trials:
            return None
        trial = self.study.ask(self._distributions)
        if self.leases is not None:
            before = sum(other.number < trial.number for other in self._trials())
            if before >= self.n_trials:
                self.fail(trial, "another machine had begun the last trial", {SURPLUS: True})
                return None
            self.leases.take(self._frozen(trial.number))
        return trial

    def take_over(self, at_work: Sequence[int]) -> list[Trial]:
        """Return trials that were interrupted, with all of their parameters, and which are now this process's.

        Args:
            at_work: numbers of the trials that this process works on.
        """
        left = [trial for trial in self._running() if trial.number not in at_work]
        if self.leases is not None:
            left = [trial for trial in left if self.leases.is_left_alone(trial)]
            for trial in left:
                self.leases.take(trial)
            if left:
                time.sleep(SETTLE_SECONDS)
                left = [trial for trial in left if self._is_still_mine(trial)]
        return [self._whole(trial) for trial in left]

    def beat(self, at_work: Sequence[int]) -> None:
        """Tell other machines that these trials are being worked on."""
        if self.leases is not None:
            self.leases.beat([trial for trial in self._running() if trial.number in at_work])

    def taken_away(self, at_work: Sequence[int]) -> list[int]:
        """Return which of these trials another machine has taken over, because this one was silent for too long."""
        if self.leases is None:
            return []
        mine = [trial for trial in self._trials() if trial.number in at_work]
        return [trial.number for trial in mine if not self.leases.is_mine(trial)]

    def num_elsewhere(self, at_work: Sequence[int]) -> int:
        """Return how many trials other machines work on."""
        return 0 if self.leases is None else sum(trial.number not in at_work for trial in self._running())

    def _is_still_mine(self, trial: FrozenTrial) -> bool:
        now = self._frozen(trial.number)
        return self.leases is not None and not now.state.is_finished() and self.leases.is_mine(now)

    def _running(self) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        return [trial for trial in self._trials() if trial.state == TrialState.RUNNING]

    def _whole(self, trial: FrozenTrial) -> Trial:
        """Return the trial with all parameters: its process may have ended before it had drawn the last."""
        import optuna

        whole = optuna.trial.Trial(self.study, trial._trial_id)
        for key, distribution in self._distributions.items():
            whole._suggest(key, distribution)
        return whole

    def _frozen(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(
            self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        )

    def complete(self, trial: Trial, outcome: Outcome, facts: Mapping[str, Any]) -> bool:
        """Tell what a trial came to, and say whether it had no end yet."""
        told = self._frozen(trial.number).constraints  # by a process that was killed before it told the rest
        left = {name: value for name, value in outcome.violations.items() if name not in told}
        return self._end(trial, {REASON: "", **facts}, left, values=outcome.values)

    def fail(self, trial: Trial, reason: str, facts: Mapping[str, Any]) -> bool:
        """Tell that a trial failed by itself, and why; say whether it had no end yet."""
        from optuna.trial import TrialState

        return self._end(trial, {**facts, REASON: reason}, {}, state=TrialState.FAIL)

    def stop_early(self, trial: Trial, reason: str, facts: Mapping[str, Any]) -> bool:
        """Tell that a trial was stopped because it was not worth going on, and why; say whether it had no end yet."""
        from optuna.trial import TrialState

        return self._end(trial, {**facts, REASON: reason}, {}, state=TrialState.PRUNED)

    def _end(self, trial: Trial, facts: Mapping[str, Any], violations: Mapping[str, float], **told: Any) -> bool:
        """Write all that is known of a trial, its end last; one that another process ended is left as it is."""
        from optuna.exceptions import UpdateFinishedTrialError

        if self._frozen(trial.number).state.is_finished():
            return False
        try:
            for name, violation in violations.items():
                trial.set_constraint(name, violation)
            for name, value in facts.items():
                trial.set_user_attr(name, value)
            self.study.tell(trial, **told)
        except (UpdateFinishedTrialError, ValueError):  # ended since we looked
            if not self._frozen(trial.number).state.is_finished():
                raise
            return False
        return True

    def curves(self) -> list[Curve]:
        """Return the curve of every trial that was trained to its end or stopped early."""
        from optuna.trial import TrialState

        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        return [t.user_attrs[CURVE] for t in self._trials() if t.state in ended and t.user_attrs.get(CURVE)]

    def twin(self, trial: Trial) -> tuple[int, Outcome | None] | None:
        """Return an earlier trial of the same parameters that came to an end: its number and what it came to.

        The outcome of one that was stopped early is None; one that failed may do better the next time.
        """
        from optuna.trial import TrialState

        for other in self._trials():
            if other.number >= trial.number:
                return None
            if other.params != trial.params or other.state not in (TrialState.COMPLETE, TrialState.PRUNED):
                continue
            is_complete = other.state == TrialState.COMPLETE
            outcome = Outcome(tuple(other.values), other.constraints) if is_complete else None
            return other.user_attrs.get(SAME_AS, other.number), outcome
        return None

    def records(self, folders_of: Callable[[int], tuple[Path, ...]]) -> list[TrialRecord]:
        """Return all trials, in order.

        Args:
            folders_of: the run folders of the trial with that number.
        """
        return [
            self._ended.get(trial.number)
            or self._recorded(trial, folders_of(trial.user_attrs.get(SAME_AS, trial.number)))
            for trial in self._trials()
        ]

    def _recorded(self, trial: FrozenTrial, folders: tuple[Path, ...]) -> TrialRecord:
        record = _record(trial, folders)
        if trial.state.is_finished():  # nothing of it changes any more, and all are asked for at each trial's end
            self._ended[trial.number] = record
        return record


def _record(trial: FrozenTrial, folders: tuple[Path, ...]) -> TrialRecord:
    from optuna.trial import TrialState

    violations = dict(trial.constraints)
    is_feasible = all(violation <= 0.0 for violation in violations.values())
    words = {
        TrialState.COMPLETE: COMPLETE if is_feasible else INFEASIBLE,
        TrialState.PRUNED: STOPPED_EARLY,
        TrialState.FAIL: FAILED,
    }
    return TrialRecord(
        number=trial.number,
        state=words.get(trial.state, RUNNING),
        params=dict(trial.params),
        values=tuple(trial.values) if trial.state == TrialState.COMPLETE else None,
        violations=violations,
        seconds=trial.user_attrs.get(SECONDS),
        folders=folders,
        reason=str(trial.user_attrs.get(REASON, "")),
        same_as=trial.user_attrs.get(SAME_AS),
    )


def _as_stored(value: Any) -> Any:
    """Return JSON values as a storage gives them back: tuples as lists."""
    return json.loads(json.dumps(value))
