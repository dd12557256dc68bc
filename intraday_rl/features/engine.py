"""The engine: one compiled pass over bars that updates every family's memory and writes the chosen columns.

Conventions: the same compiled pass serves history (T rows in one call) and live (one row a call), so both are equal
bit for bit. Every family is always part of the pass, so that there is one pass to compile, whatever columns are chosen.
Shapes: T rows, F chosen columns, W columns of all families, S sessions, M minutes of the longest session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.core.structs import Records, view
from intraday_rl.features.library import FAMILIES
from intraday_rl.features.library.cross_asset import ReferenceColumns, update_cross_asset, write_vix
from intraday_rl.features.library.extra import update_extra, write_time_to_close
from intraday_rl.features.library.known_state import update_known_state
from intraday_rl.features.library.microstructure import update_microstructure
from intraday_rl.features.library.momentum import update_momentum
from intraday_rl.features.library.regime import update_regime, write_clock
from intraday_rl.features.library.regime_detector import update_regime_detector
from intraday_rl.features.library.volatility import update_volatility
from intraday_rl.features.trail import TRAIL, BarColumns, advance

COLUMNS = tuple(spec.name for family in FAMILIES for spec in family.specs)  # W
ROW = np.dtype([(name, np.float64) for name in COLUMNS])


class Fits(NamedTuple):
    """What was fitted on earlier sessions; session s of the bars reads row s."""

    sessions: Records  # (S,) of SESSION_FIT
    minutes: Records  # (S, M) of MINUTE_FIT


class Memory(NamedTuple):
    """All that the pass remembers from bar to bar: one record each, (1,)."""

    trail: Records
    microstructure: Records
    momentum: Records
    volatility: Records
    regime: Records
    cross_asset: Records
    regime_detector: Records
    known_state: Records
    row: Records  # the last row, all W columns


class Output(NamedTuple):
    """Where the pass writes, and which columns."""

    columns: npt.NDArray[np.uint64]  # (F,) indices into COLUMNS
    values: npt.NDArray[np.float32]  # (T, F)
    valid: npt.NDArray[np.bool_]  # (T,)


class Choice(NamedTuple):
    """The chosen columns of the last row, in their order."""

    row: npt.NDArray[np.float64]  # (W,) on the memory of the row's record
    chosen: npt.NDArray[np.float64]  # (F,) a part of `row` where the columns stand side by side
    is_part: bool  # else they are brought together for each row


def new_memory(settings: Mapping[type, Mapping[str, float]]) -> Memory:
    """Return an empty memory; `settings` are values of fields of the families' states, by parameter struct."""
    trail = np.zeros(1, dtype=TRAIL)
    trail["session"] = -1
    families = [family for family in FAMILIES if family.state is not None]
    states = [np.zeros(1, dtype=family.state) for family in families]
    for family, state in zip(families, states, strict=True):
        for name, value in settings.get(family.params, {}).items():
            state[name] = value
    row = np.full(len(COLUMNS), np.nan).view(ROW)
    return Memory(*map(view, (trail, *states, row)))


def run_pass(bars: BarColumns, references: ReferenceColumns, fits: Fits, memory: Memory, output: Output) -> None:
    """Take in the bars and write their rows; `memory` then stands after the last of them."""
    row, columns = memory.row.view(np.float64).view(np.ndarray), output.columns.astype(np.int64)
    is_part = bool((np.diff(columns) == 1).all())
    chosen = row[columns[0] : columns[-1] + 1] if is_part else np.empty(len(columns))
    _pass(bars, references, fits, memory, Choice(row, chosen, is_part), output)


@njit
def _pass(
    bars: BarColumns, references: ReferenceColumns, fits: Fits, memory: Memory, choice: Choice, output: Output
) -> None:
    trail, row = memory.trail[0], memory.row[0]
    for t in range(bars.session.shape[0]):
        session, minute = bars.session[t], bars.minute[t]
        fit = fits.sessions[session]
        if bars.traded[t]:
            advance(trail, bars, t, fit, fits.minutes[session, minute])
            update_microstructure(memory.microstructure[0], trail.step, row)
            update_momentum(memory.momentum[0], trail.step, row)
            update_volatility(memory.volatility[0], trail.step, row)
            update_regime(memory.regime[0], trail.step, row)
            update_extra(trail.step, row)
            update_regime_detector(memory.regime_detector[0], row)
            update_known_state(memory.known_state[0], trail.step, row)
        write_clock(memory.regime[0], row, minute, fit.minutes)
        write_time_to_close(row, minute, fit.minutes)
        write_vix(row, fit.vix_close, fit.vix_mean)
        update_cross_asset(memory.cross_asset[0], references, t, session, row)
        _store(choice, output, t, session == trail.session)


@njit
def _store(choice: Choice, output: Output, t: int, has_bar: bool) -> None:
    """Write the chosen columns; before a session's first bar there is nothing to write."""
    unknown = 0 if has_bar else 1
    chosen = choice.chosen
    if not choice.is_part:
        for place in range(chosen.shape[0]):
            chosen[place] = choice.row[output.columns[place]]
    for place in range(chosen.shape[0]):
        output.values[t, place] = chosen[place]
        unknown += 1 if math.isnan(chosen[place]) else 0
    output.valid[t] = unknown == 0
    if not has_bar:
        for place in range(chosen.shape[0]):
            output.values[t, place] = np.nan
