"""Impact that fades: sessions by hand, with spreads that widen, and orders that are carried or rejected.

Kyle's lambda halves into a slow part S that keeps 0.7 a bar and a fast part F that keeps 0.5. Half-spread 0.01 times
the fill bar's widening, three times that for the forced exit; commission 0.005 a unit with a minimum of 1.00.

Prices and references of `hand_market`, lambda 2e-4: 100 units pay 0.01 and move the price by 0.02.

decided  order  bar  S + F there            price                                   cash           NAV
 row 0   +100    1   0                      100.10 + 0.01 + 0.01     = 100.12       39,987         50,017
 row 1      0    2                                                                  39,987         50,007
 row 2   -200    3    0.0049   + 0.0025     100.30 - 0.02 - 0.0126   = 100.2674     60,039.48      49,989.48
 row 3   +100    4   -0.01057  - 0.00875    100.50 + 0.01 - 0.00932  = 100.50068    49,988.412     49,988.412
 row 4   -100    5   -0.000399 + 0.000625   100.50 - 0.01 - 0.009774 = 100.480226   60,035.4346    49,995.4346
 exit    +100    6   -0.0072793 - 0.0046875 100.50 + 0.03 - 0.0019668 = 100.5280332 49,981.63128   49,981.63128

Row 3 widens to twice the spread. Gross and latency are 0 as in `test_discrete_target`; spread 1 + 4 + 1 + 1 + 3 = 10,
commission 5, impact 1 + 2.52 - 0.932 + 0.9774 - 0.19668 = 3.36872: together the 18.36872 that are gone.
"""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.risk import FlatBeforeClose
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import KyleImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.spreads import WideningSpread
from tests.support.full_rules import full_batch
from tests.support.tapes import make_execution, make_fill
from tests.unit.env.sessions.hand_market import hand_tape, play
from tests.unit.env.sessions.test_orders import thin_tape

PARTS = {
    "spread": WideningSpread(base_spread=0.02, widest=5.0, multiple=1.0),
    "impact": KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5),
    "fill": make_fill(max_volume_fraction=0.1, reject_multiple=3.0, urgent_spreads=3.0),
    "commission": PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01),
}


def played(tape, actions, latency_ms, **changes):
    latency = UniformLatency(latency_ms, latency_ms)
    return play(full_batch(tape, execution=make_execution(latency=latency, **PARTS), **changes), actions)


def fading_tape():
    tape = hand_tape()
    tape.rows["kyle_lambda"] = 2e-4
    tape.rows["widening"][3] = 2.0
    return tape


def fills(steps, name):
    return [step["fill"][name] for step in steps]


def column(steps, name):
    return [step[name] for step in steps]


def test_session_with_fading_impact():
    steps = played(fading_tape(), [BUY, BUY, SELL, HOLD, SELL, SELL], 15_000.0)
    prices = [100.12, 0.0, 100.2674, 100.50068, 100.480226, 100.5280332]
    assert fills(steps, "quantity") == [100, 0, -200, 100, -100, 100]
    assert fills(steps, "price") == pytest.approx(prices, abs=1e-9)
    assert fills(steps, "spread_usd") == pytest.approx([1, 0, 4, 1, 1, 3], abs=1e-9)
    assert fills(steps, "impact_usd") == pytest.approx([1, 0, 2.52, -0.932, 0.9774, -0.19668], abs=1e-9)
    assert fills(steps, "commission_usd") == [1, 0, 1, 1, 1, 1]
    cash = [39_987, 39_987, 60_039.48, 49_988.412, 60_035.4346, 49_981.63128]
    nav = [50_017, 50_007, 49_989.48, 49_988.412, 49_995.4346, 49_981.63128]
    assert column(steps, "cash") == pytest.approx(cash, abs=1e-8)
    assert column(steps, "nav") == pytest.approx(nav, abs=1e-8)
    assert column(steps, "slow_impact") == pytest.approx(
        [0.01, 0.007, -0.0151, -0.00057, -0.010399, 0.0027207], abs=1e-12
    )
    assert column(steps, "fast_impact") == pytest.approx(
        [0.01, 0.005, -0.0175, 0.00125, -0.009375, 0.0053125], abs=1e-12
    )
    assert (steps[-1]["terminated"], steps[-1]["position"], steps[-1]["round_trips"]) == (1, 0.0, 3)


def test_next_session_begins_in_an_untouched_market():
    batch = full_batch(fading_tape(), execution=make_execution(latency=UniformLatency(15_000.0, 15_000.0), **PARTS))
    first = play(batch, [BUY, BUY, SELL, HOLD, SELL, SELL, BUY])
    assert first[5]["ended"] == 1
    assert (first[6]["slow_impact"], first[6]["fast_impact"]) == pytest.approx((0.01, 0.01), abs=1e-14)
    assert first[6]["fill"]["price"] == pytest.approx(100.12, abs=1e-9)


def test_session_of_parts_and_a_reject():
    """Bars of 300 units at 100, lambda 1e-3: a part of 30 pays 0.015 of its own and moves the price by 0.03.

    bar   ordered  filled  S + F there                  price
     1     +100     +30    0                            100 + 0.01 + 0.015           = 100.025
     2      +70     +30    0.0105     + 0.0075          100 + 0.01 + 0.018 + 0.015   = 100.043
     3      +40     +30    0.01785    + 0.01125         100 + 0.01 + 0.0291 + 0.015  = 100.0541
     4        0            (carried twice: the last 10 are cancelled)
     5     -190       0    (more than 3 * 60, the typical volume at the decision: rejected)
     6     -190     -30    0.01126755 + 0.00328125      100 - 0.01 + 0.0145488 - 0.015     = 99.9895488
     7     -160     -30    -0.002612715 - 0.005859375   100 - 0.01 - 0.00847209 - 0.015    = 99.96652791
     8      -30     -30    -0.0123289005 - 0.0104296875 100 - 0.03 - 0.022758588 - 0.015   = 99.932241412

    Bar 8 holds five units only, but the session's exit takes no notice, and pays three spreads.
    """
    tape = thin_tape(typical_volume=[1e6] * 4 + [60.0] + [1e6] * 9, volume=[300.0] * 8 + [5.0] + [300.0] * 5)
    tape.rows["kyle_lambda"] = 1e-3
    exits = {"session_close": FlatBeforeClose(minutes=5)}
    steps = played(tape, [BUY] * 4 + [SELL] * 4, 0.0, exits=exits)
    assert fills(steps, "ordered") == [100, 70, 40, 0, -190, -190, -160, -30]
    assert fills(steps, "quantity") == [30, 30, 30, 0, 0, -30, -30, -30]
    prices = [100.025, 100.043, 100.0541, 0.0, 0.0, 99.9895488, 99.96652791, 99.932241412]
    assert fills(steps, "price") == pytest.approx(prices, abs=1e-10)
    assert fills(steps, "spread_usd") == pytest.approx([0.3, 0.3, 0.3, 0, 0, 0.3, 0.3, 0.9], abs=1e-10)
    assert fills(steps, "commission_usd") == [1, 1, 1, 0, 0, 1, 1, 1]
    paid = 30.0 * (sum(prices[:3]) - sum(prices[5:])) + 6.0
    assert steps[-1]["nav"] == pytest.approx(50_000.0 - paid, abs=1e-9)
    assert (steps[-1]["terminated"], steps[-1]["round_trips"]) == (1, 1)
