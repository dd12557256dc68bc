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
from intraday_rl.market.fills import filled_quantity, urgent_spreads
from intraday_rl.market.impact import impact_kept, impact_left, temporary_impact
from intraday_rl.market.rows import AccountRow, BarRow, Contract, FillRow, OrderRow, Stress
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

    def stressed(self, stress: Stress) -> Execution:
        """Return the same execution under stress."""
        return Execution(self.contract, *(part.stressed(stress) for part in self[1:]))


@njit
def is_any_under_way(account: AccountRow) -> bool:
    """Say whether orders have been sent and not arrived, be it that they cancel out."""
    soon = account.transit_1 != 0.0 or account.transit_2 != 0.0
    return soon or account.transit_3 != 0.0 or account.transit_4 != 0.0


@njit
def send(account: AccountRow, order: float, delay: float, mid: float) -> tuple[float, float]:
    """Send an order and return what arrives in the coming bar, of it or of orders sent before, and its decision's mid.

    Args:
        account: keeps what is under way.
        order: signed units, sent now.
        delay: when it arrives, in bars from now; below 1 in the coming bar.
        mid: of the decision.

    Returns:
        Signed units, and the mid at the decision of the order that has been under way longest.
    """
    if delay < 1.0 and not is_any_under_way(account):
        return order, mid
    arriving, arriving_mid = account.transit_1, account.transit_mid_1 if account.transit_1 != 0.0 else mid
    account.transit_1, account.transit_mid_1 = account.transit_2, account.transit_mid_2
    account.transit_2, account.transit_mid_2 = account.transit_3, account.transit_mid_3
    account.transit_3, account.transit_mid_3 = account.transit_4, account.transit_mid_4
    account.transit_4 = 0.0
    if delay < 1.0:
        arriving += order
    elif order != 0.0:
        _queue(account, order, delay, mid)
    account.in_transit += order - arriving
    return arriving, arriving_mid


@njit
def _queue(account: AccountRow, order: float, delay: float, mid: float) -> None:
    """Put an order where it arrives `delay` bars from now; one that joins another takes over its place's mid."""
    if delay < 2.0:
        account.transit_1, account.transit_mid_1 = account.transit_1 + order, mid
    elif delay < 3.0:
        account.transit_2, account.transit_mid_2 = account.transit_2 + order, mid
    elif delay < 4.0:
        account.transit_3, account.transit_mid_3 = account.transit_3 + order, mid
    else:
        account.transit_4, account.transit_mid_4 = account.transit_4 + order, mid


@njit
def execute(order: OrderRow, account: AccountRow, decision: BarRow, bar: BarRow, execution: Any) -> FillRow:
    """Return what bar `bar` does to `order`, every cost by kind; own impact fades by that bar.

    Reference price: open + u (vwap - open), u = the order's arrival, clipped to [low, high] of the bar (SPEC C3).
    Fill price: reference + S + F + side * (half-spread + temporary impact), S and F what own fills have left.
    """
    slow_kept, fast_kept = impact_kept(execution.impact)
    account.slow_impact *= slow_kept
    account.fast_impact *= fast_kept
    quantity = 0.0
    if order.quantity != 0.0:
        quantity = filled_quantity(execution.fill, order.quantity, order.urgent, decision, bar)
    if quantity == 0.0:
        return FillRow(order.quantity, 0.0, 0.0, 0.0, order.mid, 0.0, 0.0, 0.0, 0.0)
    units, side = abs(quantity), math.copysign(1.0, quantity)
    path = bar.open + order.arrival * (bar.vwap - bar.open)
    reference = min(max(path, bar.low), bar.high)
    half = half_spread(execution.spread, decision, bar)
    if order.urgent:
        half *= urgent_spreads(execution.fill)
    standing = side * (account.slow_impact + account.fast_impact)
    pushed = standing + temporary_impact(execution.impact, units, decision)
    slow, fast = impact_left(execution.impact, quantity, decision)
    account.slow_impact += slow
    account.fast_impact += fast
    price = reference + side * (half + pushed)
    unit_usd = units * execution.contract.multiplier
    fee = commission_usd(execution.commission, units, unit_usd * price)
    drift = side * (reference - order.mid) * unit_usd
    spread_usd, impact_usd = half * unit_usd, pushed * unit_usd
    return FillRow(order.quantity, quantity, price, reference, order.mid, fee, spread_usd, impact_usd, drift)


@njit
def settle(account: AccountRow, fill: FillRow, decision: BarRow, bar: BarRow, multiplier: float) -> None:
    """Book the fill and mark the account at the bar's close: cash, position, entry price, equity, drawdown.

    NAV = cash + position * multiplier * close. Drawdown is measured from the session's high-water mark, as a fraction
    of the session-start NAV.
    """
    account.closed_usd = 0.0
    account.bars_since_trade += 1
    if fill.quantity != 0.0:
        _book(account, fill, decision, multiplier)
    if account.position != 0.0:
        account.bars_held += 1
        account.in_market_bars += 1
    account.nav = account.cash + account.position * multiplier * bar.close
    account.high_water_mark = max(account.high_water_mark, account.nav)
    account.drawdown = (account.high_water_mark - account.nav) / account.start_nav
    account.max_drawdown = max(account.max_drawdown, account.drawdown)
    account.drawdown_bars = account.drawdown_bars + 1 if account.drawdown > 0.0 else 0


@njit
def _book(account: AccountRow, fill: FillRow, decision: BarRow, multiplier: float) -> None:
    before = account.position
    after = before + fill.quantity
    if before != 0.0 and before * after <= 0.0:
        _close_trip(account, fill, multiplier)
    elif before == 0.0:
        account.entry_cash = account.cash
    account.cash -= fill.quantity * multiplier * fill.price + fill.commission_usd
    account.position = after
    account.traded_notional += abs(fill.quantity) * multiplier * fill.price
    account.fills += 1
    account.slippage_third_bps = account.slippage_before_bps
    account.slippage_before_bps = account.slippage_bps
    account.slippage_bps = math.copysign(1e4, fill.quantity) * (fill.price - fill.decision_mid) / fill.decision_mid
    if after == account.target:
        account.bars_since_trade = 0
    if before == 0.0 or before * after < 0.0:
        account.entry_price = fill.price
        account.entry_atr = decision.atr
        account.bars_held = 0
    elif abs(after) > abs(before):
        account.entry_price = (account.entry_price * before + fill.price * fill.quantity) / after
    if after == 0.0:
        account.entry_price = 0.0
        account.bars_held = 0


@njit
def _close_trip(account: AccountRow, fill: FillRow, multiplier: float) -> None:
    """Book the end of a round trip, before its fill is: what it came to, and the cash that the next one starts with.

    A fill that turns the position closes one trip and opens the next; each pays its share of the commission.
    """
    closing = abs(account.position)
    commission = fill.commission_usd * closing / abs(fill.quantity)
    cash = account.cash + account.position * multiplier * fill.price - commission
    account.closed_usd = cash - account.entry_cash
    account.entry_cash = cash
    account.round_trips += 1


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
