"""Where the registry of trials lies: in the folder of the MLflow store, whether the run is tracked or not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intraday_rl.app.build import PROJECT, resolve_path
from intraday_rl.tracking.store import project_store
from intraday_rl.tracking.trials import FILE

FOLDER_VARIABLE = "INTRADAY_RL_REGISTRY"  # environment variable: a folder for the registry, before all others


def registry_folder(config: Mapping[str, Any]) -> Path:
    """Return the folder of a run's registry."""
    return _asked_folder() or resolve_path(config["tracking"]["store"])


def registry_folder_of_bundle(config: Mapping[str, Any]) -> Path:
    """Return the folder of the registry for a bundle, which may have been made by anyone, anywhere.

    It is that of the bundle's run where a registry is there already, else the project's own: what a bundle says makes
    no file.

    Args:
        config: the bundle's configuration.
    """
    tracking = config.get("tracking")
    store = tracking.get("store") if isinstance(tracking, Mapping) else None
    own = PROJECT / os.path.expanduser(store) if isinstance(store, str) else None  # as resolve_path, never raising
    fallback = project_store(PROJECT).folder
    return _asked_folder() or (own if own is not None and (own / FILE).is_file() else fallback)


def _asked_folder() -> Path | None:
    text = os.environ.get(FOLDER_VARIABLE)
    return Path(text).expanduser().absolute() if text else None
