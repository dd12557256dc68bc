"""The truncation test's tools: futures that did not happen, a whole run from bars to fills, and a comparison up to t.

Bars are changed after they were checked, so that no guard can help. Row t is the last row that stays as it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.data import Bars
from intraday_rl.data.bars import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from intraday_rl.evaluation.rollout import Recording, roll_out
from intraday_rl.features import FeatureTable
from intraday_rl.market.tape import Tape, build_tape
from tests.support.policies import RecordingPolicy

COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
PRICES = ("open", "high", "low", "close", "vwap", "bid", "ask")


def without_future(bars: Bars, t: int) -> Bars:
    """Return the bars with every column NaN after row t."""
    return _changed(bars, t, lambda name, values: np.full(len(values), np.nan), bars.traded)


def noisy_future(bars: Bars, t: int) -> Bars:
    """Return the bars with prices times wild noise and volumes times ten after row t; bars break every law there."""
    rng = np.random.default_rng(t)

    def noise(name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        factor = np.exp(0.05 * rng.standard_normal(len(values))) if name in PRICES else 10.0 * rng.random(len(values))
        changed: npt.NDArray[np.float64] = values * factor
        return changed

    return _changed(bars, t, noise, bars.traded)


def other_day(bars: Bars, t: int) -> Bars:
    """Return the bars with those of the session after the next (cyclic), minute by minute, after row t."""
    sessions = bars.sessions
    session = (bars.session + 2) % len(sessions)
    row = sessions.first[session] + np.minimum(bars.minute, sessions.minutes[session] - 1)
    columns = {name: getattr(bars, name)[row] for name in COLUMNS}
    return _changed(bars, t, lambda name, values: columns[name][t + 1 :], bars.traded[row])


FUTURES: dict[str, Callable[[Bars, int], Bars]] = {"nan": without_future, "noise": noisy_future, "other day": other_day}


def _changed(bars: Bars, t: int, change: Callable[[str, Any], Any], traded: npt.NDArray[np.bool_]) -> Bars:
    columns = {}
    for name in COLUMNS:
        column = getattr(bars, name).copy()
        column[t + 1 :] = change(name, column[t + 1 :])
        columns[name] = column
    flags = bars.traded.copy()
    flags[t + 1 :] = traded[t + 1 :]
    return dataclasses.replace(bars, **columns, traded=flags)


@dataclass(frozen=True)
class Trace:
    """Everything on the way from bars to fills: (T, ...) by tape row, (B, N, ...) by decision and session."""

    table: FeatureTable
    tape: Tape
    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[Any]
    recording: Recording


Leak = Callable[[FeatureTable, Tape], tuple[FeatureTable, Tape]]


def run_through(bars: Bars, plan: Any, policy: Any, sessions: npt.NDArray[np.int64], leak: Leak | None = None) -> Trace:
    """Run bars through pipeline, tape and rollout; `leak` may spoil what the pipeline and the tape say."""
    table = plan.markets[0].pipeline.compute(bars)
    market = plan.markets[0]
    tape = build_tape(bars, table, market.scales.compute(bars), market.instrument, market.blackout)
    if leak is not None:
        table, tape = leak(table, tape)
    recorder = RecordingPolicy(policy)
    recording = roll_out(tape, plan.rules, sessions, recorder, seed=0)
    return Trace(table, tape, np.array(recorder.observations), np.array(recorder.actions), recording)


def differences(left: Trace, right: Trace, t: int) -> set[str]:
    """Return the names of what differs in a bit at or before row t: decisions taken there, and fills made there."""
    return _market_differences(left, right, t) | _session_differences(left, right, t)


def _market_differences(left: Trace, right: Trace, t: int) -> set[str]:
    pairs = [("features", left.table.values, right.table.values), ("validity", left.table.valid, right.table.valid)]
    pairs += [(f"tape.{name}", left.tape.rows[name], right.tape.rows[name]) for name in left.tape.rows.dtype.names]
    return {name for name, ours, theirs in pairs if not _equal(ours[: t + 1], theirs[: t + 1])}


def _session_differences(left: Trace, right: Trace, t: int) -> set[str]:
    ours, theirs = left.recording, right.recording
    if not (_equal(ours.sessions, theirs.sessions) and _equal(ours.first_bar, theirs.first_bar)):
        return {"sessions"}
    pairs = [(name, getattr(ours, name), getattr(theirs, name), 0) for name in ("nav", "cash", "position", "closing")]
    pairs += [("fills", ours.fills[name], theirs.fills[name], 0) for name in ours.fills.dtype.names]
    pairs += [(name, getattr(left, name), getattr(right, name), 1) for name in ("observations", "actions")]
    pairs += [(name, getattr(ours, name), getattr(theirs, name), 1) for name in ("wanted", "target", "rule")]
    pairs += [("orders", ours.fills["ordered"], theirs.fills["ordered"], 1)]
    found = set()
    for n, first in enumerate(ours.first_bar):
        for name, mine, other, ahead in pairs:  # step k decides at row first + k and settles at the row after
            steps = slice(0, int(np.clip(t - first + ahead, 0, ours.length[n])))
            if not _equal(mine[steps, n], other[steps, n]):
                found.add(name)
    return found


def _equal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> bool:
    return left.tobytes() == right.tobytes()
