"""The rows that travel through the simulator: a bar, an account, a fill.

Each holds scalars. Rows that only travel are NamedTuples, those changed in place are dataclasses; arrays of them are
record arrays (`core.structs.empty`). Prices are in price units of the instrument, money in USD, quantities in shares
or contracts (signed: buys and long positions are positive).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from intraday_rl.core import checks
from intraday_rl.core.structs import Window

OwnWindow = Annotated[Window, 30]


class BarRow(NamedTuple):
    """One minute of the tape; everything in it is known at the minute's end."""

    open: float
    high: float
    low: float
    close: float
    vwap: float  # volume-weighted price; typical price where the data have none
    volume: float
    mid: float  # mid of the quote standing at the end of the bar; the close where there are no quotes
    quoted_spread: float  # ask - bid at the end of the bar; NaN without quotes
    atr: float  # Wilder ATR14, price units
    volatility: float  # root mean square of the last 60 one-minute returns, price units
    typical_volume: float  # mean volume of the last 30 minutes
    widening: float  # how much wider than usual the bar's volume and move make the spread, >= 1
    kyle_lambda: float  # price units that a unit of signed volume moves the price, >= 0
    calm_volatility: float  # what `volatility` is in a calm session at this minute, price units
    blackout: int  # 1 while an unusual range or a scheduled event forbids entries
    minutes_to_close: int  # from the end of this bar to the session's close
    traded: int  # 0 on minutes without a trade: nothing can be filled in them


class Contract(NamedTuple):
    """What one unit of the instrument is worth."""

    multiplier: float  # USD per price unit and unit of quantity

    def check(self) -> None:
        """Refuse a multiplier that is not positive."""
        checks.positive("Contract", "multiplier", self.multiplier, "USD per price unit")


class Stress(NamedTuple):
    """The same market, dearer, slower and thinner: multiples of what execution is like, 1 = as it is."""

    costs: float  # of spread, impact and commission
    latency: float
    liquidity: float  # of the volume that is there to trade with; 0.5 = half

    def check(self) -> None:
        """Refuse negative multiples and a market without volume."""
        checks.non_negative("Stress", "costs", self.costs, "multiple")
        checks.non_negative("Stress", "latency", self.latency, "multiple")
        checks.positive("Stress", "liquidity", self.liquidity, "multiple")


@dataclass
class OwnMemory:
    """What a reward term or a risk rule keeps of one account; the four floats are zeroed at each session's start."""

    first: float
    second: float
    third: float
    fourth: float
    window: OwnWindow  # contents are left over from earlier sessions until they are written


class OrderRow(NamedTuple):
    """An order as it reaches the market."""

    quantity: float  # signed units
    urgent: bool  # it closes the position for the day, by rule
    arrival: float  # when it arrives, as a fraction of the bar, in [0, 1)
    mid: float  # at its decision


class FillRow(NamedTuple):
    """What one bar did to an order; zero but for `ordered` and `decision_mid` when nothing was filled.

    Costs are USD, positive = paid.
    """

    ordered: float  # signed units
    quantity: float  # signed units, at most what was ordered
    price: float
    reference_price: float  # where the market stood when the order arrived
    decision_mid: float
    commission_usd: float
    spread_usd: float
    impact_usd: float
    latency_usd: float  # drift between decision and arrival; negative when it helped


@dataclass
class AccountRow:
    """One account in one session, changed in place. Reset to the initial capital at each session's start."""

    bar: int  # tape row of the last closed bar
    symbol: int  # place in the tape's symbols of what is traded
    last_bar: int  # last tape row of the session
    noise_cursor: int  # where this episode reads the pre-drawn noise
    episode: int  # episodes begun by this account so far, minus one
    cash: float
    position: float  # signed units
    wanted: float  # signed units the last decision asked for, before risk rules
    target: float  # the same as risk rules left it
    rule: int  # which rule changed the last decision, 0 = none (`env.risk.manager`)
    interventions: int  # decisions of the session that risk rules changed
    asked: float  # the agent's last action, NaN before the first
    carried: int  # bars that the present order's remainder has been carried
    in_transit: float  # signed units of orders that have been sent and not arrived
    transit_1: float  # of them, what arrives in the next bar
    transit_2: float  # in the bar after it
    transit_3: float
    transit_4: float
    transit_mid_1: float  # mid at the decision of what is under way, price units
    transit_mid_2: float
    transit_mid_3: float
    transit_mid_4: float
    slow_impact: float  # price units that own fills have left in the market: the part that fades slowly
    fast_impact: float  # and the part that fades fast
    base_size: float  # what limits allow an entry, whole units
    size: float  # what entry rules leave of it
    binding: int  # which rule left least
    entry_price: float  # quantity-weighted
    entry_atr: float  # ATR at the decision of the entry, price units
    entry_cash: float  # cash before the round trip under way, USD
    closed_usd: float  # net result of the round trip that ended in the last bar, else 0
    bars_held: int
    bars_since_trade: int  # bars since an order was last filled to its end
    closing: int  # reason code of `env.risk.base` once an exit rule fired: flat as soon as possible, no entries
    closing_rule: int  # which rule that was
    nav: float
    start_nav: float
    high_water_mark: float
    drawdown: float  # (high_water_mark - nav) / start_nav
    max_drawdown: float
    drawdown_bars: int  # bars in a row below the high-water mark, this one included
    baseline: float  # peak from which risk layers measure; the high-water mark, or where a purgatory was left
    layer_drawdown: float  # (baseline - nav) / start_nav
    breach_bars: int  # bars in a row with layer_drawdown beyond the daily limit
    purgatory_low: float  # lowest nav since the soft layer was reached, 0 outside of purgatory
    recovered: int  # 1 when the purgatory was left in the last bar
    baseline_resets: int  # of the session
    fills: int  # of the session so far
    slippage_bps: float  # of the last fill, side * (price - mid at the decision) / mid; 0 before there is one
    slippage_before_bps: float  # of the fill before
    slippage_third_bps: float  # of the third last
    traded_notional: float
    round_trips: int
    in_market_bars: int
    steps: int
    side: int  # of the agent's last order, 0 before there is one
    bars_since_order: int
    repeats: int  # orders in a row on one side that added to the position or had no effect
    changed: int  # 1 when the last order followed one of the other side within `CHANGE_BARS`
    changes: int  # such orders in a row
    pattern: int  # code of `PATTERNS`, of the last decision
    pattern_bars: int  # decisions of the session with a pattern
    turnover_sum: float  # of traded value / NAV, over the session's bars
    penalty: float  # sum of the session's penalties, reward units, >= 0
    penalty_bars: int  # bars with a penalty
    episode_reward: float
    reward: float  # of the last step
    replaced: int  # rewards and first observations that were not finite and became 0, since the account was opened
    typical_usd: float  # trailing mean size of an episode's reward, USD; 0 before one is finished
    finished_episodes: int
    terminated: int
    truncated: int
