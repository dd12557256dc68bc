"""The engine: one compiled pass over bars that updates every family's memory and writes the chosen columns.

Conventions: the same compiled pass serves history (T rows in one call) and live (one row a call), so both are equal
bit for bit. Every family is always part of the pass, so that there is one pass to compile, whatever columns are chosen.
Shapes: T rows, F chosen columns, W columns of all families, S sessions, M minutes of the longest session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import every, njit
from intraday_rl.core.structs import Records, nest, view
from intraday_rl.features.base import update
from intraday_rl.features.library import FAMILIES, known_state, regime
from intraday_rl.features.trail import TRAIL, BarColumns, advance

COLUMNS = tuple(spec.name for family in FAMILIES for spec in family.specs)  # W
ROW = np.dtype([(name, np.float64) for name in COLUMNS])

update_all = every(update)


class Fits(NamedTuple):
    """What was fitted on earlier sessions; session s of the bars reads row s."""

    sessions: Records  # (S,) of SESSION_FIT
    minutes: Records  # (S, M) of MINUTE_FIT


class Memory(NamedTuple):
    """All that the pass remembers from bar to bar."""

    trail: Records  # (1,)
    families: Records  # (1,), a field for each of FAMILIES
    row: Records  # (1,) of ROW, the last row


class Output(NamedTuple):
    """Where the pass writes, and which columns."""

    columns: npt.NDArray[np.int64]  # (F,) indices into COLUMNS
    values: npt.NDArray[np.float32]  # (T, F)
    valid: npt.NDArray[np.bool_]  # (T,)


def new_memory(settings: Mapping[type, Mapping[str, float]]) -> Memory:
    """Return an empty memory; `settings` are values of fields of the families' states, by parameter struct."""
    trail = view(np.zeros(1, dtype=TRAIL))
    trail["session"] = -1
    states = {family.params.__name__: np.zeros(1, dtype=family.state) for family in FAMILIES}
    for params, values in settings.items():
        for name, value in values.items():
            states[params.__name__][name] = value
    row = view(np.full(len(COLUMNS), np.nan).view(ROW))
    return Memory(trail, nest("Families", states), row)


def run_pass(bars: BarColumns, fits: Fits, memory: Memory, output: Output) -> None:
    """Take in the bars and write their rows; `memory` then stands after the last of them."""
    _pass(bars, fits, memory, memory.row.view(np.float64).view(np.ndarray), output)


@njit
def _pass(bars: BarColumns, fits: Fits, memory: Memory, flat: Any, output: Output) -> None:
    trail, families, row = memory.trail[0], memory.families[0], memory.row[0]
    for t in range(bars.session.shape[0]):
        session, minute = bars.session[t], bars.minute[t]
        fit = fits.sessions[session]
        if bars.traded[t]:
            advance(trail, bars, t, fit, fits.minutes[session, minute])
            update_all(families, trail.step, row)
        regime.write_clock(row, minute, fit.minutes)
        known_state.write_clock(row, minute, fit.minutes)
        _store(output, t, flat, session == trail.session)


@njit
def _store(output: Output, t: int, flat: Any, has_bar: bool) -> None:
    """Write the chosen columns; before a session's first bar there is nothing to write."""
    valid = has_bar
    for place in range(output.columns.shape[0]):
        value = flat[output.columns[place]] if has_bar else np.nan
        output.values[t, place] = value
        valid = valid and not np.isnan(value)
    output.valid[t] = valid
