"""Nodes of a configuration to typed, checked structs; every message starts with the configuration key."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from intraday_rl.app.planning.plugins import is_plugin
from intraday_rl.core.coerce import coerce, is_struct
from intraday_rl.core.errors import ConfigError, IntradayError

PACKAGE = "intraday_rl"


def find_struct(key: str, target: Any) -> type:
    """Return the struct class that a `_target_` names.

    Raises:
        ConfigError: it is not a struct of this package or of a plugin.
    """
    module, _, name = str(target).rpartition(".")
    if module.split(".")[0] != PACKAGE and not is_plugin(module):
        raise ConfigError(
            f"{key}._target_ must name a struct of {PACKAGE}, or of a module named in plugins=[…], was {target!r}"
        )
    try:
        struct = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key}._target_ must name an existing struct, was {target!r}") from error
    if not is_struct(struct):
        raise ConfigError(f"{key}._target_ must name a parameter struct, was {target!r}")
    return struct  # type: ignore[no-any-return]


def build_struct(key: str, node: Any, *kinds: type) -> Any:
    """Build the struct that a node with a `_target_` describes.

    Args:
        key: of the node, for messages.
        node: the node.
        kinds: structs that may stand there; none given = the caller checks.

    Raises:
        ConfigError: the node or a value in it is not allowed; the message starts with `key`.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise ConfigError(f"{key} must be a mapping with a _target_, was {node!r}")
    struct = find_struct(key, node["_target_"])
    if kinds and struct not in kinds:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"{key}._target_ must be one of {names}, was {struct.__name__}")
    try:
        return coerce(struct, {name: value for name, value in node.items() if name != "_target_"})
    except IntradayError as error:
        raise ConfigError(f"{key}: {error}") from error


def build_group(key: str, nodes: Any) -> dict[str, Any]:
    """Build every struct of a named group, in order."""
    if not isinstance(nodes, Mapping):
        raise ConfigError(f"{key} must be a mapping of names to rules, was {nodes!r}")
    return {name: build_struct(f"{key}.{name}", node) for name, node in nodes.items()}


def number(key: str, value: Any) -> float:
    """Return a number of the configuration as a float, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{key} must be a number, was {value!r}")
    return float(value)


@contextmanager
def named(key: str) -> Iterator[None]:
    """Put the configuration key before whatever an object inside refuses."""
    try:
        yield
    except ConfigError:
        raise
    except IntradayError as error:
        raise ConfigError(f"{key}: {error}") from error


def build_plain(key: str, struct: type, node: Any) -> Any:
    """Build a struct of a node that does not name one."""
    with named(key):
        return coerce(struct, node)
