"""Contracts of risk rules: limits say how large a position may be, exits say when it has to go.

A limit is asked once a bar and the smallest answer counts; what is held already may stay, so a limit never blocks an
exit. An exit rule that fires closes the position as soon as the market allows: for this trade, or for the day, and
then there are no entries until the next session. Rules may only reduce what the agent asks for. Each rule has a memory
of its own for every account, zeroed at each session's start.
"""

from __future__ import annotations

from typing import Any

from intraday_rl.core.jit import model
from intraday_rl.market.rows import AccountRow, BarRow, OwnMemory

NO_EXIT, TRADE_EXIT, SESSION_CLOSE, HALT = 0, 1, 2, 3  # why an account is closing; the larger code prevails
EXIT_REASONS = {NO_EXIT: "agent", TRADE_EXIT: "trade_exit", SESSION_CLOSE: "session_close", HALT: "halt"}


@model
def position_limit(params: Any, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory) -> float:
    """Return the largest absolute position allowed, in units (it need not be whole); infinite where all is allowed.

    Args:
        params: the rule's struct.
        account: the account after the last close.
        bar: the last closed bar.
        multiplier: USD per price unit and unit of quantity.
        memory: the rule's own floats, which it may change.
    """
    raise NotImplementedError


@model
def exit_reason(params: Any, account: AccountRow, bar: BarRow) -> int:
    """Return NO_EXIT, or the code of why the account must be flat: for this trade, or from now on.

    Args:
        params: the rule's struct.
        account: the account after the last close.
        bar: the last closed bar.
    """
    raise NotImplementedError
