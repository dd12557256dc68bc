"""`resume=<run folder>` on the command line: what is refused, and what Hydra is started with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from intraday_rl.app.build import resolve_path
from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.app.command_line.overrides import is_hydras, parse
from intraday_rl.app.command_line.settings import check_settings, check_tracking, check_training
from intraday_rl.app.compose import check_plan
from intraday_rl.app.resuming.places import METRICS, checkpoint_steps, is_finished, next_config_folder, refuse_taken
from intraday_rl.app.resuming.saved_config import RESUME, read_saved, refuse_plugins, with_overrides
from intraday_rl.core.errors import ConfigError

CONFIG_NAME = "resumed"  # under which Hydra finds the configuration
JOB = "train"
RUN_FOLDER = "hydra.run.dir"


@dataclass(frozen=True)
class Resumption:
    """A run to go on with, its configuration checked.

    Attributes:
        folder: of the run, absolute.
        config: its configuration, references not resolved, with `resume` set to the folder.
    """

    folder: Path
    config: Mapping[str, Any]

    @property
    def override(self) -> str:
        """The folder as an override of Hydra's, whatever characters its name has."""
        quoted = str(self.folder).replace("\\", "\\\\").replace("'", "\\'")
        return f"{RESUME}='{quoted}'"

    def register(self) -> str:
        """Let Hydra find the configuration, to be run in the run's folder; return its name there.

        Hydra's own record of it goes into a new folder, `.hydra/resume_<k>`.
        """
        hydra = {
            "run": {"dir": str(self.folder)},
            "output_subdir": next_config_folder(self.folder),
            "job": {"name": JOB, "chdir": False},
        }
        defaults = ["_self_", {"override hydra/job_logging": "run_folder"}]
        ConfigStore.instance().store(name=CONFIG_NAME, node={"defaults": defaults, **self.config, "hydra": hydra})
        return CONFIG_NAME


def resumption_of(overrides: Sequence[str], multirun: bool) -> Resumption | None:
    """Return the run that the command line asks to go on with, None where it asks for a new one.

    Args:
        overrides: of the command line.
        multirun: whether it asks for several runs.

    Raises:
        IntradayError: there is no such run, nothing is left to do or to go on from, or its configuration cannot be
            used or differs from what is asked for.
    """
    parsed = parse(overrides)
    folder = _asked_folder(parsed)
    if folder is None:
        return None
    if multirun:
        raise ConfigError("resume goes on with one run: leave -m out")
    saved = read_saved(folder)
    if is_finished(folder):
        raise ConfigError(f"resume: {folder} is finished ({METRICS}); nothing to resume")
    if not checkpoint_steps(folder):
        command = shlex.join(["python", "train.py", *saved.overrides])
        raise ConfigError(f"resume: {folder} was stopped before its first checkpoint; start it anew: {command}")
    config = with_overrides(saved, parsed)
    refuse_plugins(saved, parsed)
    config[RESUME] = str(folder)
    _check(folder, cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True)))
    return Resumption(folder, cast("dict[str, Any]", OmegaConf.to_container(config)))


def refuse_taken_folder(overrides: Sequence[str]) -> None:
    """Refuse a run in a folder that holds one, before Hydra writes its configuration over that run's.

    A folder whose name Hydra makes up (`${…}`) is not known here; the run itself refuses it.

    Raises:
        ConfigError: `hydra.run.dir` holds a run.
    """
    for override in parse(overrides):
        value = override.value()
        if override.key_or_group == RUN_FOLDER and isinstance(value, str) and "${" not in value:
            refuse_taken(Path(value))


def _asked_folder(overrides: Sequence[Override]) -> Path | None:
    asked = [override for override in overrides if override.key_or_group == RESUME and not is_hydras(override)]
    if not asked or asked[-1].value() is None:
        return None
    value = asked[-1].value()
    if not isinstance(value, str) or not value:
        raise ConfigError(f"resume must be one run folder, was {asked[-1].input_line}")
    folder = resolve_path(value)
    if not folder.is_dir():
        raise ConfigError(f"resume: there is no run folder {folder}")
    return folder.resolve()


def _check(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a configuration that cannot be used; it may have been written by anyone."""
    try:
        check_settings(config, list_groups()["algo"])
        check_training(config)
        check_tracking(config["tracking"])
        check_plan(config)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"resume: the configuration in {folder} cannot be used, {error} is missing or misplaced; start a new run"
        ) from error
