"""Names and values in the form MLflow accepts: flat parameters, allowed names, values within the length limits.

Conventions: nested keys are joined with dots. A name keeps letters, digits, `_ - . /` and spaces; `%` becomes
`percent` and anything else `_`. Two names that would become one are kept apart by a number at the end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_NAME_LENGTH = 250  # MLflow's limits, in characters
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000

_FORBIDDEN = re.compile(r"[^/\w.\- ]")


def allowed_name(name: str) -> str:
    """Return the name with everything replaced that MLflow refuses in metric, parameter and tag names."""
    clean = _FORBIDDEN.sub("_", name.replace("%", "percent"))
    clean = "/".join(part for part in clean.split("/") if part not in ("", ".", ".."))
    if len(clean) > MAX_NAME_LENGTH:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        clean = f"{clean[: MAX_NAME_LENGTH - 9]}-{digest}"
    return clean or "unnamed"


class UniqueNames:
    """Allowed names for one run: the same name always gets the same answer, different names different ones."""

    def __init__(self) -> None:
        """Start with no names."""
        self._clean: dict[str, str] = {}
        self._taken: set[str] = set()

    def allowed(self, name: str) -> str:
        """Return the allowed name that belongs to `name` alone."""
        known = self._clean.get(name)
        if known is None:
            known = self._clean[name] = self.new(name)
        return known

    def new(self, name: str) -> str:
        """Return an allowed name for `name` that was not given out before."""
        clean = allowed_name(name)
        candidate, number = clean, 2
        while candidate in self._taken:
            suffix = f"_{number}"
            candidate, number = clean[: MAX_NAME_LENGTH - len(suffix)] + suffix, number + 1
        self._taken.add(candidate)
        return candidate


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning with a note of its length and sha256 where it exceeds `limit` characters."""
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    note = f" [cut: {len(text)} characters, sha256 {digest}]"
    return text[: limit - len(note)] + note


def flatten(params: Mapping[str, Any]) -> dict[str, str]:
    """Return nested parameters as one level of text: `{"algo": {"gamma": 0.99}}` becomes `{"algo.gamma": "0.99"}`.

    Lists of scalars become JSON text, lists that hold mappings are numbered (`terms.0.weight`). True, false and null
    are written as in YAML. Names and lengths are brought within MLflow's limits.
    """
    names = UniqueNames()
    leaves = _leaves("", params) if params else ()
    return {names.new(name): cut(_text(value), MAX_PARAM_LENGTH) for name, value in leaves}


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    children = _children(value)
    if children is None:
        yield prefix, value
        return
    for key, child in children:
        yield from _leaves(f"{prefix}.{key}" if prefix else str(key), child)


def _children(value: Any) -> list[tuple[Any, Any]] | None:
    """Return the branches below a value, or None when the value is written as it stands."""
    if isinstance(value, Mapping):
        return list(value.items()) or None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        holds_branches = any(isinstance(item, Mapping | list | tuple) for item in value)
        return list(enumerate(value)) if holds_branches else None
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
