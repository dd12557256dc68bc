"""The market of the hand-computed sessions: eight minutes, every cost in play.

Latency is 15 s (u = 1/4), the spread 0.02 without quotes (half 0.01), impact 0.05 sqrt(q / V) with V = 2,500 (0.01 for
100 units), commission 0.005 a unit with a minimum of 1.00 and a cap of 1 %. An order of 100 units fills at its
reference price +- 0.02 and pays 1.00 each of spread, impact and commission.

row   open    vwap    close   reference = open + (vwap - open) / 4
 0                    100.00  (first decision)
 1   100.00  100.40   100.30  100.10
 2   100.30  100.10   100.20  100.25
 3   100.20  100.60   100.50  100.30
 4   100.50  100.50   100.50  100.50
 5   100.60  100.20   100.40  100.50
 6   100.40  100.80   100.70  100.50
 7                    100.70  (the last minute, not traded in: the account is flat one minute before the close)
"""

import numpy as np

from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.spreads import QuotedSpread
from tests.support.tapes import make_execution, make_fill, make_tape

COSTS = {
    "latency": UniformLatency(15_000.0, 15_000.0),
    "spread": QuotedSpread(base_spread=0.02, multiple=1.0),
    "impact": SquareRootImpact(coefficient=1.0),
    "fill": make_fill(max_volume_fraction=0.1),
    "commission": PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01),
}
PRICES = [
    (100.00, 100.00, 100.00),
    (100.00, 100.40, 100.30),
    (100.30, 100.10, 100.20),
    (100.20, 100.60, 100.50),
    (100.50, 100.50, 100.50),
    (100.60, 100.20, 100.40),
    (100.40, 100.80, 100.70),
    (100.70, 100.70, 100.70),
]


def hand_execution():
    return make_execution(**COSTS)


def hand_tape(typical_volume=(2_500.0,) * 8):
    """Return the tape; `typical_volume` scales the impact of orders decided at each row."""
    bars = [
        {
            "open": opened,
            "vwap": vwap,
            "close": close,
            "low": min(opened, vwap, close) - 0.1,
            "high": max(opened, vwap, close) + 0.1,
            "volatility": 0.05,
            "typical_volume": volume,
            "volume": 100_000.0,
        }
        for (opened, vwap, close), volume in zip(PRICES, typical_volume, strict=True)
    ]
    return make_tape([bars])


def play(batch, actions):
    """Reset, step account 0 through the actions, and return what each step brought, as plain values."""
    observations = batch.reset()
    seen = []
    for action in actions:
        ended = batch.step(batch_actions(batch, action), observations)
        account = batch.finished[0] if ended else batch.accounts[0]
        step = {name: account[name].item() for name in account.dtype.names}
        step |= {"fill": {name: batch.fills[0][name].item() for name in batch.fills.dtype.names}}
        step |= {"ended": ended, "parts": batch.reward_parts[0].tolist()}
        seen.append(step)
    return seen


def batch_actions(batch, action):
    """Return the action of a one-account batch in the dtype of its action space."""
    return np.array([action], dtype=batch.action_space.dtype)
