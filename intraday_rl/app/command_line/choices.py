"""What choices from the groups of `conf/` make: Hydra composes it once for each set of them, while no file changes.

Conventions: choices decide which files Hydra reads; any other override sets a value in what they make. Hydra takes a
tenth of a second to read and merge some forty files, so what it made is kept. It is kept pickled: values are set in
what is unpickled, so that nothing of one configuration gets into the next.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from hydra import compose as compose_with_hydra
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from intraday_rl.app.command_line.groups import CONF, HYDRA, PRIMARY
from intraday_rl.app.command_line.overrides import names_group

HYDRA_VERSION = "1.3"  # of the behaviour that the configuration is written for
SEARCHPATH = f"{HYDRA}.searchpath"
KEPT = 64  # sets of choices; each takes a tenth of a megabyte


@dataclass(frozen=True)
class Chosen:
    """What a set of choices makes; many configurations share it, so it is only read.

    Attributes:
        pickled: the configuration as Hydra composes it, with Hydra's own settings.
        plain: the same without them, as plain nested dicts, references not resolved.
    """

    pickled: bytes
    plain: dict[str, Any]

    def with_values(self, overrides: Sequence[Override]) -> DictConfig:
        """Return a configuration in which the overrides are set as Hydra sets them, without Hydra's own settings.

        Raises:
            HydraException: an override cannot be set.
        """
        config = cast("DictConfig", pickle.loads(self.pickled))
        ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)
        return _without_hydras(config)


def is_choice(override: Override) -> bool:
    """Say whether an override has a say in which files are read, rather than setting a value in what they make."""
    return names_group(override) or _is_choice_of_hydras(override)


def compose_choices(choices: Sequence[Override]) -> Chosen:
    """Return what the choices make; of one state of `conf/` the same choices are composed once.

    Hydra's own choices may bring in files from elsewhere: with them everything is composed anew.

    Raises:
        HydraException, OmegaConfBaseException, YAMLError, ValueError: Hydra cannot compose them.
    """
    lines = tuple(str(override.input_line) for override in choices)
    if any(_is_choice_of_hydras(override) for override in choices):
        return _compose(lines)
    return _compose_once(lines, _state_of_files())


@functools.lru_cache(maxsize=KEPT)
def _compose_once(lines: tuple[str, ...], state: tuple[tuple[str, int, int], ...]) -> Chosen:
    return _compose(lines)


def _compose(lines: Sequence[str]) -> Chosen:
    with initialize_config_dir(str(CONF), job_name="train", version_base=HYDRA_VERSION):
        config = compose_with_hydra(PRIMARY, list(lines), return_hydra_config=True)
    pickled = pickle.dumps(config)
    return Chosen(pickled, cast("dict[str, Any]", OmegaConf.to_container(_without_hydras(config), resolve=False)))


def _without_hydras(config: DictConfig) -> DictConfig:
    with open_dict(config):
        del config[HYDRA]
    return config


def _is_choice_of_hydras(override: Override) -> bool:
    name = override.key_or_group
    return name in (HYDRA, SEARCHPATH) or name.startswith(f"{HYDRA}/")


def _state_of_files() -> tuple[tuple[str, int, int], ...]:
    """Return the path, time of change (ns) and size of every file that Hydra may read."""
    stats = [(str(file), file.stat()) for file in CONF.rglob("*.yaml") if file.is_file()]
    return tuple(sorted((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
