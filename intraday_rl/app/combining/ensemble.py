"""`python -m intraday_rl ensemble RUN RUN … --out FOLDER`: runs that act as one, as a bundle for evaluate.py."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from intraday_rl.app.build import resolve_path
from intraday_rl.core.errors import ConfigError


def combine_runs(runs: Sequence[str], out: str) -> str:
    """Write the ensemble of the runs to the bundle of a new folder and return what is to be said about it.

    Args:
        runs: run or bundle folders.
        out: the folder; relative paths start at the project's root.

    Raises:
        BundleError: a bundle cannot be used, or the runs do not agree.
        ConfigError: the folder has a bundle already, or cannot be written.
    """
    from intraday_rl.agents.bundle_reading import load_bundle
    from intraday_rl.agents.ensembles import save_ensemble

    folder = resolve_path(out)
    place = folder / "bundle"
    if place.exists():
        raise ConfigError(f"--out={out} has a bundle already; name a new folder")
    members = [load_bundle(resolve_path(run)) for run in runs]
    try:
        save_ensemble(place, members)
    except OSError as error:
        raise ConfigError(f"--out={out} cannot be written: {error}") from error
    networks = ", ".join(member.parts["policy.json"]["network"] for member in members)
    command = shlex.join(["python", "evaluate.py", f"run={out}"])
    return f"ensemble of {len(members)} ({networks}): {folder}\njudge it: {command}"
