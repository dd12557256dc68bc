"""Three sessions worked out by hand, every cost in play: a reversal, partial fills, and one that is left open.

50,000 USD each. Latency 15 s (u = 1/4), half-spread 0.01, impact 0.05 sqrt(q / V) with V chosen so that it is 0.01 for
every fill, commission 0.005 a unit with a minimum of 1.00. So a fill is at reference +- 0.02, reference = open +
(vwap - open) / 4, and pays 1 cent a unit of spread and of impact. At most a tenth of a bar's volume fills. `target`
semantics, at most 100 units; the account is closed so that it is flat one minute before the close.

Session 0, reversal (2024-01-02): BUY, BUY, SELL ..., at the rule's exit short.
row  open    vwap    close   reference  what happens                                     cash     position  NAV
 1   100.00  100.40  100.30  100.10     +100 at 100.12 (decided at 100.00), commission 1  39,987    +100    50,017
 2   100.30  100.10  100.20                                                               39,987    +100    50,007
 3   100.20  100.60  100.50  100.30     -200 at 100.28 (decided at 100.20), commission 1  60,042    -100    49,992
 4   100.50  100.50  100.50                                                               60,042    -100    49,992
 5   100.60  100.20  100.40                                                               60,042    -100    50,002
 6   100.40  100.80  100.70  100.50     +100 at 100.52 (decided at 100.40), commission 1  49,989       0    49,989
Long: gross 100 (100.20 - 100.00) = 20, commission 1 + 1/2, spread 2, impact 2, latency 10 - 10 = 0, net 14.50.
Short: gross 100 (100.20 - 100.40) = -20, commission 1/2 + 1, spread 2, impact 2, latency -10 + 10 = 0, net -25.50.

Session 1, partial fills (2024-01-03): BUY, BUY, BUY, HOLD ...; rows 1 and 4 have volume for 60 and for 70 units.
 1   200.00  200.40  200.20  200.10     +60 of 100 at 200.12 (decided at 200.00)           37,991.80   60   50,003.80
 2   200.20  200.60  200.40  200.30     +40 of  40 at 200.32 (decided at 200.20)           29,978.00  100   50,018.00
 3   200.40  200.40  200.10                                                               29,978.00  100   49,988.00
 4   200.10  199.70  199.90  200.00     -70 of 100 at 199.98 (decided at 200.10)           43,975.60   30   49,972.60
 5   199.90  199.90  199.80  199.90     -30 of  30 at 199.88 (decided at 199.90)           49,971.00    0   49,971.00
 6   199.80  199.80  199.80                                                               49,971.00    0   49,971.00
Bought at (60 x 200.12 + 40 x 200.32) / 100 = 200.20, sold at (70 x 199.98 + 30 x 199.88) / 100 = 199.95. Gross 20,004 -
20,008 = -4, commission 4, spread 2, impact 2, latency 6 + 4 + 7 + 0 = 17, net -29. Asked for: 100 to buy, 100 to sell.

Session 2, not flat (2024-01-04): BUY ...; nothing trades from row 6 on, so the exit decided at row 5 never fills.
 1    50.00   50.00   50.10   50.00     +100 at 50.02 (decided at 50.00), commission 1     44,997      100   50,007
 2, 3, 4: close 50.20, 50.30, 50.20     NAV 50,017, 50,027, 50,017; rows 5 to 7 stand at 50.20, NAV 50,017
Gross 100 (50.20 - 50.00) = 20, commission, spread and impact 1 each, net +17; no round trip.
"""

import numpy as np

from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.spreads import QuotedSpread
from tests.support.full_rules import EXITS, LIMITS, TERMS
from tests.support.policies import ScriptedPolicy
from tests.support.tapes import make_execution, make_fill, make_rules, make_tape

SCRIPTS = ([BUY, BUY, SELL], [BUY, BUY, BUY, HOLD], [BUY])

REVERSAL = [
    # open, vwap, close, typical volume (for orders decided at this row), volume
    (100.00, 100.00, 100.00, 2_500, 1e5),
    (100.00, 100.40, 100.30, 2_500, 1e5),
    (100.30, 100.10, 100.20, 5_000, 1e5),
    (100.20, 100.60, 100.50, 2_500, 1e5),
    (100.50, 100.50, 100.50, 2_500, 1e5),
    (100.60, 100.20, 100.40, 2_500, 1e5),
    (100.40, 100.80, 100.70, 2_500, 1e5),
    (100.70, 100.70, 100.70, 2_500, 1e5),
]
PARTIAL = [
    (200.00, 200.00, 200.00, 1_500, 1e5),
    (200.00, 200.40, 200.20, 1_000, 600.0),
    (200.20, 200.60, 200.40, 2_500, 1_000.0),
    (200.40, 200.40, 200.10, 1_750, 1e5),
    (200.10, 199.70, 199.90, 750, 700.0),
    (199.90, 199.90, 199.80, 2_500, 1e5),
    (199.80, 199.80, 199.80, 2_500, 1e5),
    (199.80, 199.80, 199.80, 2_500, 1e5),
]
NOT_FLAT = [
    (50.00, 50.00, 50.00, 2_500, 1e5),
    (50.00, 50.00, 50.10, 2_500, 1e5),
    (50.10, 50.10, 50.20, 2_500, 1e5),
    (50.20, 50.20, 50.30, 2_500, 1e5),
    (50.30, 50.30, 50.20, 2_500, 1e5),
    (50.20, 50.20, 50.20, 2_500, 1e5),
    (50.20, 50.20, 50.20, 2_500, 0.0),
    (50.20, 50.20, 50.20, 2_500, 0.0),
]
ATR = {(0, 0): 0.5, (0, 2): 0.8, (1, 0): 0.6}  # price units, at the rows of the entries' decisions; elsewhere 9.9


def hand_tape():
    """Return the tape of the three sessions, eight rows each."""
    sessions = [
        [_bar(s, row, *numbers) for row, numbers in enumerate(bars)]
        for s, bars in enumerate((REVERSAL, PARTIAL, NOT_FLAT))
    ]
    return make_tape(sessions)


def _bar(session, row, opened, vwap, close, typical_volume, volume):
    prices = (opened, vwap, close)
    return {
        "open": opened,
        "vwap": vwap,
        "close": close,
        "low": min(prices) - 0.1,
        "high": max(prices) + 0.1,
        "volatility": 0.05,
        "typical_volume": typical_volume,
        "volume": volume,
        "traded": int(volume > 0),
        "atr": ATR.get((session, row), 9.9),
    }


def full_rules(tape, *, limits=None, **changes):
    """Return rules of the shape that all tests share (see `full_rules`), with limits by name and parts replaced."""
    return make_rules(tape, **({"limits": LIMITS | (limits or {}), "exits": EXITS, "terms": TERMS} | changes))


def hand_rules(tape):
    """Return the rules of the sessions."""
    return full_rules(
        tape,
        execution=make_execution(
            latency=UniformLatency(low_ms=15_000.0, high_ms=15_000.0),
            spread=QuotedSpread(base_spread=0.02, multiple=1.0),
            impact=SquareRootImpact(coefficient=1.0),
            fill=make_fill(max_volume_fraction=0.1),
            commission=PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01),
        ),
    )


def hand_recording(sessions=(0, 1, 2)):
    """Return the recording of the named sessions, each with its script."""
    tape = hand_tape()
    policy = ScriptedPolicy(*(SCRIPTS[s] for s in sessions))
    return roll_out(tape, hand_rules(tape), np.array(sessions), policy, seed=0)
