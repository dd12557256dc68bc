"""Who listens to training: the progress bar, the monitor file and the tracker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from intraday_rl.tracking.episodes_csv import EpisodesCsv
from intraday_rl.tracking.mlflow_tracker import MlflowTracker
from intraday_rl.tracking.monitor_csv import STEP_MEANS, FinishedEpisode, MonitorCsv

REDRAW_STEPS = 512


class MonitorListener:
    """Write monitor.csv (SPEC R131)."""

    def __init__(self, monitor: MonitorCsv) -> None:
        """Keep the file."""
        self._monitor = monitor

    def on_step(self, step: int) -> None:
        """Write a row when one is due."""
        self._monitor.advance(step)

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Take in a finished episode."""
        sums = (info["episode"]["r"], info["session_return"], info["max_drawdown"], info["turnover"])
        self._monitor.add_episode(FinishedEpisode(*sums, *(info[name] for name in STEP_MEANS)))

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take in the entropy of the last update: SB3 logs its negative."""
        if "train/entropy_loss" in metrics:
            self._monitor.set_entropy(-metrics["train/entropy_loss"])

    def state(self) -> dict[str, Any]:
        """Return the file's state."""
        return self._monitor.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the listener was when it gave that state."""
        self._monitor.restore(state)


class CurriculumListener:
    """Write a row for each finished episode with the stage in which it ended, and say on the terminal what changes."""

    def __init__(self, rows: EpisodesCsv, stages: Sequence[str], console: Console) -> None:
        """Begin in the first of the stages, given by their names."""
        self._rows, self._stages, self._console = rows, stages, console
        self._stage = 0
        self._ended: list[Mapping[str, Any]] = []

    def on_step(self, step: int) -> None:
        """Write the episodes that ended in this step: they are told of before the step is."""
        for info in self._ended:
            self._rows.add(step, self._stages[self._stage], info)
        self._ended.clear()
        self._rows.advance()

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Keep the episode until its step is known."""
        self._ended.append(info)

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Take in the stage, and say it if it is another one."""
        stage = int(metrics.get("curriculum/stage", self._stage))
        if stage != self._stage:
            former, self._stage = self._stage, stage
            word = "Upgrade" if stage > former else "Downgrade"
            self._console.print(f"step {step:,}: Stage {word}, {self._stages[former]} to {self._stages[stage]}")

    def state(self) -> dict[str, Any]:
        """Return the stage and the file's state; between two steps no episode waits."""
        return {"stage": self._stage, "rows": self._rows.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the listener was when it gave that state."""
        self._stage = state["stage"]
        self._rows.restore(state["rows"])


class TrackerListener:
    """Hand every number on to the tracker."""

    def __init__(self, tracker: MlflowTracker) -> None:
        """Keep the tracker."""
        self._tracker = tracker

    def on_step(self, step: int) -> None:
        """Nothing to do."""

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Nothing to do: SB3's means over episodes come as metrics."""

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log them."""
        self._tracker.log_metrics(metrics, step)

    def state(self) -> dict[str, Any]:
        """Return the values that the store does not have yet."""
        return {"unwritten": [list(value) for value in self._tracker.unwritten()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hand these values on again: they were lost if their process was killed."""
        self._tracker.log_again([tuple(value) for value in state["unwritten"]])


class ProgressListener:
    """A bar with steps per second, time left and the latest evaluation; plain lines where there is no terminal."""

    def __init__(self, console: Console, total_steps: int) -> None:
        """Prepare the bar."""
        self._console = console
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=console,
        )
        self._task = self._bar.add_task("training", total=total_steps, rate="", latest="first evaluation to come")
        self._drawn = self._begun_at = 0

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def on_step(self, step: int) -> None:
        """Move the bar."""
        if step - self._drawn >= REDRAW_STEPS:
            self._drawn = step
            task = self._bar.tasks[0]
            rate = f"{(step - self._begun_at) / task.elapsed:,.0f} steps/s" if task.elapsed else ""
            self._bar.update(self._task, completed=min(step, task.total or step), rate=rate)

    def state(self) -> dict[str, Any]:
        """Return where the bar stands."""
        return {"drawn": self._drawn}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there; the time that it took to get there is not known any more."""
        self._drawn = self._begun_at = state["drawn"]
        self._bar.update(self._task, completed=self._drawn)

    def on_episode(self, info: Mapping[str, Any]) -> None:
        """Nothing to do."""

    def on_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Show the latest evaluation."""
        if "validation/net_return" not in metrics:
            return
        factor = metrics["validation/profit_factor"]
        words = f"profit factor {factor:.2f}"
        if math.isnan(factor):
            words = "no trades"
        elif math.isinf(factor):
            words = "no losing trade"
        latest = f"validation {metrics['validation/net_return']:+.2%}, {words}"
        self._bar.update(self._task, latest=latest)
        if not self._console.is_terminal:
            self._console.print(f"step {step:,}: {latest}")
