"""Where a run folder keeps what an interrupted run goes on from, and what its files say about the run."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from intraday_rl.core.errors import ConfigError

RESUME = Path("checkpoints") / "resume"  # there as long as the run is not finished
METRICS, MANIFEST = "metrics.json", "manifest.json"
CONFIG_FOLDER = ".hydra"


def checkpoint_steps(run_folder: Path) -> list[int]:
    """Return the steps of the run's checkpoints, whole or not, in order."""
    folder = run_folder / RESUME
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def is_finished(run_folder: Path) -> bool:
    """Say whether the run was judged and has nothing left to do."""
    return (run_folder / METRICS).is_file() and not (run_folder / RESUME).exists()


def how_to_go_on(run_folder: Path) -> str:
    """Return '; go on with: <command>' for a run that has a checkpoint, '' for others."""
    return (
        f"; go on with: python train.py {shlex.quote(f'resume={run_folder}')}" if checkpoint_steps(run_folder) else ""
    )


def next_config_folder(run_folder: Path) -> str:
    """Return where a resume's own configuration goes, below the run folder: .hydra/resume_<k>, counted from 1."""
    taken = [path.name.rpartition("_")[2] for path in (run_folder / CONFIG_FOLDER).glob("resume_*")]
    return f"{CONFIG_FOLDER}/resume_{max((int(k) for k in taken if k.isdecimal()), default=0) + 1}"


def refuse_taken(run_folder: Path) -> None:
    """Refuse to begin a run in a folder that holds one.

    Raises:
        ConfigError: it has a manifest.
    """
    if (run_folder / MANIFEST).exists():
        raise ConfigError(
            f"{run_folder} holds a run already ({MANIFEST}); give another folder, or continue it with "
            + shlex.quote(f"resume={run_folder}")
        )


def refuse_nothing_left(run_folder: Path) -> None:
    """Refuse to go on with a run that is finished, or that has no checkpoint.

    Raises:
        ConfigError: the run is one of these.
    """
    if is_finished(run_folder):
        raise ConfigError(f"resume: {run_folder} is finished ({METRICS}); nothing to resume")
    if not checkpoint_steps(run_folder):
        raise ConfigError(f"resume: {run_folder} has no checkpoint to go on from; start a new run")


def refuse_other_folder(resume: str | None, run_folder: Path) -> None:
    """Refuse to go on with a run in another folder than its own: `resume` is a command line's, by itself.

    Raises:
        ConfigError: the folders differ.
    """
    if resume is not None and Path(resume) != run_folder:
        raise ConfigError(f"resume must be given as resume=FOLDER on the command line of train.py, was {resume!r}")


def drop_checkpoints(run_folder: Path) -> None:
    """Remove what a finished run does not need any more: at once, however long it takes to delete it."""
    gone = (run_folder / RESUME).with_name("resume_done")
    shutil.rmtree(gone, ignore_errors=True)
    (run_folder / RESUME).rename(gone)
    shutil.rmtree(gone)
