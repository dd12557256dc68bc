"""What the trials of a sweep do: train.py with the trial's parameters, or a command of the user's.

Conventions: a trial's folder is named by its number; with several seeds each has a folder in it. The numbers of a part
are in `metrics.json`. A training that was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from intraday_rl.app.command_line.processes import training_command
from intraday_rl.app.resuming.places import METRICS, checkpoint_steps, is_finished
from intraday_rl.app.sweeping.request import EXPERIMENT, SEED, SweepRequest
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Metrics
from intraday_rl.sweeps.executors.base import Command
from intraday_rl.sweeps.outcomes import read_result
from intraday_rl.sweeps.runner import Part
from intraday_rl.sweeps.space import override
from intraday_rl.sweeps.study import Curve

LOGS = "logs"
VALIDATION, WATCHED = "validation.csv", "validation/net_return"
JUDGED = "evaluation.judge_on=validation"
STEPS = "algo.parameters.total_timesteps"
RESULT_VARIABLE, SEED_VARIABLE = "SWEEP_RESULT", "SWEEP_SEED"


def parts_of(folder: Path, number: int, seeds: Sequence[int]) -> list[Part]:
    """Return the parts of a trial: its folder for one seed, a folder in it for each of several."""
    if len(seeds) == 1:
        return [Part(number, seeds[0], folder / str(number), folder / LOGS / f"{number}.log")]
    return [
        Part(number, seed, folder / str(number) / f"seed_{seed}", folder / LOGS / f"{number}_seed_{seed}.log")
        for seed in seeds
    ]


def refuse_foreign_trials(folder: Path, next_number: Callable[[], int]) -> None:
    """Refuse a folder with trials that its study does not know: their results would be taken for the study's own.

    Args:
        folder: of the study.
        next_number: returns the number of the study's next trial; asked after the folder was looked at.

    Raises:
        SweepError: there are such trials.
    """
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    end = next_number()
    if numbers and numbers[-1] >= end:
        raise SweepError(
            f"{folder / str(numbers[-1])} is of another study than the one of this name, which has {end} trials; move "
            f"{folder} away, or name another study with hparams.study=NAME"
        )


class Trainings:
    """Trials that train: each part is a run of train.py, judged on the validation sessions."""

    is_repeatable = True  # to the last bit, on one machine

    def __init__(self, request: SweepRequest, parent: str | None) -> None:
        """Keep what every trial has.

        Args:
            request: what the sweep is to do.
            parent: MLflow's run of the sweep; None = there is none.
        """
        self._request, self._parent = request, parent

    def parts(self, number: int) -> list[Part]:
        """Return the parts of a trial."""
        return parts_of(self._request.settings.folder, number, self._request.seeds)

    def overrides(self, params: Mapping[str, Any], seed: int) -> list[str]:
        """Return the arguments of train.py that make the same run anywhere."""
        dimensions = [override(key, value) for key, value in params.items()]
        return [*self._request.fixed, *dimensions, override(SEED, seed), JUDGED]

    def command(self, part: Part, params: Mapping[str, Any]) -> Command:
        """Return the command that begins the part, or goes on from its checkpoint."""
        if checkpoint_steps(part.folder):
            arguments = [f'resume="{part.folder}"', *self._plugins(), "progress=false"]
        else:
            shutil.rmtree(part.folder, ignore_errors=True)
            part.folder.parent.mkdir(parents=True, exist_ok=True)
            arguments = [*self.overrides(params, part.seed), *self._tracking(part), "progress=false"]
            arguments.append(f'hydra.run.dir="{part.folder}"')
        return Command(tuple(training_command(arguments)), {}, part.log)

    def _plugins(self) -> list[str]:
        """Return what lets a run go on with code of the user's own, which is named anew each time."""
        names = self._request.config["plugins"]
        return [f"plugins=[{','.join(names)}]"] if names else []

    def result(self, part: Part) -> Metrics | None:
        """Return the metrics of a finished run."""
        return read_result(part.folder / METRICS) if is_finished(part.folder) else None

    def curve(self, part: Part) -> Curve:
        """Return the net return on the validation sessions, by training step, so far."""
        return read_curve(part.folder / VALIDATION)

    def last_step(self, params: Mapping[str, Any]) -> float:
        """Return the step at which training ends."""
        own = self._request.config["algo"]["parameters"].get(STEPS.rpartition(".")[2], math.inf)
        return float(params.get(STEPS, own))

    def _tracking(self, part: Part) -> list[str]:
        """Return where the part's run stands in MLflow: below the sweep's, named as its folder."""
        if self._parent is None:
            return []
        return [
            override(EXPERIMENT, self._request.experiment),
            override("tracking.parent", self._parent),
            override("tracking.run_name", str(part.folder.relative_to(self._request.settings.folder))),
            f"+{override('tracking.tags.trial', part.number)}",
        ]


class Commands:
    """Trials that carry out a command of the user's: it gets key=value arguments and writes a JSON object of numbers.

    That is the last thing it does, since what is there is taken for final. Where to write them is in the variable
    SWEEP_RESULT, the repetition's seed in SWEEP_SEED.
    """

    is_repeatable = False  # nobody promised that

    def __init__(self, request: SweepRequest) -> None:
        """Keep what every trial has."""
        self._request = request

    def parts(self, number: int) -> list[Part]:
        """Return the parts of a trial."""
        return parts_of(self._request.settings.folder, number, self._request.seeds)

    def overrides(self, params: Mapping[str, Any], seed: int) -> list[str]:
        """Return the arguments of the command."""
        return [override(key, value) for key, value in params.items()]

    def command(self, part: Part, params: Mapping[str, Any]) -> Command:
        """Return the command, from its beginning."""
        shutil.rmtree(part.folder, ignore_errors=True)
        part.folder.mkdir(parents=True)
        variables = {RESULT_VARIABLE: str(part.folder / METRICS), SEED_VARIABLE: str(part.seed)}
        arguments = (*self._request.settings.command, *self.overrides(params, part.seed))
        return Command(arguments, variables, part.log)

    def result(self, part: Part) -> Metrics | None:
        """Return what the command wrote."""
        file = part.folder / METRICS
        return read_result(file) if file.is_file() else None

    def curve(self, part: Part) -> Curve:
        """Return nothing: a command is not watched."""
        return []

    def last_step(self, params: Mapping[str, Any]) -> float:
        """Return that it has no steps."""
        return math.inf


def read_curve(file: Path) -> Curve:
    """Return (step, net return) of each evaluation so far; the file may be about to be written."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [(float(row["step"]), float(row[WATCHED])) for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [(step, value) for step, value in rows if math.isfinite(value)]
