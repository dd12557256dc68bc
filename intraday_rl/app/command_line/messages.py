"""What command lines tell the terminal about errors and interrupts: one line each."""

from __future__ import annotations

import sys

SIGINT_STATUS = 130


def say(text: str) -> None:
    """Print the text on standard error, as one line."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)


def stop_words(stop: KeyboardInterrupt) -> str:
    """Return which signal stopped the process; Python's own KeyboardInterrupt is Ctrl-C."""
    return str(stop) or "stopped by SIGINT"


def stop_status(stop: KeyboardInterrupt) -> int:
    """Return the status that shells give to a process ended by the signal."""
    return int(getattr(stop, "exit_status", SIGINT_STATUS))
