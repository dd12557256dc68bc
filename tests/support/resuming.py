"""Tiny trainings that are stopped and gone on with: what comes out, as bytes, and everything that training changes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from intraday_rl.agents.checkpoints.checkpointing import CheckpointPlan
from intraday_rl.agents.checkpoints.model_state import model_state
from intraday_rl.agents.trainer import TrainingResult, TrainingTask, train
from intraday_rl.app.listeners import CurriculumListener, MonitorListener, ProgressListener
from intraday_rl.evaluation.validation import make_validator
from intraday_rl.tracking.episodes_csv import EpisodesCsv
from intraday_rl.tracking.monitor_csv import MonitorCsv
from tests.support.contents import flatten

OF_THE_CLOCK = ("time/fps", "time/time_elapsed")  # differ from process to process


class StoppedError(Exception):
    """The training was stopped."""


class Diary:
    """A listener that keeps all numbers but those of the clock, and stops the training at a step."""

    def __init__(self, stop: int | None) -> None:
        self.stop = stop
        self.heard: list[list[Any]] = []

    def on_step(self, step: int) -> None:
        if self.stop is not None and step >= self.stop:
            raise StoppedError

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Nothing to do."""

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        self.heard.append([step, {name: value for name, value in metrics.items() if name not in OF_THE_CLOCK}])

    def state(self) -> dict[str, Any]:
        return {"heard": list(self.heard)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.heard = list(state["heard"])


def train_in_parts(
    task: TrainingTask, folder: Path, stops: Sequence[int], every_seconds: float = 0.0
) -> dict[str, bytes]:
    """Train, stopped at each of the steps and gone on with in fresh objects; return all that came out, by name."""
    folder.mkdir()
    resume = False
    for stop in (*stops, None):
        diary = Diary(stop)
        plan = CheckpointPlan(folder / "resume", every_seconds, keep=2, resume=resume, on_resume=lambda step: None)
        try:
            result = train_with_files(replace(task, checkpoints=plan), folder, diary)
            assert stop is None, f"the training was over before step {stop}"
        except StoppedError:
            resume = True
    return outcome(result, diary, folder)


def train_with_files(
    task: TrainingTask, folder: Path, diary: Diary, keep: Callable[[Any, str], None] = lambda snapshot, name: None
) -> TrainingResult:
    """Train with the listeners of a run, whose files are in the folder; snapshots go to `keep`."""
    validate = make_validator(task.tape, task.rules, np.array([4, 5]), task.seed)
    console = Console(file=io.StringIO())
    with ExitStack() as stack:
        listeners = [MonitorListener(stack.enter_context(MonitorCsv(folder / "monitor.csv")))]
        rows = stack.enter_context(EpisodesCsv(folder / "episodes.csv"))
        stages = [] if task.curriculum is None else [stage.name for stage in task.curriculum.stages]
        listeners.append(CurriculumListener(rows, stages or ["only"], console))
        listeners.append(stack.enter_context(ProgressListener(console, task.parameters.total_timesteps)))
        return train(task, validate, keep, [*listeners, diary])


def outcome(result: TrainingResult, diary: Diary, folder: Path) -> dict[str, bytes]:
    """Return what a training came to, as bytes by name."""
    flat = {"model": flatten(model_state(result.model)), "environment": flatten(result.model.env.state())}
    found = {f"{part}{name}": value for part, values in flat.items() for name, value in values.items()}
    found |= {f"best/{name}": array.tobytes() for name, array in result.best.weights.items()}
    if result.best.scaler is not None:
        found["best scaler"] = result.best.scaler.mean.tobytes() + result.best.scaler.variance.tobytes()
    found |= {"best_step": repr(result.best_step).encode(), "curve": repr(result.curve).encode()}
    found |= {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    found |= {"heard": repr(diary.heard).encode()}
    return {name: value for name, value in found.items() if not name.endswith(OF_THE_CLOCK)}
