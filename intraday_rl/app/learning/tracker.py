"""The run in MLflow: its name, its place below a parent, and the tags by which it is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from intraday_rl.app.build import resolve_path
from intraday_rl.app.learning.run import Run
from intraday_rl.app.market_data import MarketData

RUN_FILE = "mlflow_run.json"  # in the run folder: which of MLflow's runs it is
NOT_LOGGED = ("tracking", "progress", "resume")  # say nothing about the result: all runs of a sweep differ in them
PHASE = re.compile(r"\+?experiment=(phase\d+)")


def open_tracker(run: Run) -> AbstractContextManager[Any]:
    """Return the MLflow tracker of the run, or a context that gives None."""
    tracking = run.config["tracking"]
    if not tracking["enabled"]:
        return nullcontext()
    from intraday_rl.tracking import MlflowTracker, Store

    store = Store(resolve_path(tracking["store"]))
    name = run.folder.name if tracking["run_name"] is None else str(tracking["run_name"])
    params = {key: value for key, value in run.config.items() if key not in NOT_LOGGED}
    return MlflowTracker(store, tracking["study"], name, params, run_tags(run), run.folder / RUN_FILE)


def run_tags(run: Run) -> dict[str, str]:
    """Return the tags of a run that begins: what the configuration adds, then the facts of every run."""
    from intraday_rl.tracking.mlflow_run import PARENT_TAG
    from intraday_rl.tracking.params import flatten

    config, tracking = run.config, run.config["tracking"]
    phase = phase_of(run.overrides)
    return {
        **flatten(tracking["tags"]),
        **({PARENT_TAG: tracking["parent"]} if tracking["parent"] else {}),
        **({"phase": phase} if phase else {}),
        "study": tracking["study"],
        "algo": config["algo"]["name"],
        "data_source": config["data"]["name"],
        "data_fingerprint": run.manifest["data_fingerprint"],
        **window_tags(run.data),
        "judged_on": config["evaluation"]["judge_on"],
        "git_commit": str(run.manifest.get("git", {}).get("commit") or ""),
        "run_folder": str(run.folder),
    }


def window_tags(data: MarketData) -> dict[str, str]:
    """Return the days of each part in words, first..last, and its number of usable sessions."""
    split = data.split
    tags: dict[str, str] = {}
    for name, part in {"train": split.train, "validation": split.validation, "test": split.test}.items():
        usable = data.tape.usable(part)
        days = data.tape.dates[usable]
        tags |= {f"{name}_window": f"{days.min()}..{days.max()}", f"{name}_sessions": str(len(usable))}
    return tags


def phase_of(overrides: Sequence[str]) -> str | None:
    """Return the phase that the command line chooses, `phase3` of `experiment=phase3`; None = none."""
    chosen = [override for override in overrides if override.lstrip("+").startswith("experiment=")]
    match = PHASE.fullmatch(chosen[-1]) if chosen else None
    return match[1] if match else None


def track_files(tracker: Any, run_folder: Path) -> None:
    """Log what the run wrote as artifacts: pages, tables and JSON files, and the bundle."""
    for pattern in ("*.html", "*.png", "*.json", "*.csv"):
        for path in sorted(run_folder.glob(pattern)):
            tracker.log_artifacts(path, None)
    tracker.log_artifacts(run_folder / "bundle", "bundle")
