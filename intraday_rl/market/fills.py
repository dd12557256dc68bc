"""Fills: how much of an order the next bar can take."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow


@model
def filled_quantity(params: Any, order: float, urgent: bool, bar: BarRow) -> float:
    """Return the signed quantity that fills in `bar`: between 0 and `order`, whole units, 0 if nothing traded.

    Args:
        params: the fill model's struct.
        order: signed units.
        urgent: the order closes the account's position by rule (session close, halt).
        bar: the bar after the decision.
    """
    raise NotImplementedError


@model
def carry_limit(params: Any) -> int:
    """Return for how many further bars an unfilled remainder is carried before it is cancelled."""
    raise NotImplementedError


class VolumeShareFill(NamedTuple):
    """An order takes at most a share of the fill bar's volume; the rest is carried, then cancelled (SPEC B46).

    Urgent orders ignore the share. Nothing fills in a minute without a trade. Does not model queue position.
    """

    max_volume_fraction: float  # of the fill bar's volume
    max_carried_bars: int

    def check(self) -> None:
        """Refuse shares outside (0, 1] and a negative carry."""
        checks.fraction("VolumeShareFill", "max_volume_fraction", self.max_volume_fraction, "of the bar's volume")
        checks.non_negative("VolumeShareFill", "max_carried_bars", self.max_carried_bars, "bars")


@filled_quantity.model.implement(VolumeShareFill)
def volume_share_fill(params: VolumeShareFill, order: float, urgent: bool, bar: BarRow) -> float:
    """Return sign(order) * min(|order|, floor(share * volume)); the whole order when urgent."""
    if bar.traded == 0:
        return 0.0
    if urgent:
        return order
    available = math.floor(params.max_volume_fraction * bar.volume)
    return math.copysign(min(abs(order), available), order) if available > 0 else 0.0


@carry_limit.model.implement(VolumeShareFill)
def volume_share_carry(params: VolumeShareFill) -> int:
    """Return the struct's carry."""
    return params.max_carried_bars
