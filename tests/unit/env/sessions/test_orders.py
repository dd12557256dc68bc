"""Orders that one bar cannot take: carried, cancelled, cut to the limit, or filled at once when they must.

Each bar takes 10 % of its volume of 300 units, 30 units. Prices stand at 100 and there are no costs unless stated.
"""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous, DiscreteStep
from intraday_rl.env.risk import FlatBeforeClose, MaxNotional, MaxUnits, RiskPerTrade
from intraday_rl.market.costs import PerUnitCommission
from tests.support.full_rules import full_batch
from tests.support.tapes import make_execution, make_fill, make_tape
from tests.unit.env.sessions.hand_market import play

RISK = RiskPerTrade(nav_fraction=0.002, round_trip_cost=0.01)


def thin_tape(num_bars=14, **columns):
    """Return bars of 300 units at 100; a column is a list with one value for each of the first bars."""
    bars = [{"close": 100.0, "volume": 300.0} for _ in range(num_bars)]
    for name, values in columns.items():
        for bar, value in zip(bars, values, strict=False):
            bar[name] = value
    return make_tape([bars])


def thin_execution(carried=2, **changes):
    return make_execution(fill=make_fill(max_volume_fraction=0.1, max_carried_bars=carried), **changes)


def run(script, tape=None, carried=2, **changes):
    batch = full_batch(thin_tape() if tape is None else tape, execution=thin_execution(carried), **changes)
    return play(batch, script)


def positions(steps):
    return [step["position"] for step in steps]


def orders(steps):
    return [step["fill"]["ordered"] for step in steps]


def test_remainder_is_carried_twice_then_cancelled():
    steps = run([BUY] * 6)
    assert orders(steps) == [100, 70, 40, 0, 0, 0]
    assert positions(steps) == [30, 60, 90, 90, 90, 90]
    assert [step["target"] for step in steps] == [100, 100, 100, 90, 90, 90]


def test_remainder_is_carried_as_often_as_allowed():
    assert positions(run([BUY] * 4, carried=0)) == [30, 30, 30, 30]
    assert positions(run([BUY] * 4, carried=1)) == [30, 60, 60, 60]


def test_remainder_is_carried_through_hold_in_step_semantics():
    steps = run([BUY, HOLD, HOLD, HOLD, HOLD], actions=DiscreteStep())
    assert positions(steps) == [30, 60, 90, 90, 90]


def test_remainder_of_an_exit_by_the_agent_is_carried_too():
    steps = run([BUY, BUY, BUY, HOLD, HOLD, HOLD, HOLD])
    assert orders(steps) == [100, 70, 40, -90, -60, -30, 0]
    assert positions(steps) == [30, 60, 90, 60, 30, 0, 0]


def test_reversal_replaces_the_remainder_and_is_carried_anew():
    steps = run([BUY, SELL, SELL, SELL, SELL, SELL])
    assert orders(steps) == [100, -130, -100, -70, 0, 0]
    assert positions(steps) == [30, 0, -30, -60, -60, -60]


def test_order_after_a_carried_one_is_carried_anew():
    # 60 units in two bars (carried once), flat in two (carried once), then an order that needs three bars.
    steps = run([BUY, BUY, HOLD, HOLD, SELL, SELL, SELL, SELL], limits={"units": MaxUnits(units=60)})
    assert positions(steps) == [30, 60, 30, 0, -30, -60, -60, -60]
    volume = {"volume": [300] * 5 + [200, 100, 100, 100]}
    steps = run(
        [BUY, BUY, HOLD, HOLD, SELL, SELL, SELL, SELL], thin_tape(**volume), limits={"units": MaxUnits(units=60)}
    )
    assert positions(steps) == [30, 60, 30, 0, -20, -30, -40, -40]


def test_order_that_finds_no_volume_is_cancelled_and_may_be_given_again():
    steps = run([BUY] * 6, thin_tape(volume=[300, 9, 9, 9, 9, 9, 9]))
    assert orders(steps)[:5] == [100, 100, 100, 0, 100]
    assert positions(steps) == [0] * 6


def test_each_part_of_an_order_pays_the_minimum_commission():
    commission = PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01)
    batch = full_batch(thin_tape(), execution=thin_execution(commission=commission))
    steps = play(batch, [BUY] * 4)
    assert [step["fill"]["commission_usd"] for step in steps] == [1.0, 1.0, 1.0, 0.0]
    assert steps[-1]["nav"] == pytest.approx(49_997.0, abs=1e-9)


