"""The rows that travel through the simulator: a bar, an account, a fill.

Each holds scalars. Rows that only travel are NamedTuples, those changed in place are dataclasses; arrays of them are
record arrays (`core.structs.empty`). Prices are in price units of the instrument, money in USD, quantities in shares
or contracts (signed: buys and long positions are positive).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from intraday_rl.core import checks


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
    minutes_to_close: int  # from the end of this bar to the session's close
    traded: int  # 0 on minutes without a trade: nothing can be filled in them


class Contract(NamedTuple):
    """What one unit of the instrument is worth."""

    multiplier: float  # USD per price unit and unit of quantity

    def check(self) -> None:
        """Refuse a multiplier that is not positive."""
        checks.positive("Contract", "multiplier", self.multiplier, "USD per price unit")


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
    target: float  # signed units the last decision asked for
    asked: float  # the agent's last action, NaN before the first
    carried: int  # bars that the present order's remainder has been carried
    size: float  # largest absolute position allowed for the next entry, whole units
    entry_price: float  # quantity-weighted
    bars_held: int
    closing: int  # reason code of `env.risk.base` once an exit rule fired: flat as soon as possible, no entries
    nav: float
    start_nav: float
    high_water_mark: float
    drawdown: float  # (high_water_mark - nav) / start_nav
    max_drawdown: float
    drawdown_bars: int  # bars in a row below the high-water mark, this one included
    fills: int  # of the session so far
    slippage_bps: float  # of the last fill, side * (price - mid at the decision) / mid; 0 before there is one
    slippage_before_bps: float  # of the fill before
    slippage_third_bps: float  # of the third last
    traded_notional: float
    round_trips: int
    in_market_bars: int
    steps: int
    episode_reward: float
    reward: float  # of the last step
    terminated: int
    truncated: int
