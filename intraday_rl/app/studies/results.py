"""What the runs of a study left in their folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import DONE, NEW, PlannedRun, read_json, state_of
from intraday_rl.core.errors import ConfigError

Metrics = Mapping[str, float | None]
CLONE = "clone.json"  # of the folder of a run that cloned an expert
MISSING, INTERRUPTED = "missing", "interrupted"
COMMIT_LETTERS = 8


class Window(NamedTuple):
    """Which sessions a run was judged on, and on how many it was trained."""

    train_sessions: int
    test_sessions: int
    first: str  # trading day of the test, YYYY-MM-DD
    last: str


class Budget(NamedTuple):
    """What a run was given to learn from."""

    steps: int  # of the environment
    cloning_epochs: int  # done before the validation loss said stop; 0 = nothing was cloned
    cloning_samples: int  # decisions of the expert in each of them
    wall_seconds: float | None  # from start to end, loading and judging included; None = not known


@dataclass(frozen=True)
class Result:
    """A run that was judged.

    Attributes:
        run: which.
        metrics: of its test sessions.
        baselines: the same metrics of what traded beside it, by name.
        verdict: of the gates.
        budget: what it learned from.
        window: sessions.
        fingerprint: of the bars.
        costs: the cost model in words.
        code: commit that it ran on.
    """

    run: PlannedRun
    metrics: Metrics
    baselines: Mapping[str, Metrics]
    verdict: str
    budget: Budget
    window: Window
    fingerprint: str
    costs: str
    code: str


class Absent(NamedTuple):
    """A run without a result: it is missing, interrupted or failed, and what a failed one said last."""

    run: PlannedRun
    status: str
    lines: list[str]


def read_result(run: PlannedRun) -> Result | Absent:
    """Return what the run left.

    Raises:
        ConfigError: the folder holds a run with other overrides, or a file of it lacks what the table needs.
    """
    state, record = state_of(run), records.read_record(run.record)
    if state != DONE:
        if record is not None and record.status == records.FAILED:
            return Absent(run, records.FAILED, records.last_lines(run.log))
        return Absent(run, MISSING if state == NEW and not run.folder.exists() else INTERRUPTED, [])
    try:
        return _read(run, records.worked(record))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{run.folder} is no whole run ({error!r}); remove it and run the study again") from error


def _read(run: PlannedRun, wall_seconds: float | None) -> Result:
    manifest = read_json(run.folder / "manifest.json")
    bundle = read_json(run.folder / "bundle" / "manifest.json")
    metrics = read_json(run.folder / "metrics.json")
    clone = read_json(run.folder / CLONE) or {"epochs": 0, "decisions": 0}
    days = pd.read_parquet(run.folder / "equity.parquet", columns=["date"])["date"]
    return Result(
        run=run,
        metrics=metrics,
        baselines=read_json(run.folder / "baselines.json"),
        verdict=read_json(run.folder / "gates.json")["verdict"],
        budget=Budget(
            steps=manifest["config"]["algo"]["parameters"].get("total_timesteps", 0),
            cloning_epochs=clone["epochs"],
            cloning_samples=clone["decisions"],
            wall_seconds=wall_seconds,
        ),
        window=Window(
            train_sessions=len(bundle["seen_sessions"]["training"].split()),
            test_sessions=metrics["num_sessions"],
            first=str(days.min().date()),
            last=str(days.max().date()),
        ),
        fingerprint=manifest["data_fingerprint"],
        costs=_cost_words(read_json(run.folder / "bundle" / "costs.json")),
        code=_code_words(manifest["git"]),
    )


def _cost_words(costs: Mapping[str, Any]) -> str:
    """Return the cost model, every parameter with its value; of symbols that have another, theirs too."""
    words = []
    for name, part in costs.items():
        if name not in ("contract", "by_symbol"):
            values = ", ".join(f"{key} {value:g}" for key, value in part.items() if key != "model")
            words.append(f"{part['model']}({values})")
    others = [f"{symbol}: {_cost_words(own)}" for symbol, own in costs.get("by_symbol", {}).items()]
    return " | ".join(["; ".join(words), *others])


def _code_words(git: Mapping[str, Any]) -> str:
    if not git["commit"]:
        return "not in git"
    return str(git["commit"])[:COMMIT_LETTERS] + (" with uncommitted changes" if git["dirty"] else "")


def relative_folder(run: PlannedRun, study_folder: Path) -> str:
    """Return the run's folder as seen from the study's."""
    return run.folder.relative_to(study_folder).as_posix()
