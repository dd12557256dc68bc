"""Actions: what an agent's number asks for, as a target position.

The discrete codes are 0 = SELL, 1 = HOLD, 2 = BUY. A discrete target that stays on the side it is on keeps its
quantity, and so does a continuous one while the action is the same number: holding never trades because the allowed
size moved a little.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from intraday_rl.core.jit import model, njit
from intraday_rl.market.rows import AccountRow

SELL, HOLD, BUY = 0, 1, 2

Numbers = npt.NDArray[np.float64]  # (N,), one for each account


@model
def target_position(params: Any, action: float, account: AccountRow) -> float:
    """Return the signed units that the account should hold.

    Args:
        params: the action map's struct.
        action: the agent's action, already known to lie in the action space.
        account: the account; `base_size` is what an entry may be, `target` what the last decision came to.
    """
    raise NotImplementedError


@model
def asked_side(params: Any, action: float, move: float) -> float:
    """Return the side of the agent's order: -1, 0 (no order) or 1.

    Args:
        params: the action map's struct.
        action: the agent's action.
        move: the target that it asks for less what the last decision came to, signed units.
    """
    raise NotImplementedError


@njit
def side_of(units: float) -> float:
    """Return the sign of a quantity; 0 for none."""
    return math.copysign(1.0, units) if units != 0.0 else 0.0


@njit
def _side_target(side: float, account: AccountRow) -> float:
    if side == 0.0:
        return 0.0
    if side * account.target > 0.0:
        return account.target
    return side * account.base_size


class DiscreteStep(NamedTuple):
    """BUY moves one unit of position up (short, flat, long), SELL one down, HOLD keeps (SPEC B55, default)."""

    def space(self) -> spaces.Space[Any]:
        """Return Discrete(3)."""
        return spaces.Discrete(3)

    def towards(self, sides: Numbers, targets: Numbers) -> Numbers:
        """Return the actions that take accounts one step nearer to the wanted sides, -1, 0 or 1, from their targets."""
        return HOLD + np.clip(sides - np.sign(targets), -1.0, 1.0)


@target_position.model.implement(DiscreteStep)
def step_target(params: DiscreteStep, action: float, account: AccountRow) -> float:
    """Return the target one side up or down from the present one, clipped to short and long."""
    return _side_target(min(max(side_of(account.target) + action - 1.0, -1.0), 1.0), account)


@asked_side.model.implement(DiscreteStep)
def step_side(params: DiscreteStep, action: float, move: float) -> float:
    """Return the side of the action: a BUY is an order even where it has no effect."""
    return action - 1.0


class DiscreteTarget(NamedTuple):
    """SELL is short, HOLD is flat, BUY is long, whatever the position was (SPEC B55, option)."""

    def space(self) -> spaces.Space[Any]:
        """Return Discrete(3)."""
        return spaces.Discrete(3)

    def towards(self, sides: Numbers, targets: Numbers) -> Numbers:
        """Return the actions that take accounts to the wanted sides, -1, 0 or 1."""
        return HOLD + sides


@target_position.model.implement(DiscreteTarget)
def side_target(params: DiscreteTarget, action: float, account: AccountRow) -> float:
    """Return short, flat or long at the allowed size."""
    return _side_target(action - 1.0, account)


@asked_side.model.implement(DiscreteTarget)
def target_side(params: DiscreteTarget, action: float, move: float) -> float:
    """Return the side of the move: to stay where one is is no order."""
    return side_of(move)


class Continuous(NamedTuple):
    """A number in [-1, 1] is the wanted fraction of the allowed size, rounded to whole units."""

    def space(self) -> spaces.Space[Any]:
        """Return Box(-1, 1, (1,))."""
        return spaces.Box(-1.0, 1.0, (1,))

    def towards(self, sides: Numbers, targets: Numbers) -> Numbers:
        """Return the actions that take accounts to the wanted sides, -1, 0 or 1, at the full allowed size."""
        return sides


@target_position.model.implement(Continuous)
def continuous_target(params: Continuous, action: float, account: AccountRow) -> float:
    """Return round(action * size), or the former target where the action is the former one."""
    if action == account.asked and account.target != 0.0:
        return account.target
    return float(round(action * account.base_size))


@asked_side.model.implement(Continuous)
def continuous_side(params: Continuous, action: float, move: float) -> float:
    """Return the side of the move."""
    return side_of(move)
