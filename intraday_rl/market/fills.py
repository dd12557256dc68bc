"""Fills: how much of an order the next bar can take."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow, Stress


@model
def filled_quantity(params: Any, order: float, urgent: bool, decision: BarRow, bar: BarRow) -> float:
    """Return the signed quantity that fills in `bar`: between 0 and `order`, whole units, 0 if nothing traded.

    Args:
        params: the fill model's struct.
        order: signed units.
        urgent: the order closes the account's position for the day (session close, halt).
        decision: the bar at whose close the order was decided.
        bar: the bar in which it arrives.
    """
    raise NotImplementedError


@model
def urgent_spreads(params: Any) -> float:
    """Return how many times the spread an urgent order pays, >= 1."""
    raise NotImplementedError


@model
def carry_limit(params: Any) -> int:
    """Return for how many further bars an unfilled remainder is carried before it is cancelled."""
    raise NotImplementedError


class VolumeShareFill(NamedTuple):
    """An order takes at most a share of the fill bar's volume; the rest is carried, then cancelled (SPEC B46).

    An order of more than `reject_multiple` times the mean volume of the last 30 minutes is rejected outright. Urgent
    orders ignore both and pay more for it (SPEC C3). Nothing fills in a minute without a trade, nor in
    a bar without volume. Does not model queue position.
    """

    max_volume_fraction: float  # of the fill bar's volume
    max_carried_bars: int
    reject_multiple: float  # of the typical volume at the decision
    urgent_spreads: float  # spreads that an urgent order pays

    def check(self) -> None:
        """Refuse shares outside (0, 1], a negative carry, a market that rejects everything, and cheap urgency."""
        checks.fraction("VolumeShareFill", "max_volume_fraction", self.max_volume_fraction, "of the bar's volume")
        checks.non_negative("VolumeShareFill", "max_carried_bars", self.max_carried_bars, "bars")
        checks.positive("VolumeShareFill", "reject_multiple", self.reject_multiple, "of the typical volume")
        checks.at_least("VolumeShareFill", "urgent_spreads", self.urgent_spreads, 1.0, "spreads")

    def stressed(self, stress: Stress) -> VolumeShareFill:
        """Return the same model with the volume thinned out."""
        return self._replace(
            max_volume_fraction=min(self.max_volume_fraction * stress.liquidity, 1.0),
            reject_multiple=self.reject_multiple * stress.liquidity,
        )


@filled_quantity.model.implement(VolumeShareFill)
def volume_share_fill(params: VolumeShareFill, order: float, urgent: bool, decision: BarRow, bar: BarRow) -> float:
    """Return sign(order) * min(|order|, floor(share * volume)); the whole order when urgent, nothing when rejected."""
    if bar.traded == 0 or bar.volume <= 0.0:
        return 0.0
    if urgent:
        return order
    if abs(order) > params.reject_multiple * decision.typical_volume:
        return 0.0
    available = math.floor(params.max_volume_fraction * bar.volume)
    return math.copysign(min(abs(order), available), order) if available > 0 else 0.0


@urgent_spreads.model.implement(VolumeShareFill)
def volume_share_urgent(params: VolumeShareFill) -> float:
    """Return the struct's spreads."""
    return params.urgent_spreads


@carry_limit.model.implement(VolumeShareFill)
def volume_share_carry(params: VolumeShareFill) -> int:
    """Return the struct's carry."""
    return params.max_carried_bars
