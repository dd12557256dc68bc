"""A list of commands carried out by an executor, outside any study: what failed is told, the rest goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from intraday_rl.sweeps.executors.base import Command, Executor
from intraday_rl.sweeps.runner import MOST_STOPS, POLL_SECONDS, STOPPED_STATUSES


def carry_out(
    count: int, command: Callable[[int], Command], executor: Executor, ended: Callable[[int, int], None]
) -> None:
    """Carry out commands, as many at a time as the executor can.

    One that was stopped by a signal from outside is begun again.

    Args:
        count: how many commands there are.
        command: returns the command of that index, each time that it is to begin.
        executor: carries them out.
        ended: told of the index and the exit status of each that has ended for good.
    """
    waiting = deque((index, 0) for index in range(count))
    active: list[tuple[int, int, Any]] = []
    try:
        while waiting or active:
            while waiting and len(active) < executor.capacity:
                index, stops = waiting.popleft()
                active.append((index, stops, executor.start(command(index))))
            for item in list(active):
                index, stops, handle = item
                status = handle.poll()
                if status is None:
                    continue
                active.remove(item)
                if status in STOPPED_STATUSES and stops + 1 < MOST_STOPS:
                    waiting.append((index, stops + 1))
                else:
                    ended(index, status)
            time.sleep(POLL_SECONDS)
    finally:
        executor.stop(_handles(active))


def _handles(active: Sequence[tuple[int, int, Any]]) -> list[Any]:
    return [handle for _, _, handle in active]
