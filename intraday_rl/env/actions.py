"""Actions: what an agent's number asks for, as a target position.

The discrete codes are 0 = SELL, 1 = HOLD, 2 = BUY. A discrete target that stays on the side it is on keeps its
quantity, and so does a continuous one while the action is the same number: holding never trades because the allowed
size moved a little.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from gymnasium import spaces

from intraday_rl.core.jit import model, njit
from intraday_rl.market.rows import AccountRow

SELL, HOLD, BUY = 0, 1, 2


@model
def target_position(params: Any, action: float, account: AccountRow) -> float:
    """Return the signed units that the account should hold.

    Args:
        params: the action map's struct.
        action: the agent's action, already known to lie in the action space.
        account: the account; `size` is the largest position allowed, `target` what was asked for last.
    """
    raise NotImplementedError


@njit
def _side_target(side: float, account: AccountRow) -> float:
    if side == 0.0:
        return 0.0
    if side * account.target > 0.0:
        return account.target
    return side * account.size


class DiscreteStep(NamedTuple):
    """BUY moves one unit of position up (short, flat, long), SELL one down, HOLD keeps (SPEC B55, default)."""

    def space(self) -> spaces.Space[Any]:
        """Return Discrete(3)."""
        return spaces.Discrete(3)


@target_position.model.implement(DiscreteStep)
def step_target(params: DiscreteStep, action: float, account: AccountRow) -> float:
    """Return the target one side up or down from the present one, clipped to short and long."""
    side = 0.0
    if account.target != 0.0:
        side = math.copysign(1.0, account.target)
    return _side_target(min(max(side + action - 1.0, -1.0), 1.0), account)


class DiscreteTarget(NamedTuple):
    """SELL is short, HOLD is flat, BUY is long, whatever the position was (SPEC B55, option)."""

    def space(self) -> spaces.Space[Any]:
        """Return Discrete(3)."""
        return spaces.Discrete(3)


@target_position.model.implement(DiscreteTarget)
def side_target(params: DiscreteTarget, action: float, account: AccountRow) -> float:
    """Return short, flat or long at the allowed size."""
    return _side_target(action - 1.0, account)


class Continuous(NamedTuple):
    """A number in [-1, 1] is the wanted fraction of the allowed size, rounded to whole units."""

    def space(self) -> spaces.Space[Any]:
        """Return Box(-1, 1, (1,))."""
        return spaces.Box(-1.0, 1.0, (1,))


@target_position.model.implement(Continuous)
def continuous_target(params: Continuous, action: float, account: AccountRow) -> float:
    """Return round(action * size), or the former target where the action is the former one."""
    if action == account.asked and account.target != 0.0:
        return account.target
    return float(round(action * account.size))
