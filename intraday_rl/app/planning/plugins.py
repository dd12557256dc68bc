"""Packages of the user's own: modules named in `plugins=[…]` register their reward terms, rules and models.

Only the command line names them: a bundle's own list is not followed, so that judging somebody's bundle runs no code of
theirs. A module is found where Python finds it: installed, or in a folder of PYTHONPATH.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from intraday_rl.core.errors import ConfigError

_allowed: set[str] = set()


def load_plugins(names: Sequence[str]) -> None:
    """Import the modules; from now on structs of these, and of no other package outside this one, may be targets.

    Raises:
        ConfigError: a name is no module's, or importing it fails.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"plugins must be a list of modules, such as [mypackage.terms], was {names!r}")
    _allowed.clear()
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever somebody else's module raises
            raise ConfigError(
                f"plugins: {name} cannot be imported: {error}; install it, or put its folder on PYTHONPATH"
            ) from error
    _allowed.update(names)


def is_plugin(module: str) -> bool:
    """Say whether a module is one of the plugins or inside of one."""
    return any(module == name or module.startswith(f"{name}.") for name in _allowed)
