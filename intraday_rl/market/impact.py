"""Impact: how far an order moves the price against itself, and what of that stays for the orders after it.

Own fills leave two states in an account's market, S and F, in price units. They fade bar by bar and shift the price of
every later fill of the account: up after it bought, down after it sold.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import model
from intraday_rl.market.rows import BarRow, Stress

MOST_KEPT = 0.94  # beyond, lambda may fall faster than impact fades (`liquidity.kyle_lambda`)


@model
def temporary_impact(params: Any, quantity: float, decision: BarRow) -> float:
    """Return by how much the fill price moves against the order itself, in price units, >= 0.

    Args:
        params: the impact model's struct.
        quantity: absolute filled quantity, units.
        decision: the bar at whose close the order was decided (only what was known then enters).
    """
    raise NotImplementedError


@model
def impact_left(params: Any, quantity: float, decision: BarRow) -> tuple[float, float]:
    """Return what a fill adds to the states S and F, in price units, of the sign of the fill.

    Args:
        params: the impact model's struct.
        quantity: signed filled quantity, units.
        decision: as in `temporary_impact`.
    """
    raise NotImplementedError


@model
def impact_kept(params: Any) -> tuple[float, float]:
    """Return the parts of S and F that are left after a bar, in [0, 1)."""
    raise NotImplementedError


class SquareRootImpact(NamedTuple):
    """Square-root temporary impact; it leaves no trace in later prices.

    Formula: coefficient * sigma * sqrt(quantity / V), sigma = the last 60 minutes' volatility per minute in price
    units, V = mean volume of the last 30 minutes. Zero where V is zero (nothing fills in such a market anyway).
    Source: Almgren, Thum, Hauptmann, Li (2005), with the exponent 0.5 of later surveys (SPEC C3). It is not combined
    with decaying states: then only linear impact admits no round trip that earns from itself (Gatheral 2010).
    """

    coefficient: float  # dimensionless, about 1; 0 switches impact off

    def check(self) -> None:
        """Refuse a negative coefficient."""
        checks.non_negative("SquareRootImpact", "coefficient", self.coefficient)

    def stressed(self, stress: Stress) -> SquareRootImpact:
        """Return the same model with its costs multiplied and V thinned out."""
        return self._replace(coefficient=self.coefficient * stress.costs / math.sqrt(stress.liquidity))


@temporary_impact.model.implement(SquareRootImpact)
def square_root_impact(params: SquareRootImpact, quantity: float, decision: BarRow) -> float:
    """Return coefficient * volatility * sqrt(quantity / typical volume)."""
    if decision.typical_volume <= 0.0:
        return 0.0
    return params.coefficient * decision.volatility * math.sqrt(quantity / decision.typical_volume)


@impact_left.model.implement(SquareRootImpact)
def square_root_left(params: SquareRootImpact, quantity: float, decision: BarRow) -> tuple[float, float]:
    """Return nothing."""
    return 0.0, 0.0


@impact_kept.model.implement(SquareRootImpact)
def square_root_kept(params: SquareRootImpact) -> tuple[float, float]:
    """Return nothing."""
    return 0.0, 0.0


class LinearImpact(NamedTuple):
    """Linear temporary impact; it leaves no trace in later prices.

    Formula: coefficient * quantity; the fill as a whole costs coefficient * quantity^2, whatever the market does.
    Source: Garleanu, Pedersen (2013), equation 3, for one asset: their Lambda is 2 * coefficient. Does not model how
    volume or volatility make an order dearer or cheaper.
    """

    coefficient: float  # price units per unit of quantity; 0 switches impact off

    def check(self) -> None:
        """Refuse a negative coefficient."""
        checks.non_negative("LinearImpact", "coefficient", self.coefficient, "price units per unit")

    def stressed(self, stress: Stress) -> LinearImpact:
        """Return the same model with its costs multiplied: the price gives way as the volume thins out."""
        return self._replace(coefficient=self.coefficient * stress.costs / stress.liquidity)


@temporary_impact.model.implement(LinearImpact)
def linear_impact(params: LinearImpact, quantity: float, decision: BarRow) -> float:
    """Return coefficient * quantity."""
    return params.coefficient * quantity


@impact_left.model.implement(LinearImpact)
def linear_left(params: LinearImpact, quantity: float, decision: BarRow) -> tuple[float, float]:
    """Return nothing."""
    return 0.0, 0.0


@impact_kept.model.implement(LinearImpact)
def linear_kept(params: LinearImpact) -> tuple[float, float]:
    """Return nothing."""
    return 0.0, 0.0


class KyleImpact(NamedTuple):
    """Linear impact that fades: a slow and a fast part, each of which keeps a share from bar to bar (SPEC B51, C3).

    Formula: lambda = multiple * the tape's `kyle_lambda` at the decision. A fill of signed q adds slow_share * lambda q
    to S and the rest of lambda q to F, and itself pays half of that, lambda |q| / 2, beside S + F as it found them.
    Each bar S keeps slow_kept and F fast_kept of what they were (0.7 and 0.5: half-lives of 1.94 and 1.0 bars).
    Source: Kyle (1985); Gatheral (2010) on why impact that decays has to be linear. Does not model what others do with
    the news of the order, and marks an open position at closes that it has not moved.
    """

    multiple: float  # of the estimated lambda; 0 switches impact off
    slow_share: float  # of lambda that fades slowly
    slow_kept: float  # a bar
    fast_kept: float  # a bar

    def check(self) -> None:
        """Refuse a negative multiple, shares outside [0, 1] and parts that never fade."""
        checks.non_negative("KyleImpact", "multiple", self.multiple)
        checks.within("KyleImpact", "slow_share", self.slow_share, 0.0, 1.0, "share of lambda")
        checks.within("KyleImpact", "slow_kept", self.slow_kept, 0.0, MOST_KEPT, "kept a bar")
        checks.within("KyleImpact", "fast_kept", self.fast_kept, 0.0, self.slow_kept, "kept a bar, up to slow_kept")

    def stressed(self, stress: Stress) -> KyleImpact:
        """Return the same model with its costs multiplied: lambda grows as the volume thins out."""
        return self._replace(multiple=self.multiple * stress.costs / stress.liquidity)


@temporary_impact.model.implement(KyleImpact)
def kyle_temporary(params: KyleImpact, quantity: float, decision: BarRow) -> float:
    """Return lambda * quantity / 2."""
    return 0.5 * params.multiple * decision.kyle_lambda * quantity


@impact_left.model.implement(KyleImpact)
def kyle_left(params: KyleImpact, quantity: float, decision: BarRow) -> tuple[float, float]:
    """Return the two parts of lambda * quantity."""
    pushed = params.multiple * decision.kyle_lambda * quantity
    return params.slow_share * pushed, (1.0 - params.slow_share) * pushed


@impact_kept.model.implement(KyleImpact)
def kyle_kept(params: KyleImpact) -> tuple[float, float]:
    """Return the struct's shares."""
    return params.slow_kept, params.fast_kept
