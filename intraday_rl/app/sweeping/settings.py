"""The node `hparams` as typed, checked settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.settings import NAME
from intraday_rl.app.planning.structs import build_plain, build_struct
from intraday_rl.core import checks
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ConfigError, ParameterError
from intraday_rl.sweeps import samplers
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.executors.local import Local
from intraday_rl.sweeps.executors.ray import Ray
from intraday_rl.sweeps.runner import WATCH_SECONDS, FailureLimit
from intraday_rl.sweeps.stopping import BelowQuantile, Median, Never

SAMPLERS = (samplers.Tpe, samplers.Gp, samplers.Nsga2, samplers.Nsga3, samplers.Grid)
NUMBERS = ("n_trials", "seeds", "ensemble")
FEWEST_BEST_SEEDS = 3  # a mean of fewer says little


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """The settings of a sweep, but for its space.

    Attributes are the keys of `hparams`, explained in conf/hparams.
    """

    name: str
    study: str
    n_trials: int
    n_workers: int | None
    seeds: int
    storage: str | None
    heartbeat_seconds: float
    overrides: tuple[str, ...]
    command: tuple[str, ...]
    failure_limit: FailureLimit
    best: int
    best_seeds: int
    ensemble: int
    sampler: Any
    executor: Any
    early_stop: Any
    objectives: Any
    constraints: Any

    def check(self) -> None:
        """Refuse impossible numbers and names."""
        for name in NUMBERS:
            checks.at_least("hparams", name, getattr(self, name), 1)
        checks.non_negative("hparams", "best", self.best, "trials")
        checks.at_least("hparams", "best_seeds", self.best_seeds, FEWEST_BEST_SEEDS, "seeds")
        if self.best_seeds % 2 == 0:
            raise ConfigError(f"hparams.best_seeds must be odd (the middle one is a member), was {self.best_seeds}")
        checks.at_least("hparams", "heartbeat_seconds", self.heartbeat_seconds, WATCH_SECONDS, "seconds")
        if self.n_workers is not None:
            checks.at_least("hparams", "n_workers", self.n_workers, 1, "processes")
        if not NAME.fullmatch(self.study) or set(self.study) == {"."}:
            raise ConfigError(
                f"hparams.study must be of letters, digits and . _ + - (it names the folder), was {self.study!r}"
            )
        if not self.objectives:
            raise ConfigError("hparams.objectives must have one objective or more")
        if isinstance(self.early_stop, Median) and len(self.objectives) > 1:
            raise ConfigError(
                "hparams/early_stop=median prunes by one objective, and there are "
                f"{len(self.objectives)}; take hparams/early_stop=below_quantile"
            )

    @property
    def folder(self) -> Path:
        """Where the study's trials and results lie."""
        return PROJECT / "multirun" / self.study


def read_settings(node: Mapping[str, Any]) -> SweepSettings:
    """Return the settings that the resolved node describes; its space is left out.

    Raises:
        ConfigError: by the key.
    """
    values = {key: value for key, value in node.items() if key != "space"}
    values["sampler"] = build_struct("hparams.sampler", node["sampler"], *SAMPLERS)
    values["executor"] = build_struct("hparams.executor", node["executor"], Local, Ray)
    values["early_stop"] = build_struct("hparams.early_stop", node["early_stop"], Never, BelowQuantile, Median)
    values["objectives"] = _named(Objective, "objectives", node["objectives"])
    values["constraints"] = _named(Constraint, "constraints", node["constraints"])
    for key in ("overrides", "command"):
        values[key] = _texts(key, node[key])
    try:
        return coerce(SweepSettings, values)
    except ParameterError as error:  # its laws name the key themselves
        raise ConfigError(str(error).replace(f"{SweepSettings.__name__}.", "hparams.")) from error


def _named(struct: type, key: str, nodes: Any) -> tuple[Any, ...]:
    if not isinstance(nodes, Mapping) or not all(isinstance(node, Mapping) for node in nodes.values()):
        raise ConfigError(f"hparams.{key} must be a mapping of names to their settings, was {nodes!r}")
    return tuple(
        build_plain(f"hparams.{key}.{name}", struct, {"name": str(name), **node}) for name, node in nodes.items()
    )


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(text, str) for text in value):
        raise ConfigError(f"hparams.{key} must be a list of texts, such as [a,b], was {value!r}")
    return tuple(value)
