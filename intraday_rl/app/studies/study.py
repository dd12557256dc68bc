"""What a study is: its folder's `study.yaml`, read and checked.

Conventions: rows are what is compared, folds are the markets or dates that each row is trained and judged on, and every
row × fold is repeated with each seed. Overrides are those of train.py's command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError
from intraday_rl.metrics import METRICS

FILE = "study.yaml"
REQUIRED = ("question", "shared", "folds", "seeds", "rows", "columns")
OPTIONAL = ("optimum",)
OWN = ("seed", "progress", "tracking.study", "resume", "hydra.run.dir")  # overrides that a study gives itself
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")  # names a folder
STANDARD_ERRORS = {  # metrics that are means over sessions
    "session_pnl_usd": "session_pnl_standard_error_usd",
    "session_reward": "session_reward_standard_error",
}
OPTIMUM_KINDS: dict[str, type] = {"metric": str, "scale": float, "value": float, "unit": str}


@dataclass(frozen=True)
class Optimum:
    """The most that can be earned in a market with a known answer.

    Attributes:
        metric: of metrics.json that is held against it; a mean over sessions.
        scale: what the metric is multiplied by to come to the unit.
        value: the optimum, > 0.
        unit: of value, in words.
    """

    metric: str
    scale: float
    value: float
    unit: str


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        folder: holds study.yaml, the results, and the runs in runs/.
        question: what it asks.
        shared: overrides of every run.
        folds: overrides of each fold, by its name.
        seeds: of the runs.
        rows: overrides of each row, by its name.
        columns: metrics to show, keys of `metrics.METRICS`.
        optimum: of a market with a known answer; None = not known.
    """

    folder: Path
    question: str
    shared: tuple[str, ...]
    folds: Mapping[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    rows: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    optimum: Optimum | None

    @property
    def name(self) -> str:
        """The folder's name, under which MLflow shows the runs."""
        return self.folder.name


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML's safe loader, which also refuses a key that stands twice: the second would hide the first."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} stands twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


def read_study(folder: Path) -> Study:
    """Return the study of a folder.

    Raises:
        ConfigError: study.yaml is not there or not YAML, or a key is missing, unknown or of the wrong kind.
    """
    file = folder / FILE
    try:
        given = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}); give the folder of a study") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    entries = _entries(given, "", REQUIRED, OPTIONAL, file)
    optimum = entries.get("optimum")
    return Study(
        folder=folder.resolve(),
        question=_text(entries["question"], "question", file),
        shared=_overrides(entries["shared"], "shared", file),
        folds=_named_overrides(entries["folds"], "folds", file),
        seeds=check_seeds(entries["seeds"], f"{file}: seeds"),
        rows=_named_overrides(entries["rows"], "rows", file),
        columns=_columns(entries["columns"], file),
        optimum=None if optimum is None else _optimum(optimum, file),
    )


def check_seeds(given: Any, owner: str) -> tuple[int, ...]:
    """Return the seeds.

    Args:
        given: as read.
        owner: for the error, what they are called.

    Raises:
        ConfigError: they are no list of different whole numbers >= 0.
    """
    whole = isinstance(given, list) and all(type(seed) is int and seed >= 0 for seed in given)
    if not whole or not given or len(set(given)) < len(given):
        raise ConfigError(f"{owner} must be a list of different whole numbers >= 0, such as [0, 1, 2], was {given!r}")
    return tuple(given)


def _entries(
    given: Any, place: str, required: tuple[str, ...], optional: tuple[str, ...], file: Path
) -> dict[str, Any]:
    prefix, known = f"{place}." if place else "", (*required, *optional)
    if not isinstance(given, dict):
        raise ConfigError(f"{file}: {place or 'it'} must have the keys {', '.join(known)}, was {given!r}")
    for key in given:
        if key not in known:
            raise ConfigError(
                f"{file}: unknown key {prefix}{key}{nearest(str(key), known)}; the keys are {', '.join(known)}"
            )
    for key in required:
        if given.get(key) is None:
            raise ConfigError(f"{file}: {prefix}{key} is missing; the keys are {', '.join(known)}")
    return given


def _text(given: Any, key: str, file: Path) -> str:
    if not isinstance(given, str) or not given.strip():
        raise ConfigError(f"{file}: {key} must be a text, was {given!r}")
    return " ".join(given.split())


def _overrides(given: Any, key: str, file: Path) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise ConfigError(f"{file}: {key} must be a list of overrides, such as [algo=ppo], was {given!r}")
    for override in given:
        if override.lstrip("+~").partition("=")[0] in OWN:
            raise ConfigError(f"{file}: {key} must leave {', '.join(OWN)} to the study, was {override!r}")
    return tuple(given)


def _named_overrides(given: Any, key: str, file: Path) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict) or not given:
        raise ConfigError(f"{file}: {key} must give each name a list of overrides, was {given!r}")
    for name in given:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{file}: {key}.{name} must be named with letters, digits and . _ -, since it is a folder"
            )
    return {name: _overrides(overrides, f"{key}.{name}", file) for name, overrides in given.items()}


def _columns(given: Any, file: Path) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise ConfigError(f"{file}: columns must be a list of metrics, such as [profit_factor], was {given!r}")
    for name in given:
        if name not in METRICS:
            raise ConfigError(f"{file}: columns: there is no metric {name}{nearest(str(name), METRICS)}")
        if not METRICS[name].format:
            raise ConfigError(f"{file}: columns: {name} is a yes or no and has no mean; leave it out")
    return tuple(given)


def _optimum(given: Any, file: Path) -> Optimum:
    entries = _entries(given, "optimum", tuple(OPTIMUM_KINDS), (), file)
    for key, kind in OPTIMUM_KINDS.items():
        value = entries[key]
        if kind is str and not isinstance(value, str):
            raise ConfigError(f"{file}: optimum.{key} must be a text, was {value!r}")
        if kind is float and not (type(value) in (int, float) and value > 0):
            raise ConfigError(f"{file}: optimum.{key} must be a number > 0, was {value!r}")
    if entries["metric"] not in STANDARD_ERRORS:
        known = ", ".join(STANDARD_ERRORS)
        raise ConfigError(
            f"{file}: optimum.metric must be a mean over sessions ({known}), was {entries['metric']!r}"
            f"{nearest(entries['metric'], STANDARD_ERRORS)}"
        )
    return Optimum(entries["metric"], float(entries["scale"]), float(entries["value"]), entries["unit"])
