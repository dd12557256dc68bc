"""Two symbols on two days worked out by hand: a share, free of cost, and a future of 5 USD a point at 1 USD an order.

50,000 USD an account, 100 units at most, `target` semantics, flat one minute before the close; every bar opens where
it closes, so an order decided at row t fills at the close of row t + 1. Rows are minutes; each session has its own.

Day 0 (2024-01-02), SHARE in 5 rows from 14:30, FUTURE in 7 rows from 14:30:
row           0       1        2        3        4       5       6
SHARE close   100     100      101      103      103
  BUY, BUY, HOLD       +100             -100             bought at 100, sold at 103
  position            100      100      0
  NAV                 50,000   50,100   50,300                          ends at row 3 (flat, one minute before close)
FUTURE close  200     200      199      198      199     199.5   199.5
  SELL, HOLD, HOLD, BUY ...
  position            -100     0        0        100     0
  NAV                 49,999   50,498   50,498   50,497  50,746         short at 200, covered at 199: +500 - 2;
                                                                        long at 199, out at 199.5: +250 - 2
Portfolio of 100,000: minute 1: 99,999; 2: 100,598; 3: 100,798; 4: 100,797; 5: 101,046. Drawdown 1 (at the start).
Notional 10,000 + 100,000 at minute 1; 10,100 + 0 at minute 2; 0 at 3; 99,500 at 4; 0 at 5. In the market: 1, 2, 4.

Day 1 (2024-01-03), FUTURE alone, 5 rows: 200, 200, 202, 199, 199; BUY, BUY, HOLD.
  position            100      100      0
  NAV                 49,999   50,999   49,498   bought at 200, sold at 199: -500 - 2
Portfolio: 99,999; 100,999; 99,498: drawdown 1,501.
"""

from dataclasses import replace

import numpy as np

from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.rows import Contract
from intraday_rl.market.tape import MINUTE_NS, join_tapes
from tests.support.policies import ScriptedPolicy
from tests.support.tapes import FIRST_NS, make_execution, make_tape, of_symbol
from tests.unit.evaluation.hand_sessions import full_rules

SHARE = [[100.0, 100.0, 101.0, 103.0, 103.0]]
FUTURE = [[200.0, 200.0, 199.0, 198.0, 199.0, 199.5, 199.5], [200.0, 200.0, 202.0, 199.0, 199.0]]
SCRIPTS = ([BUY, BUY, HOLD], [SELL, HOLD, HOLD, BUY, HOLD], [BUY, BUY, HOLD])  # in the order of the joined sessions
DAY_NS = 24 * 60 * MINUTE_NS
FUTURES = make_execution(contract=Contract(5.0), commission=PerUnitCommission(0.0, 1.0, 1.0))


def tape_of(symbol, sessions):
    """Return quiet sessions that close at the given prices, each from 14:30 UTC."""
    tape = of_symbol(make_tape([[{"close": price} for price in session] for session in sessions]), symbol)
    clocks = [FIRST_NS + DAY_NS * day + MINUTE_NS * np.arange(1, len(s) + 1) for day, s in enumerate(sessions)]
    return replace(tape, end_ns=np.concatenate(clocks))


def two_symbol_market(later=0):
    """Return tape and rules of both days; the share's session begins so many minutes later."""
    share = tape_of("SHARE", SHARE)
    tape = join_tapes([replace(share, end_ns=share.end_ns + later * MINUTE_NS), tape_of("FUTURE", FUTURE)])
    return tape, full_rules(tape, executions={"FUTURE": FUTURES})


def two_symbol_ledger(later=0):
    """Return the ledger of both days."""
    return build_ledger(roll_out(*two_symbol_market(later), np.arange(3), ScriptedPolicy(*SCRIPTS), seed=0))
