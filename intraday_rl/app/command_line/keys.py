"""Keys and kinds of values of a composed configuration, compared with the same choices composed without any values.

Conventions: keys are dotted paths. A node with a `_target_` is a struct, which checks the kinds of its own values;
everywhere else a value must be of the kind that `conf/` has there. New members may join, and members may leave, in
the open groups only: named collections of rules, terms and families. Members of the tag groups are single values.
Below `market.by_symbol` stand symbols, and below each of them what differs for it, with the keys of `market`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError

OPEN_GROUPS = (
    "reward.terms",
    "risk.limits",
    "risk.entries",
    "risk.exits",
    "features.families",
    "curriculum.stages",
    "criteria",
)
TAG_GROUPS = ("tracking.tags",)  # any member that is a single value
OPEN_VALUES = ("hparams.space", "hparams.objectives", "hparams.constraints")  # any member, of any kind
BY_SYMBOL, OF_SYMBOL = "market.by_symbol", "market"
TARGET = "_target_"
MISSING = "???"
MOST_NAMESAKES = 3  # keys of one last name that a hint names
KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
}


def check_keys(given: Mapping[str, Any], reference: Mapping[str, Any]) -> None:
    """Refuse keys that `conf/` does not have, keys that went missing, and values of another kind.

    Args:
        given: the composed configuration, resolved.
        reference: the same choices without other overrides, not resolved.

    Raises:
        ConfigError: the first thing that is wrong, by its key.
    """
    keys = sorted(walk(reference))
    _compare("", given, reference, keys)
    for symbol, node in given.get(OF_SYMBOL, {}).get("by_symbol", {}).items():
        _compare_part(f"{BY_SYMBOL}.{symbol}", node, reference[OF_SYMBOL])


def check_existing(key: str, value: Any, reference: Mapping[str, Any]) -> None:
    """Refuse a dotted key, and those of a mapping that it is set to, if the reference does not have them.

    Raises:
        ConfigError: it names the nearest key.
    """
    keys = sorted(walk(reference))
    if key not in keys:
        raise unknown_key(key, keys)
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        check_existing(_join(key, name), inner, reference)


def missing_keys(reference: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys whose value is left to the user (`???`), in order."""
    return [key for key, value in _items(reference) if value == MISSING]


def walk(node: Any) -> Iterator[str]:
    """Yield the dotted keys of everything inside the node."""
    return (key for key, _ in _items(node))


def _items(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for name, value in pairs:
        key = _join(place, name)
        yield key, value
        yield from _items(value, key)


def unknown_key(key: str, keys: Sequence[str]) -> ConfigError:
    """Return the error for a key that does not exist: the nearest key, or where to find them all."""
    free = any(key.startswith(f"{group}.") for group in (BY_SYMBOL, *TAG_GROUPS))
    hint = "" if free else _nearest_key(key, keys) or "; --cfg job shows all keys"
    return ConfigError(f"unknown key {key}{hint}{_join_law(key, keys)}")


def _join_law(key: str, keys: Sequence[str]) -> str:
    """Return what a new member of an open group, a tag or a symbol needs, if the key would be one."""
    if key.startswith(f"{BY_SYMBOL}."):
        return f"; what differs for a symbol is added with a plus: +{key}=…"
    if any(key.startswith(f"{group}.") for group in TAG_GROUPS):
        return f"; a new one is added with a plus: +{key}=…"
    for group in OPEN_GROUPS:
        if key.startswith(f"{group}.") and f"{group}.{key[len(group) + 1 :].split('.')[0]}" not in keys:
            return f"; a new member of {group} needs a {TARGET}"
    return ""


def _nearest_key(key: str, keys: Sequence[str]) -> str:
    """Return ' (did you mean …?)': a sibling, else a key of the same last name, else any key."""
    parent, _, name = key.rpartition(".")
    siblings = {other.rpartition(".")[2]: other for other in keys if other.rpartition(".")[0] == parent}
    namesakes = [other for other in keys if other.rpartition(".")[2] == name]
    if near := nearest(name, siblings):
        return near.replace("mean ", f"mean {parent}." if parent else "mean ")
    if 0 < len(namesakes) <= MOST_NAMESAKES:
        return f" (did you mean {' or '.join(namesakes)}?)"
    return nearest(key, [other for other in keys if not key.startswith(f"{other}.")])


def _compare(place: str, given: Any, known: Any, keys: Sequence[str]) -> None:
    if not isinstance(known, Mapping):
        _check_kind(place, given, known)
        return
    if not isinstance(given, Mapping):
        raise ConfigError(f"{place} must be a group of keys, was {given!r}; give its keys one by one")
    if place == BY_SYMBOL or place in OPEN_VALUES:
        return
    if place in TAG_GROUPS:
        _check_tags(place, given)
        return
    if TARGET in known and TARGET in given:
        if known[TARGET] == given[TARGET]:
            _check_names(place, given, known, keys)
        return
    _check_names(place, given, known, keys)
    for name, value in known.items():
        if name in given:
            _compare(_join(place, name), given[name], value, keys)


def _check_tags(place: str, given: Mapping[str, Any]) -> None:
    """Refuse members that are no single values."""
    for name, value in given.items():
        if not isinstance(value, str | int | float):
            raise ConfigError(f"{_join(place, name)} must be a text, a number, true or false, was {value!r}")


def _compare_part(place: str, given: Any, known: Any) -> None:
    """Compare what is given with what is known there; what is known may be left out, structs check their values."""
    if not isinstance(known, Mapping):
        return
    if not isinstance(given, Mapping):
        raise ConfigError(f"{place} must be a group of keys, was {given!r}; give its keys one by one")
    for name, value in given.items():
        if name not in known or _join(place, name).endswith(".by_symbol"):
            allowed = ", ".join(key for key in known if key not in (TARGET, "by_symbol"))
            raise ConfigError(f"unknown key {_join(place, name)}{nearest(name, known)}; it can have {allowed}")
        _compare_part(_join(place, name), value, known[name])


def _check_names(place: str, given: Mapping[str, Any], known: Mapping[str, Any], keys: Sequence[str]) -> None:
    for name, value in given.items():
        joins = place in OPEN_GROUPS and isinstance(value, Mapping) and TARGET in value
        if name not in known and not joins:
            inner = next((f".{name}" for name in value), "") if isinstance(value, Mapping) else ""
            raise unknown_key(_join(place, name) + inner, keys)
    for name in known:
        if name not in given and place not in OPEN_GROUPS:
            raise ConfigError(f"{_join(place, name)} cannot be left out; only members of {', '.join(OPEN_GROUPS)} can")


def _check_kind(place: str, given: Any, known: Any) -> None:
    """Refuse a value of another kind; None and what only the run decides (`???`, `${…}`) say nothing about theirs."""
    if known is None or _is_open(known) or _is_open(given):
        return
    if not _is_of_kind(given, known):
        raise ConfigError(f"{place} must be {KINDS[type(known)]}, was {given!r}")
    if isinstance(known, list) and known:
        for i, item in enumerate(given):
            _check_kind(f"{place}[{i}]", item, known[0])


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and (value == MISSING or "${" in value)


def _is_of_kind(given: Any, known: Any) -> bool:
    if isinstance(known, float):
        return isinstance(given, int | float) and not isinstance(given, bool)
    return type(given) is type(known)


def _join(place: str, name: Any) -> str:
    return f"{place}.{name}" if place else str(name)
