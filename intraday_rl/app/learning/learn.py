"""Learn: clone the expert, train from random weights or from a policy that is there, with everybody who listens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from intraday_rl.agents.callbacks.guards.alarms import Alarm
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.agents.trainer import train as train_agent
from intraday_rl.app.build import Plan
from intraday_rl.app.learning.checklist import Checklist, Row
from intraday_rl.app.learning.cloning import CLONE, clone_of
from intraday_rl.app.learning.expert import expert_beside
from intraday_rl.app.learning.keeping import kept_policy, make_keeper
from intraday_rl.app.learning.run import Run
from intraday_rl.app.learning.starting import policy_of_run
from intraday_rl.app.learning.task import training_task
from intraday_rl.app.listeners import CurriculumListener, MonitorListener, ProgressListener, TrackerListener
from intraday_rl.app.phases.recording import phase_recorders
from intraday_rl.app.planning.warm_start import BC, RUN
from intraday_rl.core import seeding
from intraday_rl.core.protocols import Policy, Rule, TrainingListener
from intraday_rl.evaluation.validation import TrialWatcher, make_validator, write_curve
from intraday_rl.tracking.episodes_csv import EpisodesCsv
from intraday_rl.tracking.monitor_csv import MonitorCsv

CURVE = "validation.csv"  # in the run folder: a row for each evaluation, as they come


@dataclass(frozen=True)
class Learned:
    """What learning came to.

    Attributes:
        model: the SB3 model as training ended; None where nothing was trained but a clone.
        best: the best snapshot on the validation sessions.
        best_step: when it was seen.
        curve: numbers of each evaluation, with `step`.
        steps: environment steps of the training.
        comparisons: what to judge beside it, by name: the expert, and the clone that training went on from.
        alarms: those that began during training, in order.
        has_collapsed: whether at the end one action was left, and earned no more than doing nothing.
        checklist: of a run that asks for one.
    """

    model: Any
    best: PolicySnapshot
    best_step: int
    curve: list[dict[str, float]]
    steps: int
    comparisons: Mapping[str, Policy | Rule]
    alarms: tuple[Alarm, ...]
    has_collapsed: bool
    checklist: tuple[Row, ...] = ()


def learn(run: Run, tracker: Any, watch: TrialWatcher) -> Learned:
    """Let the run's algorithm learn.

    Args:
        run: the run.
        tracker: MLflow's, None = none.
        watch: told of every policy that is judged on the validation sessions.
    """
    noise = seeding.integer(int(run.config["seed"]), "evaluation")  # the same as when the finished policy is judged
    validate = make_validator(run.data.tape, run.data.rules, run.data.split.validation, noise, watch)
    on_curve = partial(write_curve, path=run.folder / CURVE)
    keep = make_keeper(run.folder, run.data, run.config, run.manifest)
    comparisons = expert_beside(run.data)
    if run.plan.algorithm == BC:
        clone = clone_of(run, validate, tracker)
        keep(clone.snapshot, "best")
        on_curve([clone.numbers])
        return Learned(None, clone.snapshot, 0, [clone.numbers], 0, comparisons, (), False)
    start = None
    if run.resumes:  # what it started from is in its checkpoint
        comparisons |= kept_policy(run.folder, CLONE)
    elif run.plan.warm_start.name == BC:
        clone = clone_of(run, validate, tracker)
        keep(clone.snapshot, CLONE)
        comparisons[CLONE], start = clone.snapshot.live_policy, clone.start
    elif run.plan.warm_start.name == RUN:
        start = policy_of_run(run)
    total = run.plan.parameters.total_timesteps
    with ExitStack() as stack:
        recorders = phase_recorders(stack, run.data, run.folder)
        listeners = [*training_listeners(stack, run), *recorders]
        if tracker is not None:
            listeners.append(TrackerListener(tracker))
        listeners += (checklists := [Checklist()] if run.config["checklist"] else [])
        with ProgressListener(run.console, total) as progress:
            everybody = [*listeners, progress]
            result = train_agent(training_task(run, start), validate, keep, everybody, run.say, on_curve)
        for recorder in recorders:
            recorder.finish(result.model, total)
    return Learned(
        result.model,
        result.best,
        result.best_step,
        result.curve,
        total,
        comparisons,
        result.alarms,
        result.has_collapsed,
        tuple(row for checklist in checklists for row in checklist.rows(result.model)),
    )


def training_listeners(stack: ExitStack, run: Run) -> list[TrainingListener]:
    """Return who writes the run's files of the training."""
    monitor = stack.enter_context(MonitorCsv(run.folder / "monitor.csv"))
    path = run.folder / f"metrics_{run.config['name']}.csv"
    return [MonitorListener(monitor), *curriculum_listeners(stack, run.plan, path, run.console)]


def curriculum_listeners(stack: ExitStack, plan: Plan, path: Path, console: Console) -> list[TrainingListener]:
    """Return who follows the curriculum, nobody where there is none; a row for each episode is written to `path`."""
    if plan.curriculum is None:
        return []
    rows = stack.enter_context(EpisodesCsv(path))
    return [CurriculumListener(rows, [stage.name for stage in plan.curriculum.stages], console)]
