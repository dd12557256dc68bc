"""Overrides as typed: their syntax, and the groups and choices that they name, checked against `conf/`.

Conventions: `group=choice` and `key=value` are told apart as Hydra does it: the word before `=` is a group if `conf/`
has a folder of that name. Overrides of Hydra's own settings (`hydra.…`, `hydra/…`) are left to Hydra.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from intraday_rl.app.command_line.groups import HYDRA, default_choices, list_groups
from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError


def parse(overrides: Sequence[str]) -> list[Override]:
    """Return the overrides, taken apart.

    Raises:
        ConfigError: one of them is not written as an override.
    """
    return [_parse_one(text) for text in overrides]


def _parse_one(text: str) -> Override:
    key, equals, value = text.partition("=")
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        if not equals:
            raise ConfigError(f"{text!r} must be written as key=value or group=choice") from error
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{text!r} cannot be read as key=value ({reason}); quote special characters: '{key}=\"{value}\"'"
        ) from error
    if not override.key_or_group:
        raise ConfigError(f"{text!r} must name a key before the =")
    return override


def names_group(override: Override) -> bool:
    """Say whether the override chooses from a group, or leaves one out, rather than setting a value."""
    return override.key_or_group in list_groups() and not isinstance(override.value(), dict)


def is_hydras(override: Override) -> bool:
    """Say whether the override is for Hydra itself."""
    return override.is_hydra_override() or override.key_or_group == HYDRA


def check_choices(overrides: Sequence[Override]) -> None:
    """Refuse groups and choices that `conf/` does not have.

    Raises:
        ConfigError: it names the nearest one and what there is.
    """
    for override in overrides:
        if is_hydras(override):
            continue
        if names_group(override):
            _check_choice(override)
        elif "/" in override.key_or_group:
            known = list_groups()
            raise ConfigError(
                f"there is no group {override.key_or_group}{nearest(override.key_or_group, known)}; "
                f"the groups are {', '.join(known)}"
            )


def _check_choice(override: Override) -> None:
    group = override.key_or_group
    choices, defaults = list_groups()[group], default_choices()
    offer = f"choose {group}={'|'.join(choices)}"
    if override.is_delete() or override.value() is None:
        law = "cannot be left out" if defaults.get(group) else f"is left out unless {group}=… is given"
        raise ConfigError(f"{override.input_line}: {group} {law}; {offer}")
    if group in defaults and (override.is_add() or override.is_force_add()):
        raise ConfigError(f"{override.input_line}: {group} has a choice already; write it without +")
    for value in values_of(override):
        if value not in choices:
            raise ConfigError(f"{group} has no choice {value}{nearest(str(value), choices)}; {offer}")


def values_of(override: Override) -> list[Any]:
    """Return the values that an override goes through: one, or those of a sweep (none for an interval)."""
    value: Any = override.value()
    if isinstance(value, Glob):
        return value.filter(list(list_groups().get(override.key_or_group, ())))
    if isinstance(value, ChoiceSweep | RangeSweep):
        return list(override.sweep_string_iterator())
    if isinstance(value, IntervalSweep):
        return []
    return list(value) if isinstance(value, list) and names_group(override) else [value]


def refuse_sweeps(overrides: Sequence[Override]) -> None:
    """Refuse several values for one key where a single run is meant.

    Raises:
        ConfigError: an override is a sweep.
    """
    for override in overrides:
        if override.is_sweep_override():
            key = override.get_key_element()
            raise ConfigError(
                f"{override.input_line}: several values need -m (a run for each), or brackets for a list: {key}=[…]"
            )


def single_runs(overrides: Sequence[Override]) -> list[list[str]]:
    """Return overrides of single runs in which every value of every sweep occurs.

    The first runs through no second value; each further one differs from it in one key. The runs of a multirun are
    the product of all sweeps, which may be many; a value that is wrong is wrong in any of them.
    """
    fixed = {o.get_key_element(): str(o.input_line) for o in overrides if not o.is_sweep_override()}
    swept = {
        o.get_key_element(): [f"{o.get_key_element()}={value}" for value in values_of(o)]
        for o in overrides
        if o.is_sweep_override()
    }
    swept = {key: lines for key, lines in swept.items() if lines}
    base = fixed | {key: lines[0] for key, lines in swept.items()}
    others = [base | {key: line} for key, lines in swept.items() for line in lines[1:]]
    return [list(run.values()) for run in (base, *others)]


def asks_for_sweep(overrides: Sequence[str], multirun: bool) -> bool:
    """Say whether the overrides choose a sweep; told by their text, so that a single run pays nothing for it.

    Raises:
        ConfigError: a sweep without -m, or settings of a sweep without one.
    """
    given = next((text for text in overrides if text.startswith("hparams=")), None)
    if given is None:
        settings = [text for text in overrides if text.lstrip("+~").startswith(("hparams.", "hparams/"))]
        if settings:
            raise ConfigError(f"{settings[0]} is a setting of a sweep; give the sweep too: -m hparams=pareto_sweep")
        sweepers = [text for text in overrides if text.startswith("hydra/sweeper=")]
        if sweepers:
            raise ConfigError(f"{sweepers[0]}: a sweeper comes with hparams=…; --help lists the sweeps")
    elif not multirun:
        raise ConfigError(f"{given} is a sweep of many runs and needs -m: python train.py -m {given}")
    return given is not None
