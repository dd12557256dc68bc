"""One pace for all threads: so many calls in any minute, and a pause that holds all of them.

Conventions: times are seconds of a monotonic clock. Waiting ends at once when the download is stopped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

MINUTE_SECONDS = 60.0


class StoppedError(Exception):
    """The download was told to stop."""


class CallLimiter:
    """At most so many calls in any sixty seconds."""

    def __init__(
        self, calls_per_minute: int | None, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with no call made.

        Args:
            calls_per_minute: most calls in any minute; None = no limit.
            stop: ends all waiting.
            clock: what says the time.
        """
        self._calls_per_minute = calls_per_minute
        self._stop = stop
        self._clock = clock
        self._lock = threading.Lock()
        self._started: deque[float] = deque(maxlen=calls_per_minute or 1)
        self._not_before = clock()

    def wait(self) -> None:
        """Return when a call may start; it counts as started.

        Raises:
            StoppedError: the download was stopped.
        """
        pause = 0.0
        while True:
            self.sleep(pause)
            with self._lock:
                now = self._clock()
                pause = self._opens_at() - now
                if pause <= 0:
                    self._started.append(now)
                    return

    def hold(self, seconds: float) -> None:
        """Let no call start for so long."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: the download was stopped, before or meanwhile.
        """
        if self._stop.wait(seconds):
            raise StoppedError

    def _opens_at(self) -> float:
        full = self._calls_per_minute is not None and len(self._started) == self._calls_per_minute
        return max(self._not_before, self._started[0] + MINUTE_SECONDS) if full else self._not_before
