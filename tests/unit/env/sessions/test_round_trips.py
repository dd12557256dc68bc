"""What round trips come to, net, in sessions worked out by hand: the fills are in the tables of those sessions.

`test_discrete_target`: the reversal sells 200 units at 100.28 and pays 1.00, half of it for each trip.

+100 at 100.12, -100 at 100.28: +16 - 1.00 - 0.50 = +14.50
-100 at 100.28, +100 at 100.52: -24 - 0.50 - 1.00 = -25.50
-100 at 100.48, +100 at 100.52:  -4 - 1.00 - 1.00 =  -6.00     together -17, the NAV's change

`test_continuous`: four contracts, of which one is left when the position turns: three are sold for 1.86, a third of it
(0.62) for the trip that ends.

+4 at 5,001.325, -3 at 5,000.675, -1 at 4,998.675: 5 * (-0.65 * 3 - 2.65) - 2.48 - 1.86 - 0.62 = -23.00 - 4.96 = -27.96
-2 at 4,998.675, +2 at 4,989.325: 10 * 9.35 - 1.24 - 1.24 = +91.02                    together +63.06
"""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL, DiscreteStep
from tests.support.full_rules import full_batch
from tests.unit.env.sessions import test_discrete_target as worked
from tests.unit.env.sessions.hand_market import hand_execution, hand_tape, play
from tests.unit.env.sessions.test_continuous import ACTIONS as CONTINUOUS_ACTIONS
from tests.unit.env.sessions.test_continuous import new_batch as new_continuous_batch


def closed(steps):
    return [step["closed_usd"] for step in steps]


def test_trips_of_a_reversal_share_its_commission():
    steps = play(worked.new_batch(), worked.ACTIONS)
    assert closed(steps) == pytest.approx([0, 0, 14.5, -25.5, 0, -6], abs=1e-8)
    assert sum(closed(steps)) == pytest.approx(steps[-1]["nav"] - 50_000, abs=1e-8)


def test_trip_ends_when_nothing_is_left_of_it():
    # The sale of three contracts of four ends no trip; the later one of three turns the position.
    steps = play(new_continuous_batch(), CONTINUOUS_ACTIONS)
    assert closed(steps) == pytest.approx([0, 0, -27.96, 91.02, 0, 0], abs=1e-8)
    assert sum(closed(steps)) == pytest.approx(63.06, abs=1e-8)


def test_trip_without_a_reversal_pays_all_of_its_commissions():
    # `test_discrete_step`: 100 bought at 100.12 and sold at 100.28, then sold at 100.48 and bought at 100.52.
    batch = full_batch(hand_tape(), execution=hand_execution(), actions=DiscreteStep())
    steps = play(batch, [BUY, BUY, SELL, SELL, HOLD, HOLD])
    assert closed(steps) == pytest.approx([0, 0, 14, 0, 0, -6], abs=1e-8)
