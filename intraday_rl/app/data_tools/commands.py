"""The command lines that lead from collecting to training and back, as texts to copy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

PLAIN = re.compile(r"[\w@%+=:,./\[\]-]+")  # what a shell takes without quotes, as this project's pages write it


def collect_command(data: Mapping[str, Any]) -> str:
    """Return the command that collects what a run with this `data` node of the configuration needs."""
    named = [f"data={data['name']}"]
    if "format" in data:
        named.append(f"data.path={data['path'] or 'PATH'}")
    named.append(_symbols(data["symbols"]))
    if "format" not in data:
        named += [f"data.start={data['start']}", f"data.end={data['end']}"]
    return _line("collect.py", [*named, *_store(data)])


def train_command(data: Mapping[str, Any], symbols: Sequence[str], others: Sequence[str]) -> str:
    """Return the command that trains on what was collected.

    Args:
        data: the `data` node of the configuration that it was collected with.
        symbols: those that the store has.
        others: overrides outside `data`, such as market=mes.
    """
    days = [f"data.{name}={data[name]}" for name in ("start", "end") if data[name] is not None]
    return _line("train.py", [f"data={data['name']}", _symbols(symbols), *days, *_store(data), *others])


def _symbols(symbols: Sequence[str]) -> str:
    return f"data.symbols=[{','.join(map(str, symbols))}]"


def _store(data: Mapping[str, Any]) -> list[str]:
    return [] if data["store"] == f"data/{data['name']}" else [f"data.store={data['store']}"]


def _line(script: str, arguments: Sequence[str]) -> str:
    quoted = [text if PLAIN.fullmatch(text) else shlex.quote(text) for text in arguments]
    return " ".join(["python", script, *quoted])
