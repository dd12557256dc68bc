"""Orders that take a minute or more: they arrive whole bars later, and nothing is ordered twice meanwhile.

Market and costs of `test_kyle`: lambda 2e-4, half-spread 0.01, three times that for the forced exit.
"""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL
from tests.unit.env.sessions.test_kyle import column, fading_tape, fills, played
from tests.unit.env.sessions.test_orders import thin_tape


def test_session_with_orders_that_take_75_seconds():
    """Each order arrives a bar later than the next, after a quarter of it; meanwhile it is not sent again.

    decided  order  bar  S + F there            price                                     cash        NAV
     row 0   +100    2   0                      100.25 + 0.01 + 0.01       = 100.27       39,972      49,992
     row 1      0    3                                                                    39,972      50,022
     row 2   -200    4   0.0049 + 0.0025        100.50 - 0.01 - 0.0126     = 100.4774     60,066.48   50,016.48
     row 3      0    5                                                                    60,066.48   50,026.48
     row 4      0    6                                                                    60,066.48   49,996.48
     exit    +100    7   -0.0051793 - 0.0021875 100.70 + 0.03 + 0.0026332  = 100.7326332  49,992.21668
    """
    steps = played(fading_tape(), [BUY, BUY, SELL, SELL, SELL, SELL, SELL], 75_000.0)
    assert fills(steps, "quantity") == [0, 100, 0, -200, 0, 0, 100]
    assert column(steps, "in_transit") == [100, 0, -200, 0, 0, 100, 0]
    assert column(steps, "position") == [0, 100, 100, -100, -100, -100, 0]
    assert [price for price in fills(steps, "price") if price] == pytest.approx(
        [100.27, 100.4774, 100.7326332], abs=1e-9
    )
    cash = [50_000, 39_972, 39_972, 60_066.48, 60_066.48, 60_066.48, 49_992.21668]
    assert column(steps, "cash") == pytest.approx(cash, abs=1e-8)
    nav = [50_000, 49_992, 50_022, 50_016.48, 50_026.48, 49_996.48, 49_992.21668]
    assert column(steps, "nav") == pytest.approx(nav, abs=1e-8)
    assert (steps[-1]["terminated"], steps[-1]["round_trips"]) == (1, 2)


@pytest.mark.parametrize("bars", [1, 2, 3, 4])
def test_nothing_is_ordered_twice_while_it_is_under_way(bars):
    steps = played(thin_tape(volume=[1e6] * 14), [BUY] * 10, 60_000.0 * bars)
    assert fills(steps, "quantity") == [0] * bars + [100] + [0] * (9 - bars)
    assert [s["position"] + s["in_transit"] for s in steps] == [100] * 10
    changing = played(thin_tape(volume=[1e6] * 14), [BUY, SELL, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD], 60_000.0 * bars)
    expected = [0] * bars + [100, -200, 100] + [0] * 8
    assert fills(changing, "quantity") == expected[:8]


def test_session_goes_on_while_orders_that_cancel_out_are_under_way():
    """Flat one minute before the close: an order of the second last decision, and the exit that takes it back."""
    tape = thin_tape(num_bars=10, volume=[1e6] * 10)
    steps = played(tape, [HOLD] * 6 + [BUY] * 3, 120_000.0)
    assert column(steps, "ended")[:8] == [0] * 8
    assert fills(steps, "quantity") == [0] * 8 + [100]
    assert (steps[-1]["truncated"], steps[-1]["position"], steps[-1]["in_transit"]) == (1, 100, -100)


def test_remainder_of_a_slow_order_is_carried_twice_then_cancelled():
    """A bar takes 30 of 100: parts fill in every other bar, the last 10 never."""
    steps = played(thin_tape(), [BUY] * 11, 60_000.0)
    assert fills(steps, "quantity") == [0, 30, 0, 30, 0, 30] + [0] * 5
    assert steps[-1]["in_transit"] == 0


def test_latency_cost_of_a_slow_order_counts_from_its_decision():
    """Decided at 100.00, where the mid of row 0 stands; it arrives at 100.25 in row 2: 25.00 USD for 100 units."""
    fill = played(fading_tape(), [BUY, BUY], 75_000.0)[1]["fill"]
    assert (fill["decision_mid"], fill["latency_usd"]) == pytest.approx((100.0, 25.0), abs=1e-9)
