"""SIGTERM as an exception, so that a run told to stop can still save what it has.

Conventions: the handler is set in the main thread only, since Python allows no other; elsewhere the context manager
does nothing. A SIGTERM that the parent told this process to ignore stays ignored.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 10.0  # repeats within this time are ignored, so that a second `kill` does not cut the clean-up short


class Interrupted(KeyboardInterrupt):
    """A signal told the process to stop. A KeyboardInterrupt, so that `except Exception` does not swallow it.

    Attributes:
        signal_number: number of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        """Name the signal."""
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number

    @property
    def exit_status(self) -> int:
        """The status that shells give to a process ended by this signal."""
        return 128 + self.signal_number


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Raise `Interrupted` in the main thread on SIGTERM inside the block; the former handler returns afterwards."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        yield
        return
    last_raised = -GRACE_SECONDS

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        nonlocal last_raised
        now = time.monotonic()
        if now - last_raised >= GRACE_SECONDS:
            last_raised = now
            raise Interrupted(signal_number)

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former if former is not None else signal.SIG_DFL)
