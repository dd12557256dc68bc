"""The slippage budget: what trading should cost by the model, on sessions before the test; frozen with the policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core import structs
from intraday_rl.core.jit import njit
from intraday_rl.env.risk.decision import base_size
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.impact import temporary_impact
from intraday_rl.market.rows import AccountRow, OwnMemory
from intraday_rl.market.spreads import half_spread
from intraday_rl.market.tape import Tape


@njit
def _one_way_costs(rows: Any, rules: Any, accounts: Any, memory: Any, out: Any) -> None:
    rule, account = rules[0], accounts[0]
    for t in range(rows.shape[0]):
        bar = rows[t]
        size = base_size(account, bar, rule, memory)
        paid = half_spread(rule.execution.spread, bar, bar) + temporary_impact(rule.execution.impact, size, bar)
        out[t] = 1e4 * paid / bar.mid if bar.traded > 0 else np.nan


def slippage_budget_bps(tape: Tape, rules: TradingRules, sessions: npt.NDArray[np.int64], multiple: float) -> float:
    """Return `multiple` times the median modelled one-way cost of the sessions' minutes, in bps of the mid (SPEC C3).

    One way: half-spread and temporary impact of an entry at the allowed size; commission is not slippage. Each symbol's
    minutes cost what its own execution asks; the median is over the minutes of all.
    """
    usable = tape.usable(sessions)
    accounts = structs.empty(AccountRow, 1)
    accounts["nav"] = accounts["start_nav"] = rules.initial_capital_usd
    costs = []
    for k in np.unique(tape.symbol_of[usable]):
        own = usable[tape.symbol_of[usable] == k]
        keep = np.concatenate([np.arange(tape.first_row[s], tape.last_row[s] + 1) for s in own])
        costs.append(np.empty(len(keep)))
        packed = rules.pack((tape.symbols[k],))
        memory = structs.empty(OwnMemory, rules.num_memories)
        _one_way_costs(structs.view(np.asarray(tape.rows)[keep]), packed, accounts, memory, costs[-1])
    return float(multiple * np.nanmedian(np.concatenate(costs)))
