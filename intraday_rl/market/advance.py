"""One account, one bar: the order meets the market, then cash, position and equity are settled.

Time: decided at the close of bar t (`decision`), filled inside bar t + 1 (`bar`), marked at its close. Nothing of
bar t + 1 but its own tradable path enters the price, nothing later enters at all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from intraday_rl.core import structs
from intraday_rl.core.jit import njit
from intraday_rl.market.costs import commission_usd
from intraday_rl.market.fills import filled_quantity
from intraday_rl.market.impact import temporary_impact
from intraday_rl.market.latency import arrival
from intraday_rl.market.rows import AccountRow, BarRow, Contract, FillRow
from intraday_rl.market.spreads import half_spread


class Execution(NamedTuple):
    """The models that turn an order into a fill: one struct each, in the order in which they act."""

    contract: Contract
    latency: Any
    spread: Any
    impact: Any
    fill: Any
    commission: Any

    def pack(self) -> structs.Records:
        """Return the structs as one record, as the kernels take them."""
        return structs.nest("Execution", self._asdict())


@njit
def execute(order: float, urgent: bool, noise: float, decision: BarRow, bar: BarRow, execution: Any) -> FillRow:
    """Return what bar `bar` does to `order` (signed units), every cost by kind.

    Reference price: open + u (vwap - open), u = arrival, clipped to [low, high] of the bar (SPEC C3).
    Fill price: reference + side * (half-spread + temporary impact).
    """
    quantity = filled_quantity(execution.fill, order, urgent, bar)
    if quantity == 0.0:
        return FillRow(order, 0.0, 0.0, 0.0, decision.mid, 0.0, 0.0, 0.0, 0.0)
    units, side = abs(quantity), math.copysign(1.0, quantity)
    path = bar.open + arrival(execution.latency, noise) * (bar.vwap - bar.open)
    reference = min(max(path, bar.low), bar.high)
    half = half_spread(execution.spread, decision, bar)
    pushed = temporary_impact(execution.impact, units, decision)
    price = reference + side * (half + pushed)
    unit_usd = units * execution.contract.multiplier
    fee = commission_usd(execution.commission, units, unit_usd * price)
    drift = side * (reference - decision.mid) * unit_usd
    spread_usd, impact_usd = half * unit_usd, pushed * unit_usd
    return FillRow(order, quantity, price, reference, decision.mid, fee, spread_usd, impact_usd, drift)


@njit
def settle(account: AccountRow, fill: FillRow, bar: BarRow, multiplier: float) -> None:
    """Book the fill and mark the account at the bar's close: cash, position, entry price, equity, drawdown.

    NAV = cash + position * multiplier * close. Drawdown is measured from the session's high-water mark, as a fraction
    of the session-start NAV.
    """
    if fill.quantity != 0.0:
        _book(account, fill, multiplier)
    if account.position != 0.0:
        account.bars_held += 1
        account.in_market_bars += 1
    account.nav = account.cash + account.position * multiplier * bar.close
    account.high_water_mark = max(account.high_water_mark, account.nav)
    account.drawdown = (account.high_water_mark - account.nav) / account.start_nav
    account.max_drawdown = max(account.max_drawdown, account.drawdown)
    account.drawdown_bars = account.drawdown_bars + 1 if account.drawdown > 0.0 else 0


@njit
def _book(account: AccountRow, fill: FillRow, multiplier: float) -> None:
    before = account.position
    after = before + fill.quantity
    account.cash -= fill.quantity * multiplier * fill.price + fill.commission_usd
    account.position = after
    account.traded_notional += abs(fill.quantity) * multiplier * fill.price
    account.fills += 1
    account.slippage_third_bps = account.slippage_before_bps
    account.slippage_before_bps = account.slippage_bps
    account.slippage_bps = math.copysign(1e4, fill.quantity) * (fill.price - fill.decision_mid) / fill.decision_mid
    if before == 0.0 or before * after < 0.0:
        account.entry_price = fill.price
        account.bars_held = 0
    elif abs(after) > abs(before):
        account.entry_price = (account.entry_price * before + fill.price * fill.quantity) / after
    if before != 0.0 and before * after <= 0.0:
        account.round_trips += 1
    if after == 0.0:
        account.entry_price = 0.0
        account.bars_held = 0


@njit
def store_fill(row: Any, fill: FillRow) -> None:
    """Write a fill into its record."""
    row.ordered = fill.ordered
    row.quantity = fill.quantity
    row.price = fill.price
    row.reference_price = fill.reference_price
    row.decision_mid = fill.decision_mid
    row.commission_usd = fill.commission_usd
    row.spread_usd = fill.spread_usd
    row.impact_usd = fill.impact_usd
    row.latency_usd = fill.latency_usd
