"""The runs of a study: their overrides and folders, and what each of them still needs.

Conventions: the run of a row, a fold and a seed lies in `runs/<row>/<fold>_seed<seed>/` of the study's folder. Beside
it, under the same name, stand what the process said (`.log`) and what became of it (`.json`, see `records`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from intraday_rl.app.resuming.places import checkpoint_steps, is_finished
from intraday_rl.app.studies import records
from intraday_rl.app.studies.study import Study, check_seeds
from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError

RUNS = "runs"
OVERRIDES = Path(".hydra") / "overrides.yaml"  # of a run folder
NEEDED = ("metrics.json", "baselines.json", "gates.json", "manifest.json")  # of a run folder that the table reads
INDIFFERENT = ("progress", "tracking")  # what a run shows and where it is recorded changes no result

DONE, NEW, CONTINUED = "done", "new", "continued"


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        row: name.
        fold: name.
        seed: of every random stream.
        overrides: of train.py, without the run's folder.
        folder: of the run.
    """

    row: str
    fold: str
    seed: int
    overrides: tuple[str, ...]
    folder: Path

    @property
    def label(self) -> str:
        """Row, fold and seed in words."""
        return f"{self.row}, {self.fold}, seed {self.seed}"

    @property
    def log(self) -> Path:
        """Where the process writes what it says."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def record(self) -> Path:
        """Where it stands what became of the process."""
        return self.folder.with_name(f"{self.folder.name}.json")


def plan_runs(study: Study, seeds: Sequence[int] | None = None, rows: Sequence[str] = ()) -> list[PlannedRun]:
    """Return the runs, seed by seed, so that every row has some results early.

    Args:
        study: the study.
        seeds: instead of the study's own; None = those.
        rows: names of those wanted; none = all.

    Raises:
        ConfigError: a row is not one of the study's, or the seeds are no seeds.
    """
    for row in rows:
        if row not in study.rows:
            raise ConfigError(f"there is no row {row}{nearest(row, study.rows)}; the rows are {', '.join(study.rows)}")
    chosen = study.seeds if seeds is None else check_seeds(list(seeds), "--seeds")
    return [
        PlannedRun(
            row,
            fold,
            seed,
            (*study.shared, *study.folds[fold], *study.rows[row], f"seed={seed}", *_own(study, row, fold)),
            study.folder / RUNS / row / f"{fold}_seed{seed}",
        )
        for seed in chosen
        for fold in study.folds
        for row in study.rows
        if not rows or row in rows
    ]


def _own(study: Study, row: str, fold: str) -> tuple[str, ...]:
    """Return the overrides that a study adds: nothing on the terminal, and how MLflow tells its runs apart."""
    tags = (f"+tracking.tags.row={row}", f"+tracking.tags.fold={fold}")
    return (f"tracking.study={study.name}", *tags, "progress=false")


def state_of(run: PlannedRun) -> str:
    """Return what is left to do: DONE = nothing, CONTINUED = it was interrupted and can go on, NEW = all of it.

    Raises:
        ConfigError: the folder holds a run with other overrides.
    """
    if not run.folder.exists():
        return NEW
    _refuse_other_overrides(run)
    record = records.read_record(run.record)
    whole = is_finished(run.folder) and all(read_json(run.folder / name) is not None for name in NEEDED)
    if whole and (record is None or record.status != records.FAILED):
        return DONE
    return CONTINUED if checkpoint_steps(run.folder) else NEW


def arguments_of(run: PlannedRun, state: str) -> list[str]:
    """Return the arguments of train.py for a run in that state."""
    if state == CONTINUED:
        return [f'resume="{run.folder}"', "progress=false"]
    return [*run.overrides, f'hydra.run.dir="{run.folder}"']


def read_json(file: Path) -> Any:
    """Return the content of a JSON file; None where it is not there or was torn."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _refuse_other_overrides(run: PlannedRun) -> None:
    try:
        saved = yaml.safe_load((run.folder / OVERRIDES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return  # it was stopped before it began
    wanted, there = _by_key(run.overrides), _by_key(saved or ())
    changed = [key for key in {**wanted, **there} if wanted.get(key) != there.get(key)]
    if changed:
        pairs = [(there.get(key, "nothing"), wanted.get(key, "nothing")) for key in changed]
        differences = "; ".join(f"{found} instead of {asked}" for found, asked in pairs)
        raise ConfigError(
            f"{run.folder} holds a run with other overrides: {differences}; remove the folder, or give the row, the "
            "fold or the study another name"
        )


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Return what decides of the overrides: the last one of each key; what shows and records is left out."""
    found = {override.partition("=")[0]: override for override in overrides}
    return {key: text for key, text in found.items() if key.lstrip("+~").partition(".")[0] not in INDIFFERENT}
