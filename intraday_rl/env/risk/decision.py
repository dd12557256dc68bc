"""One account's decision: exit rules first, then the agent's target, then what risk rules leave of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from intraday_rl.core.jit import every, njit
from intraday_rl.env.actions import asked_side, target_position
from intraday_rl.env.risk.base import HALT, TRADE_EXIT, exit_reason, position_limit
from intraday_rl.env.risk.layers import LAYER_NAMES, layer_limit, stopping_layer
from intraday_rl.market.advance import is_any_under_way
from intraday_rl.market.fills import carry_limit
from intraday_rl.market.rows import AccountRow, BarRow

Array = np.ndarray[Any, Any]

position_limits = every(position_limit, per_member="memory", before=(math.inf,))
exit_reasons = every(exit_reason)

CHANGE_BARS = 10  # an order of the other side within so many bars is a change (SPEC B55)
NO_PATTERN, LOOP, SPIRAL = 0, 1, 2
PATTERNS = ("", "loop", "spiral")  # by code: changes to and fro; the same order again and again (R078)
PATTERN_ORDERS = 3  # changes, or repeats, in a row that make a pattern


@njit
def base_size(account: AccountRow, bar: BarRow, rules: Any, memory: Array) -> float:
    """Return the smallest answer of all limits, in whole units, >= 0."""
    size = math.inf
    multiplier = rules.execution.contract.multiplier
    for limit in position_limits(rules.limits, account, bar, multiplier, memory, rules.unit.first_limit):
        size = min(size, limit)
    return float(max(0.0, np.floor(size)))


@njit
def set_sizes(account: AccountRow, bar: BarRow, rules: Any, memory: Array) -> None:
    """Set what the next entry may be, by limits and then by entry rules, and which of these left least."""
    account.base_size = account.size = base_size(account, bar, rules, memory)
    account.binding = 0
    multiplier = rules.execution.contract.multiplier
    rule = rules.unit.num_exits + len(LAYER_NAMES) - 1  # of the limit that is always there, infinity
    for limit in position_limits(rules.entries, account, bar, multiplier, memory, rules.unit.first_entry):
        rule += 1
        whole = max(0.0, np.floor(limit))
        if whole < account.size:
            account.size, account.binding = whole, rule
    if layer_limit(rules.layers, account) < account.size:
        account.size, account.binding = 0.0, rule + 1
    if account.binding == 0:
        account.binding = rule + 2


@njit
def decide(account: AccountRow, action: float, decision: BarRow, rules: Any) -> float:
    """Return the order to send, in signed units, and keep what was asked for, what came of it, and why."""
    former = account.closing
    _check_exits(account, decision, rules)
    wanted = target_position(rules.actions, action, account)
    _watch_orders(account, asked_side(rules.actions, action, wanted - account.target), wanted)
    target, rule = cap(wanted, account), account.binding
    if account.closing > 0:
        target, rule = 0.0, account.closing_rule
    account.asked, account.wanted = action, wanted
    is_halt = account.closing == HALT and former < HALT  # it has its row, whatever the agent wanted
    account.rule = rule if target != wanted or is_halt else 0
    account.interventions += 1 if account.rule > 0 else 0
    return _order(account, target, rules)


@njit
def _check_exits(account: AccountRow, decision: BarRow, rules: Any) -> None:
    """Ask all exit rules and the layers; the strongest reason stays until the position is gone, or for the day."""
    closing, closing_rule, rule = account.closing, account.closing_rule, 0
    if closing == TRADE_EXIT and account.position == 0.0:
        closing = 0
    for reason in exit_reasons(rules.exits, account, decision):
        rule += 1
        if reason > closing:
            closing, closing_rule = reason, rule
    layer = stopping_layer(rules.layers, account)
    if layer > 0 and closing < HALT:
        closing, closing_rule = HALT, rule + layer
    account.closing, account.closing_rule = closing, closing_rule


@njit
def cap(target: float, account: AccountRow) -> float:
    """Return the target cut to the size allowed now; what is held already, or under way, may stay."""
    held = account.position + account.in_transit
    kept = abs(held) if held * target > 0.0 else 0.0
    return math.copysign(min(abs(target), max(account.size, kept)), target)


@njit
def _order(account: AccountRow, target: float, rules: Any) -> float:
    """Return the target less what is held and under way; a remainder that was carried too long is given up."""
    held = account.position + account.in_transit
    order, remainder = target - held, account.target - held
    if order * remainder > 0.0:
        account.carried += 1
    elif order != 0.0 or not is_any_under_way(account):
        account.carried = 0
    if account.carried > carry_limit(rules.execution.fill) and account.closing == 0:
        target, order = held, 0.0
    account.target = target
    return order


@njit
def _watch_orders(account: AccountRow, side: float, wanted: float) -> None:
    """Keep count of orders to and fro, and of the same order again and again (R078)."""
    # worked out without branches: what an agent in training does next is hard to predict, also for the processor
    asked, since = int(side), account.bars_since_order + 1
    is_order, is_recent = asked != 0, since <= CHANGE_BARS
    is_change = is_order & is_recent & (asked == -account.side)
    adds = (abs(wanted) > abs(account.target)) | (wanted == account.target)
    in_a_row = account.repeats + 1 if adds & (asked == account.side) else 1
    repeats = in_a_row if is_order else account.repeats
    changes = account.changes + 1 if is_change else (0 if is_order else account.changes)
    spiral = SPIRAL if is_order & (repeats >= PATTERN_ORDERS) else NO_PATTERN
    pattern = LOOP if is_change & (changes >= PATTERN_ORDERS) else spiral
    account.side = asked if is_order else account.side
    account.bars_since_order = 0 if is_order else since
    account.changed, account.changes, account.repeats = int(is_change), changes, repeats
    account.pattern = pattern
    account.pattern_bars += int(pattern != NO_PATTERN)
