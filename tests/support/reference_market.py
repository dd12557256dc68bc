"""One account in one session, written anew in plain Python from the rules of the market: what the simulator must equal.

Conventions: bar i of the session is decided upon at its close and traded in from bar i + 1 on. Side is +1 for a buy.
Nothing here imports the package under test; every formula is that of SPEC C3 or docs/market.md.

An order takes floor(latency / 60 s) bars longer than the next bar and arrives after the rest of its latency, as a part
of that bar. It meets the market as the bar before left it; its slippage counts from the mid at its decision. What a bar
leaves of it is ordered anew at the next decision, as the same order one bar older; it is given up once it is older than
`max_carried_bars`, and with it the wish for more: the target is what is held then. An order to the other side is a new
one. Orders of the forced exit never grow old, take any volume and pay `urgent_spreads`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Bar = Mapping[str, float]


@dataclass(frozen=True)
class ReferenceRules:
    """What the market costs and what the account may do; USD, price units and units of quantity."""

    capital: float
    multiplier: float
    units: float
    flat_minutes: int
    continuous: bool  # the action is a fraction of `units`; else 0, 1, 2 = short, flat, long
    base_spread: float
    widest: float  # 1 = the base spread never widens
    spread_multiple: float
    root_coefficient: float  # of the square root of the volume's share
    lambda_multiple: float  # of Kyle's lambda
    slow_share: float
    slow_kept: float
    fast_kept: float
    volume_share: float
    max_carried_bars: int
    reject_multiple: float
    urgent_spreads: float
    per_unit: float
    order_minimum: float
    cap_fraction: float


@dataclass
class ReferenceBar:
    """What one bar did: the fill and its costs in USD, and the account at the close."""

    arrived: float = 0.0
    filled: float = 0.0
    price: float = 0.0
    commission: float = 0.0
    spread: float = 0.0
    impact: float = 0.0
    latency: float = 0.0
    closed: float = 0.0  # result of the round trip that ended, net
    cash: float = 0.0
    position: float = 0.0
    nav: float = 0.0
    over: bool = False


class UnderWay(NamedTuple):
    """An order on its way: in which bar it arrives and after which part of it, its units, the mid at its decision."""

    bar: int
    part: float
    units: float
    mid: float


@dataclass
class ReferenceAccount:
    """An account on its way through a session."""

    rules: ReferenceRules
    bars: Sequence[Bar]
    cash: float = 0.0
    position: float = 0.0
    target: float = 0.0
    last_action: float | None = None
    remainder: float = 0.0  # of the order that arrived last
    age: int = 0
    closing: bool = False
    slow: float = 0.0
    fast: float = 0.0
    under_way: list[UnderWay] = field(default_factory=list)
    trip: float = 0.0  # cash flow of the round trip under way

    def decide(self, i: int, action: float, latency_ms: float) -> None:
        """Send at the close of bar i what the action, or the session's end, asks for."""
        rules = self.rules
        self.closing = self.closing or self.bars[i]["minutes_to_close"] <= rules.flat_minutes + 1
        coming = sum(order.units for order in self.under_way)
        target = 0.0 if self.closing else self._wish(action)
        self.last_action = action
        order = target - self.position - coming
        if order * self.remainder > 0:
            self.age += 1
        elif order != 0.0 or not self.under_way:
            self.age = 0
        if self.age > rules.max_carried_bars and not self.closing:
            target, order = self.position + coming, 0.0
        self.target, self.remainder = target, 0.0
        bars_later, rest = divmod(latency_ms / 60_000.0, 1.0)
        if order != 0.0:
            self.under_way.append(UnderWay(i + 1 + int(bars_later), rest, order, self.bars[i]["mid"]))

    def _wish(self, action: float) -> float:
        if self.rules.continuous:
            same = action == self.last_action and self.target != 0.0
            return self.target if same else float(round(action * self.rules.units))
        side = action - 1.0
        return self.target if side * self.target > 0 else side * self.rules.units

    def trade(self, i: int) -> ReferenceBar:
        """Let bar i fill what arrives in it, and mark the account at its close."""
        rules, before, bar, seen = self.rules, self.bars[i - 1], self.bars[i], ReferenceBar()
        self.slow *= rules.slow_kept
        self.fast *= rules.fast_kept
        arriving = [order for order in self.under_way if order.bar == i]
        self.under_way = [order for order in self.under_way if order.bar != i]
        if len(arriving) > 1:
            raise ValueError(f"the reference knows one order a bar, {len(arriving)} arrive in bar {i}")
        for order in arriving:
            seen.arrived = order.units
            seen.filled = self._filled(order.units, before, bar)
            self.remainder = order.units - seen.filled
            if seen.filled != 0.0:
                self._pay(seen, order, before, bar)
        seen.cash, seen.position = self.cash, self.position
        seen.nav = self.cash + self.position * rules.multiplier * bar["close"]
        seen.over = self.closing and self.position == 0.0 and not self.under_way
        return seen

    def _filled(self, order: float, before: Bar, bar: Bar) -> float:
        if not bar["traded"] or bar["volume"] == 0:
            return 0.0
        if self.closing:
            return order
        if abs(order) > self.rules.reject_multiple * before["typical_volume"]:
            return 0.0
        most = math.floor(self.rules.volume_share * bar["volume"])
        return math.copysign(min(abs(order), most), order)

    def _pay(self, seen: ReferenceBar, order: UnderWay, before: Bar, bar: Bar) -> None:
        rules, units, side = self.rules, abs(seen.filled), 1.0 if seen.filled > 0 else -1.0
        arrival = bar["open"] + order.part * (bar["vwap"] - bar["open"])
        arrival = bar["low"] if arrival < bar["low"] else bar["high"] if arrival > bar["high"] else arrival
        spread = before["quoted_spread"]
        if math.isnan(spread):
            spread = rules.base_spread * min(bar["widening"], rules.widest)
        half = rules.spread_multiple * spread / 2 * (rules.urgent_spreads if self.closing else 1.0)
        own = rules.lambda_multiple * before["kyle_lambda"] * seen.filled
        root = 0.0
        if before["typical_volume"] > 0:
            root = rules.root_coefficient * before["volatility"] * (units / before["typical_volume"]) ** 0.5
        seen.price = arrival + side * (half + root) + self.slow + self.fast + own / 2
        self.slow += rules.slow_share * own
        self.fast += own - rules.slow_share * own
        value = units * rules.multiplier
        seen.spread, seen.latency = half * value, side * (arrival - order.mid) * value
        seen.impact = side * (seen.price - arrival) * value - seen.spread
        seen.commission = min(max(rules.order_minimum, rules.per_unit * units), rules.cap_fraction * value * seen.price)
        self._book(seen)

    def _book(self, seen: ReferenceBar) -> None:
        """Split the fill into what closes and what opens; each bears its part of the commission."""
        closes = 0.0
        if self.position * seen.filled < 0:
            closes = math.copysign(min(abs(self.position), abs(seen.filled)), seen.filled)
        for quantity in (closes, seen.filled - closes):
            flow = -quantity * self.rules.multiplier * seen.price - seen.commission * abs(quantity / seen.filled)
            self.cash += flow
            self.trip += flow
            self.position += quantity
            if quantity == closes != 0.0 and self.position == 0.0:
                seen.closed, self.trip = self.trip, 0.0


def trade_session(
    rules: ReferenceRules, bars: Sequence[Bar], actions: Sequence[float], latencies_ms: Sequence[float]
) -> list[ReferenceBar]:
    """Return what each bar after the first did, until the account is flat for the day or the bars end."""
    account = ReferenceAccount(rules, bars, cash=rules.capital)
    seen: list[ReferenceBar] = []
    for i, (action, latency_ms) in enumerate(zip(actions, latencies_ms, strict=False)):
        account.decide(i, action, latency_ms)
        seen.append(account.trade(i + 1))
        if seen[-1].over or i + 2 == len(bars):
            break
    return seen
