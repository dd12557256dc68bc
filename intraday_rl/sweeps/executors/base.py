"""The contract of executors: they start commands, somewhere, and tell how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Command(NamedTuple):
    """A command to carry out.

    Attributes:
        arguments: program and arguments.
        environment: variables besides those of this process.
        log: file to which what it says is added.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path


class Handle(Protocol):
    """A command at work."""

    def poll(self) -> int | None:
        """Return None while it works, then its exit status: minus the signal's number where one ended it."""


class Executor(Protocol):
    """Carries out commands, so many at a time."""

    @property
    def capacity(self) -> int:
        """How many commands at a time."""

    def start(self, command: Command) -> Any:
        """Start a command and return its handle."""

    def stop(self, handles: Sequence[Any]) -> None:
        """End commands with all that they started, also those that have ended."""

    def close(self) -> None:
        """Let go of what the executor holds; nothing is at work any more."""
