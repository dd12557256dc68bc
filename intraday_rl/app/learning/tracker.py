"""The run in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from intraday_rl.app.build import resolve_path

Config = dict[str, Any]

RUN_FILE = "mlflow_run.json"  # in the run folder: which of MLflow's runs it is


def open_tracker(config: Config, run_folder: Path, manifest: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """Return the MLflow tracker of the configuration, or a context that gives None."""
    tracking = config["tracking"]
    if not tracking["enabled"]:
        return nullcontext()
    from intraday_rl.tracking import MlflowTracker, Store

    git = manifest.get("git", {})
    tags = {
        "algo": config["algo"]["name"],
        "data_source": config["data"]["name"],
        "git_commit": str(git.get("commit") or ""),
        "data_fingerprint": manifest["data_fingerprint"],
        "run_folder": str(run_folder),
    }
    store = Store(resolve_path(tracking["store"]))
    return MlflowTracker(store, tracking["study"], run_folder.name, config, tags, run_folder / RUN_FILE)


def track_files(tracker: Any, run_folder: Path) -> None:
    """Log what the run wrote as artifacts: pages, tables and JSON files, and the bundle."""
    for pattern in ("*.html", "*.png", "*.json", "*.csv"):
        for path in sorted(run_folder.glob(pattern)):
            tracker.log_artifacts(path, None)
    tracker.log_artifacts(run_folder / "bundle", "bundle")