def test_entry_price_is_weighted_over_the_parts():
    tape = thin_tape(open=[100, 100, 101, 102])
    steps = run([BUY] * 3, tape)
    assert [step["entry_price"] for step in steps] == pytest.approx([100.0, 100.5, 101.0], rel=1e-14)


def test_forced_exit_ignores_the_share_and_drops_the_remainder():
    # Fourteen bars, flat ten minutes before the close: the exit is decided at row 2, while 40 units are unfilled.
    steps = run([BUY] * 3, exits={"session_close": FlatBeforeClose(minutes=10)})
    assert orders(steps) == [100, 70, -60]
    assert positions(steps) == [30, 60, 0]
    assert steps[-1]["terminated"] == 1


def test_remainder_never_grows_past_a_limit_that_shrank():
    # NAV 50,000 allows 500 units at 100 and, with 300 held and the price at 200, NAV 80,000 allows 400.
    tape = thin_tape(close=[100, 100, 200, 200, 200, 200], open=[100, 100, 100, 200, 200, 200], volume=[1_500] * 6)
    limits = {"units": MaxUnits(units=1_000), "notional": MaxNotional(nav_multiple=1.0)}
    steps = run([BUY] * 5, tape, carried=9, limits=limits)
    assert [step["size"] for step in steps] == [500, 400, 400, 400, 400]
    assert positions(steps) == [150, 300, 400, 400, 400]


def test_limit_that_shrinks_below_what_is_held_sells_nothing():
    # 0.2 % of 50,000 USD at risk: 100 / (ATR + 0.01) units.
    tape = thin_tape(atr=[1.0, 1.0, 5.0, 5.0, 5.0], volume=[10_000] * 14)
    limits = {"units": MaxUnits(units=1_000), "risk_per_trade": RISK}
    steps = run([BUY] * 4, tape, limits=limits)
    assert [step["size"] for step in steps] == [99, 19, 19, 19]
    assert positions(steps) == [99, 99, 99, 99]


def test_limit_that_shrank_counts_for_the_next_entry():
    tape = thin_tape(atr=[1.0, 5.0, 5.0, 5.0, 5.0], volume=[10_000] * 14)
    steps = run([BUY, SELL, SELL], tape, limits={"units": MaxUnits(units=1_000), "risk_per_trade": RISK})
    assert positions(steps) == [99, -19, -19]


def rising_tape(volume):
    """Return prices that rise by 0.50 a bar: the size that a multiple of NAV allows moves by some units each time."""
    return thin_tape(close=[100.0 + 0.5 * i for i in range(14)], volume=[volume] * 14)


MULTIPLE = {"units": MaxUnits(units=1_000), "notional": MaxNotional(nav_multiple=1.0)}


@pytest.mark.parametrize("script", [[1.0] * 5, [1.0, 0.99, 1.0, 0.98, 0.98]])
def test_continuous_remainder_is_cancelled_though_the_target_moves(script):
    steps = run(script, rising_tape(100), actions=Continuous(), limits=MULTIPLE)
    assert positions(steps)[:4] == [10, 20, 30, 30]


def test_continuous_action_that_stays_does_not_trade_with_the_limit():
    steps = run([0.5] * 5, rising_tape(100_000), actions=Continuous(), limits=MULTIPLE)
    assert len({step["size"] for step in steps}) > 2
    assert positions(steps) == [250] * 5


def test_continuous_order_is_given_again_once_something_is_allowed():
    # Nothing is allowed at the first two decisions: 0.2 % of NAV is less than one ATR.
    tape = thin_tape(atr=[200.0, 200.0, 1.0, 1.0, 1.0], volume=[10_000] * 14)
    limits = {"units": MaxUnits(units=1_000), "risk_per_trade": RISK}
    discrete = run([BUY] * 4, tape, limits=limits)
    continuous = run([1.0] * 4, tape, limits=limits, actions=Continuous())
    assert positions(discrete) == positions(continuous) == [0, 0, 99, 99]


def test_continuous_target_follows_the_action():
    steps = run([0.2, 0.2, -0.1, 0.0], actions=Continuous())
    assert positions(steps) == [20, 20, -10, 0]
