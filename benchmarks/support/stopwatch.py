"""Where the time of a thread goes: functions are wrapped, and time inside two of them counts for the inner one."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Stopwatch:
    """Seconds and calls by section; what runs in no section counts as `rest`. Other threads are not measured."""

    def __init__(self, rest: str) -> None:
        """Start in the section `rest`."""
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._open = [rest]
        self._since = time.perf_counter()
        self._thread = threading.get_ident()

    def start(self) -> None:
        """Forget what was measured so far and start now."""
        self.seconds.clear()
        self.calls.clear()
        self._since = time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Return the seconds of each section until now."""
        self._turn()
        return dict(self.seconds)

    def wrap(self, section: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time counted for the section."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return function(*args, **kwargs)
            self._turn()
            self.calls[section] += 1
            self._open.append(section)
            try:
                return function(*args, **kwargs)
            finally:
                self._turn()
                self._open.pop()

        return timed

    @contextmanager
    def methods(self, *places: tuple[str, type, tuple[str, ...]]) -> Iterator[None]:
        """Count the methods named in each place (section, class, names) for its section, within the block."""
        kept = [(owner, name, owner.__dict__[name]) for _, owner, names in places for name in names]
        for section, owner, names in places:
            for name in names:
                setattr(owner, name, self.wrap(section, owner.__dict__[name]))
        try:
            yield
        finally:
            for owner, name, method in kept:
                setattr(owner, name, method)

    def _turn(self) -> None:
        """Book the time since the last turn for the innermost open section."""
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now
