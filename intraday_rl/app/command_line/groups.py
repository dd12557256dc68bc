"""What `conf/` offers: its groups, their choices, and what the comments beside them say.

Conventions: read from the files' text, without Hydra, so that the help text costs nothing. A group is a folder below
`conf/`, named by its path (`env/actions`); a choice is a YAML file in it. Left out are Hydra's own groups, and folders
named `for_…`: what another group's choice brings along by itself (`debug/for_algo`).
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
CONF = PROJECT / "conf"
PRIMARY = "config"  # the file whose defaults list makes the default run
HYDRA, BROUGHT_ALONG = "hydra", "for_"
PACKAGE_MARK = "# @package"


@functools.cache
def list_groups() -> dict[str, tuple[str, ...]]:
    """Return the names of the choices of each group, both sorted."""
    found: dict[str, list[str]] = {}
    for file in sorted(CONF.rglob("*.yaml")):
        parts = file.parent.relative_to(CONF).parts
        if parts and parts[0] != HYDRA and not any(part.startswith(BROUGHT_ALONG) for part in parts):
            found.setdefault("/".join(parts), []).append(file.stem)
    return {group: tuple(found[group]) for group in sorted(found)}


@functools.cache
def default_choices() -> dict[str, str | None]:
    """Return what a run takes of each group where nothing else is asked for; None = nothing."""
    chosen: dict[str, str | None] = {}
    for group in ("", *list_groups()):
        files = (
            [CONF / f"{PRIMARY}.yaml"]
            if not group
            else [CONF / group / f"{name}.yaml" for name in list_groups()[group]]
        )
        for file in files:
            chosen |= {
                _join(group, name): choice for name, choice in _defaults_of(file) if _join(group, name) in list_groups()
            }
    return chosen


def purpose(group: str, choice: str) -> str:
    """Return the opening comment of a choice's file, or its `_target_` where it has none."""
    lines = (CONF / group / f"{choice}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#") and not line.startswith(PACKAGE_MARK)]
    if comments:
        return comments[0].lstrip("# ")
    return next((line.split(".")[-1] for line in lines if line.startswith("_target_")), "")


def explain_missing(key: str) -> str:
    """Return what the comments say about a key that the configuration leaves to the user (`???`): ' (…)' or ''."""
    group, _, rest = key.partition(".")
    pattern = re.compile(rf"^\s*{re.escape(rest.split('.')[-1])}:\s*\?\?\?\s*#\s*(.+)$", re.MULTILINE)
    for file in sorted((CONF / group).glob("*.yaml")):
        if match := pattern.search(file.read_text(encoding="utf-8")):
            return f" ({match[1].strip()})"
    return ""


def _join(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name


def _defaults_of(file: Path) -> list[tuple[str, str | None]]:
    text = file.read_text(encoding="utf-8")
    entries = re.findall(r"^  - (?:optional )?([\w/]+): (\w+)", text, re.MULTILINE)
    return [(name, None if choice == "null" else choice) for name, choice in entries]
