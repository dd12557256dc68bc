"""The configuration that a run folder holds, and what a command line may say beside it.

A run folder may come from anyone: its files are read as plain data, and nothing that they name is imported outside of
the package and of plugins that the user's own command line names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from intraday_rl.app.command_line import keys
from intraday_rl.app.command_line.overrides import is_hydras, names_group
from intraday_rl.app.compose import compose, register_resolvers
from intraday_rl.app.resuming.places import CONFIG_FOLDER
from intraday_rl.core.errors import ConfigError

RESUME, TRACKING, PROGRESS, PLUGINS = "resume", "tracking", "progress", "plugins"
OF_HYDRA = ("hydra", "defaults")  # would be taken for Hydra's own settings


class SavedConfig(NamedTuple):
    """What a run folder's `.hydra/` says.

    Attributes:
        config: the configuration, references (`${…}`) not resolved.
        choices: what was chosen of each group.
        overrides: the command line.
    """

    config: DictConfig
    choices: Mapping[str, Any]
    overrides: list[str]

    @property
    def values(self) -> dict[str, Any]:
        """The configuration as plain values, references resolved."""
        return cast("dict[str, Any]", OmegaConf.to_container(self.config, resolve=True))


def read_saved(run_folder: Path) -> SavedConfig:
    """Return what the run folder holds.

    Raises:
        ConfigError: a file is missing or cannot be a configuration.
    """
    folder = run_folder / CONFIG_FOLDER
    if not folder.is_dir():
        raise ConfigError(f"resume: {run_folder} holds no run ({CONFIG_FOLDER}/ is missing); give the run folder")
    register_resolvers()
    try:
        config = OmegaConf.load(folder / "config.yaml")
        hydra = OmegaConf.load(folder / "hydra.yaml")
        choices = OmegaConf.to_container(OmegaConf.select(hydra, "hydra.runtime.choices"))
        overrides = OmegaConf.to_container(OmegaConf.load(folder / "overrides.yaml"))
        if not isinstance(config, DictConfig) or not isinstance(choices, dict) or not isinstance(overrides, list):
            raise ValueError("it is of another kind")
        foreign = [key for key in OF_HYDRA if key in config]
        if foreign:
            raise ValueError(f"config.yaml must not have a key {foreign[0]}")
        saved = SavedConfig(config, cast("dict[str, Any]", choices), [str(text) for text in overrides])
        keys.missing_keys(saved.values)  # resolves every reference
        return saved
    except (OSError, ValueError, TypeError, YAMLError, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"resume: {folder} does not hold the configuration of a run ({reason})") from error


def with_overrides(saved: SavedConfig, overrides: Sequence[Override]) -> DictConfig:
    """Return the saved configuration with what the overrides may change: tracking and progress.

    Args:
        saved: of the run.
        overrides: of the command line, `resume` among them.

    Raises:
        ConfigError: one of them differs from the run's configuration; the message shows the difference.
    """
    tracking = [override for override in overrides if override.key_or_group.split(".")[0] == TRACKING]
    for override in overrides:
        if override.key_or_group not in (RESUME, PROGRESS) and override not in tracking:
            _refuse_difference(saved, override)
    config = saved.config.copy()
    _set_tracking(saved, config, tracking)
    for override in overrides:
        if override.key_or_group == PROGRESS:
            config[PROGRESS] = override.value()
    values = cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
    known = {TRACKING: compose(_chosen(saved, tracking))[TRACKING], PROGRESS: True}
    keys.check_keys({name: values[name] for name in known if name in values}, known)
    return config


def refuse_plugins(saved: SavedConfig, overrides: Sequence[Override]) -> None:
    """Refuse plugins that the command line does not name: importing them runs their code.

    Raises:
        ConfigError: the run uses plugins, and the command line does not say so.
    """
    plugins = saved.values.get(PLUGINS)
    if plugins and not any(override.key_or_group == PLUGINS for override in overrides):
        names = ",".join(map(str, plugins)) if isinstance(plugins, list) else plugins
        raise ConfigError(f"resume: the run uses code of plugins; allow it with plugins=[{names}]")


def _refuse_difference(saved: SavedConfig, override: Override) -> None:
    """Refuse an override that says something else than the run's configuration."""
    key, line = override.key_or_group, override.input_line
    if is_hydras(override):
        raise ConfigError(f"resume works in the run's own folder, with Hydra as it was: leave {line} out")
    if override.is_sweep_override():
        raise ConfigError(f"resume goes on with one run, {line} names several values; leave it out")
    values = saved.values
    if names_group(override):
        was = saved.choices.get(key)
    elif override.is_delete():
        was = _select(values, key)
    else:
        keys.check_existing(key, override.value(), values)
        was = _select(values, key)
    now = None if override.is_delete() else override.value()
    if was != now:
        raise ConfigError(
            f"resume takes the run's own configuration: {key} was {_word(was)} there, {_word(now)} here; leave it out, "
            "or start a new run with it"
        )


def _select(values: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key, None where there is none."""
    node: Any = values
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _word(value: Any) -> str:
    """Return a value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _set_tracking(saved: SavedConfig, config: DictConfig, overrides: Sequence[Override]) -> None:
    """Set what the overrides say of `tracking`."""
    chosen = [override for override in overrides if names_group(override)]
    if any(override.value() != saved.choices.get(TRACKING) for override in chosen):
        config[TRACKING] = compose(_chosen(saved, overrides))[TRACKING]
    for override in overrides:
        if override not in chosen:
            if not override.is_add():  # what is added is checked with the whole
                keys.check_existing(override.key_or_group, override.value(), saved.values)
            OmegaConf.update(config, override.key_or_group, override.value())


def _chosen(saved: SavedConfig, overrides: Sequence[Override]) -> list[str]:
    """Return the override that chooses tracking: the command line's last one, or else the run's."""
    lines = [str(override.input_line) for override in overrides if names_group(override)]
    return [lines[-1] if lines else f"{TRACKING}={saved.choices.get(TRACKING)}"]
