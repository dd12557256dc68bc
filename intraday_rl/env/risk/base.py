"""Contracts of risk rules: limits say how large a position may be, exits say when it has to go.

A limit is asked at every decision and the smallest answer counts. An exit rule that fires closes the position as
soon as the market allows and blocks entries until the next session; rules may only reduce what the agent asks for.
"""

from __future__ import annotations

from typing import Any

from intraday_rl.core.jit import model
from intraday_rl.market.rows import AccountRow, BarRow

NO_EXIT, SESSION_CLOSE, HALT = 0, 1, 2  # codes of why an account is closing
EXIT_REASONS = {NO_EXIT: "agent", SESSION_CLOSE: "session_close", HALT: "halt"}


@model
def position_limit(params: Any, account: AccountRow, bar: BarRow, multiplier: float) -> float:
    """Return the largest absolute position allowed, in units (it need not be whole).

    Args:
        params: the rule's struct.
        account: the account after the last close.
        bar: the last closed bar.
        multiplier: USD per price unit and unit of quantity.
    """
    raise NotImplementedError


@model
def exit_reason(params: Any, account: AccountRow, bar: BarRow) -> int:
    """Return NO_EXIT, or the code of why the account must be flat from now on.

    Args:
        params: the rule's struct.
        account: the account after the last close.
        bar: the last closed bar.
    """
    raise NotImplementedError
