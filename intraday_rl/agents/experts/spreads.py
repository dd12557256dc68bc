"""The spread that the execution models, minute by minute, as the observation shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.jit import njit
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.spreads import half_spread
from intraday_rl.market.tape import Tape


@njit
def _write_spreads(rows: Any, symbols: Any, rules: Any, spreads: Any) -> None:
    for t in range(rows.shape[0]):
        bar = rows[t]
        spreads[t] = 2e4 * half_spread(rules[symbols[t]].execution.spread, bar, bar) / bar.mid


def modelled_spread_bps(tape: Tape, rules: TradingRules) -> npt.NDArray[np.float64]:
    """Return the spread of an order decided and filled in each bar, bps of the mid, (T,)."""
    symbols = np.repeat(tape.symbol_of, tape.last_row + 1 - tape.session_starts)
    spreads = np.empty(len(tape.rows))
    _write_spreads(tape.rows, symbols, rules.pack(tape.symbols), spreads)
    return spreads
