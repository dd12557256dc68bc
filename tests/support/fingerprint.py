"""What instances hold, attribute by attribute: to find state that a checkpoint forgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from intraday_rl.agents.checkpoints import checkpointing
from intraday_rl.agents.checkpoints.checkpointing import Checkpointing

# set by SB3 for every callback, or handed in and kept elsewhere: environments, files, the market
OF_SB3 = {"model", "parent", "locals", "globals", "num_timesteps", "verbose"}
ELSEWHERE = {"BatchEnv", "CsvFile", "Tape", "TradingRules", "MarketData"}
FOLLOWS = {"live_policy"}  # acts by the model's own weights
OF_THE_PROCESS = {"_flush_at", "_begun_at", "stop"}  # times and arguments that differ from process to process


def fingerprint(value: Any, place: str = "") -> dict[str, str]:
    """Return what a value holds as texts by path: numbers, texts, arrays and instances of the package, inside out."""
    if isinstance(value, Mapping):
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list | tuple | deque):
        pairs = [(str(i), inner) for i, inner in enumerate(value)]
    elif isinstance(value, set | frozenset):
        pairs = [(str(i), inner) for i, inner in enumerate(sorted(value))]
    elif isinstance(value, np.ndarray | np.generic):
        return {place: f"{value.dtype} {np.shape(value)} {value.tobytes().hex()}"}
    elif value is None or isinstance(value, bool | int | float | str):
        return {place: repr(value)}
    elif is_ours(value):
        pairs = [(n, v) for n, v in vars(value).items() if n not in OF_SB3 | FOLLOWS | OF_THE_PROCESS]
    else:
        return {place: type(value).__name__}
    found = {place: f"{type(value).__name__} of {len(pairs)}"} if not is_ours(value) else {}
    for name, inner in pairs:
        found |= fingerprint(inner, f"{place}.{name}")
    return found


def is_ours(value: Any) -> bool:
    """Say whether it is an instance whose attributes are looked at."""
    kind = type(value)
    return (
        kind.__module__.startswith(("intraday_rl.", "tests."))
        and kind.__name__ not in ELSEWHERE
        and hasattr(value, "__dict__")
    )


def members(callbacks: Sequence[Any], listeners: Sequence[Any]) -> dict[str, str]:
    """Return what all callbacks and listeners hold, by class and attribute."""
    found: dict[str, str] = {}
    for member in (*callbacks, *listeners):
        found |= fingerprint(member, type(member).__name__)
    return found


class Watch(Checkpointing):
    """Notes what everybody holds when a checkpoint is taken, and right after one was gone on from."""

    taken: dict[int, dict[str, str]]
    resumed: dict[int, dict[str, str]]

    def __init__(self, plan, callbacks, listeners):
        super().__init__(plan, callbacks, listeners)
        self._everybody = (tuple(callbacks), tuple(listeners))

    def _take(self):
        self.taken[self.num_timesteps] = members(*self._everybody)
        super()._take()

    def resume(self, model):
        super().resume(model)
        self.resumed[model.num_timesteps] = members(*self._everybody)


def watch(monkeypatch: Any) -> type[Watch]:
    """Let the trainer take its checkpoints under watch; return what notes them."""
    from intraday_rl.agents import trainer

    kind = type("Watched", (Watch,), {"taken": {}, "resumed": {}})
    monkeypatch.setattr(trainer, "Checkpointing", kind)
    assert checkpointing.Checkpointing is Checkpointing
    return kind
