"""Entry rules that make a position smaller the less it promises and the more the market moves.

Kelly's rules look at the account's own results of the session, so they know nothing at its start: until there is enough
to go by, they allow their cap. The agent gives the direction, they the size (SPEC B25).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.jit import njit
from intraday_rl.env.risk.base import position_limit
from intraday_rl.market.rows import AccountRow, BarRow, OwnMemory

MINUTES_PER_YEAR = 390 * 252
LITERAL_BARS = 30
ENOUGH_TRIPS = 30
HELD = 0  # place in the memory's window: notional at the last bar, USD


class VolatilityBudget(NamedTuple):
    """So large that the position's annualised volatility is at most a budget (SPEC B23).

    Formula: annual_volatility / (sigma sqrt(390 * 252)) * NAV / price, sigma = root mean square of the last 60
    one-minute returns. Intraday drawdowns of a steady exposure with daily deviation s stay below 2.18 s on 95 % of
    days: 4 % a year keeps them below 0.6 %.
    """

    annual_volatility: float  # of NAV, fraction per year

    def check(self) -> None:
        """Refuse a budget outside (0, 1]."""
        checks.fraction("VolatilityBudget", "annual_volatility", self.annual_volatility, "of NAV per year")


@position_limit.model.implement(VolatilityBudget)
def volatility_budget(
    params: VolatilityBudget, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return the struct's formula; no limit in a market that does not move."""
    if bar.volatility <= 0.0:
        return math.inf
    unit_usd = bar.volatility * math.sqrt(MINUTES_PER_YEAR) * multiplier
    return params.annual_volatility * account.nav / unit_usd


class InverseVolatility(NamedTuple):
    """The most units in a calm market, fewer in proportion as it moves more, but never below a floor (R147, SPEC C3).

    Formula: clip(most_units * sigma_calm / sigma, least_units, most_units), sigma_calm = the 20 % quantile of sigma at
    this minute of earlier sessions.
    """

    least_units: int
    most_units: int

    def check(self) -> None:
        """Refuse fewer than one unit, and a floor above the most."""
        checks.at_least("InverseVolatility", "least_units", self.least_units, 1, "units")
        checks.at_least("InverseVolatility", "most_units", self.most_units, self.least_units, "units, least_units")


@position_limit.model.implement(InverseVolatility)
def inverse_volatility(
    params: InverseVolatility, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return the struct's formula; the most in a market that does not move."""
    if bar.volatility <= 0.0:
        return float(params.most_units)
    units = params.most_units * bar.calm_volatility / bar.volatility
    return min(max(units, float(params.least_units)), float(params.most_units))


class KellyFraction(NamedTuple):
    """Kelly's fraction of NAV, from the returns on what was held, shrunk by how sure they are (R116, SPEC B24).

    r = change of NAV / notional held, net of costs, over the session's bars in the market; m, v mean and variance of r;
    t = m / sqrt(v / n). Formula: min(m / v * max(0, 1 - 1 / t^2), max_fraction) * equity_scaling * NAV / price, 0 where
    m <= 0. Until there are min_bars bars or 30 round trips: max_fraction. Source: Kelly (1956); Thorp (2006).
    """

    max_fraction: float  # of NAV
    equity_scaling: float  # applied last
    min_bars: int  # in the market

    def check(self) -> None:
        """Refuse fractions outside (0, 1], scalings that are not positive and fewer than 30 bars."""
        checks.fraction("KellyFraction", "max_fraction", self.max_fraction, "of NAV")
        checks.positive("KellyFraction", "equity_scaling", self.equity_scaling)
        checks.at_least("KellyFraction", "min_bars", self.min_bars, 30, "bars in the market")


@position_limit.model.implement(KellyFraction)
def kelly_fraction(
    params: KellyFraction, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return the struct's formula in units; memory: count, mean, sum of squares, last NAV."""
    notional = abs(account.position) * bar.close * multiplier
    if account.steps == 0:
        memory.window[HELD] = 0.0
    held = max(memory.window[HELD], notional)
    if held > 0.0:
        result = (account.nav - memory.fourth) / held
        memory.first += 1.0
        away = result - memory.second
        memory.second += away / memory.first
        memory.third += away * (result - memory.second)
    memory.window[HELD], memory.fourth = notional, account.nav
    fraction = params.max_fraction
    if memory.first >= params.min_bars or (account.round_trips >= ENOUGH_TRIPS and memory.first > 1.0):
        fraction = min(fraction, _shrunk_kelly(memory.first, memory.second, memory.third / (memory.first - 1.0)))
    return fraction * params.equity_scaling * account.nav / (bar.close * multiplier)


@njit
def _shrunk_kelly(count: float, mean: float, variance: float) -> float:
    """Return m / v * max(0, 1 - 1 / t^2), 0 where the mean is not positive."""
    if mean <= 0.0:
        return 0.0
    if variance <= 0.0:
        return math.inf
    sure = 1.0 - variance / (count * mean * mean)
    return mean / variance * max(0.0, sure)


class LiteralKelly(NamedTuple):
    """The documents' own Kelly rule on profit in USD (R116-R118), kept to compare with.

    m / v has the unit 1 / USD: a sign filter where a bar's profit is far below a dollar (B24), next to nothing where it
    is many dollars. An account that is flat has no profit, so once out it stays out for the session.
    m, v = exponentially weighted mean and variance of the change of NAV over 30 bars. Formula:
    min(max_fraction, m / v) * equity_scaling * NAV / price, 0 where m <= 0. Until 30 bars have passed: max_fraction.
    """

    max_fraction: float  # of NAV
    equity_scaling: float

    def check(self) -> None:
        """Refuse fractions outside (0, 1] and scalings that are not positive."""
        checks.fraction("LiteralKelly", "max_fraction", self.max_fraction, "of NAV")
        checks.positive("LiteralKelly", "equity_scaling", self.equity_scaling)


@position_limit.model.implement(LiteralKelly)
def literal_kelly(
    params: LiteralKelly, account: AccountRow, bar: BarRow, multiplier: float, memory: OwnMemory
) -> float:
    """Return the struct's formula in units; memory: count, mean, variance, last NAV."""
    if account.steps > 0:
        away = account.nav - memory.fourth - memory.second
        weight = 2.0 / (LITERAL_BARS + 1.0)
        memory.first += 1.0
        memory.second += weight * away
        memory.third = (1.0 - weight) * (memory.third + weight * away * away)
    memory.fourth = account.nav
    fraction = params.max_fraction
    if memory.first >= LITERAL_BARS:
        fraction = min(fraction, max(0.0, memory.second) / memory.third) if memory.third > 0.0 else 0.0
    return fraction * params.equity_scaling * account.nav / (bar.close * multiplier)
