"""`execute`: what one bar does to an order, with every cost worked out by hand.

The market of these tests: latency 15 s (u = 1/4), quoted spread 0.02 (half 0.01), impact 0.05 sqrt(100 / 2500) = 0.01
for 100 units, commission 0.005 a unit with a minimum of 1.00 and a cap of 1 %. Decision mid 100.00; the bar opens at
100.10 with a vwap of 100.40, so the order arrives at 100.10 + 0.30 / 4 = 100.175.
"""

import pytest

from intraday_rl.market.advance import execute
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import KyleImpact, SquareRootImpact
from intraday_rl.market.latency import UniformLatency, uniform_delay
from intraday_rl.market.rows import Contract, OrderRow, Stress
from intraday_rl.market.spreads import QuotedSpread, WideningSpread
from tests.support.rows import account_row, bar_row
from tests.support.tapes import make_execution, make_fill

PARTS = {
    "latency": UniformLatency(15_000.0, 15_000.0),
    "spread": QuotedSpread(base_spread=1.0, multiple=1.0),
    "impact": SquareRootImpact(coefficient=1.0),
    "fill": make_fill(max_volume_fraction=0.1),
    "commission": PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01),
}
DECISION = bar_row(mid=100.0, close=99.5, quoted_spread=0.02, volatility=0.05, typical_volume=2_500.0)
BAR = bar_row(open=100.10, vwap=100.40, low=100.05, high=100.50, close=100.45, mid=100.45, volume=10_000.0)


def run(order, bar=BAR, urgent=False, decision=DECISION, multiplier=1.0, account=None, **parts):
    execution = make_execution(contract=Contract(multiplier), **(PARTS | parts))
    arrival = uniform_delay(execution.latency, 0.5)
    account = account_row() if account is None else account
    return execute(OrderRow(order, urgent, arrival, decision.mid), account, decision, bar, execution)


def test_buy_splits_its_cost_by_kind():
    fill = run(100.0)
    assert (fill.ordered, fill.quantity, fill.decision_mid) == (100.0, 100.0, 100.0)
    assert fill.reference_price == pytest.approx(100.175, rel=1e-14)
    assert fill.price == pytest.approx(100.195, rel=1e-14)  # 100.175 + 0.01 + 0.01
    assert fill.spread_usd == pytest.approx(1.0, rel=1e-12)
    assert fill.impact_usd == pytest.approx(1.0, rel=1e-12)
    assert fill.latency_usd == pytest.approx(17.5, rel=1e-12)  # (100.175 - 100) * 100
    assert fill.commission_usd == 1.0
    # Cash paid 10,019.50 + 1.00 = 100 units at the mid, 10,000, plus the four costs.
    costs = fill.spread_usd + fill.impact_usd + fill.latency_usd + fill.commission_usd
    assert 100.0 * fill.price + fill.commission_usd - 10_000.0 == pytest.approx(costs, abs=1e-9)


def test_sell_splits_its_cost_by_kind():
    fill = run(-100.0)
    assert fill.quantity == -100.0
    assert fill.price == pytest.approx(100.155, rel=1e-14)  # 100.175 - 0.01 - 0.01
    assert fill.spread_usd == pytest.approx(1.0, rel=1e-12)
    assert fill.impact_usd == pytest.approx(1.0, rel=1e-12)
    assert fill.latency_usd == pytest.approx(-17.5, rel=1e-12)  # the market rose before the sale
    assert fill.commission_usd == 1.0
    # 10,000 at the mid less what came in: 10,015.50 - 1.00.
    costs = fill.spread_usd + fill.impact_usd + fill.latency_usd + fill.commission_usd
    assert 10_000.0 - (100.0 * fill.price - fill.commission_usd) == pytest.approx(costs, abs=1e-9)


def test_costs_count_the_multiplier():
    fill = run(100.0, multiplier=5.0)
    assert fill.price == pytest.approx(100.195, rel=1e-14)
    assert fill.spread_usd == pytest.approx(5.0, rel=1e-12)
    assert fill.impact_usd == pytest.approx(5.0, rel=1e-12)
    assert fill.latency_usd == pytest.approx(87.5, rel=1e-12)
    assert fill.commission_usd == 1.0  # 0.005 * 100 units is below the minimum, whatever a unit is worth


def test_partial_fill_pays_for_what_was_filled():
    # 10 % of 4,000: 400 of 1,000. Impact 0.05 sqrt(400 / 2500) = 0.02; commission 0.005 * 400 = 2.00.
    fill = run(1_000.0, bar=BAR._replace(volume=4_000.0))
    assert (fill.ordered, fill.quantity) == (1_000.0, 400.0)
    assert fill.price == pytest.approx(100.205, rel=1e-14)
    assert fill.spread_usd == pytest.approx(4.0, rel=1e-12)
    assert fill.impact_usd == pytest.approx(8.0, rel=1e-12)
    assert fill.latency_usd == pytest.approx(70.0, rel=1e-12)
    assert fill.commission_usd == pytest.approx(2.0, rel=1e-12)


def test_urgent_order_fills_whole_in_a_thin_bar():
    fill = run(-1_000.0, bar=BAR._replace(volume=5.0), urgent=True)
    assert fill.quantity == -1_000.0
    assert fill.commission_usd == pytest.approx(5.0, rel=1e-12)


@pytest.mark.parametrize(
    ("vwap", "expected"),
    [
        (102.90, 100.50),  # 100.10 + 2.80 / 4 = 100.80 is above the high
        (98.10, 100.05),  # 100.10 - 2.00 / 4 = 99.60 is below the low
        (101.30, 100.40),  # the vwap is outside [low, high], where the order arrives is not
    ],
)
def test_reference_price_stays_inside_the_bar(vwap, expected):
    assert run(100.0, bar=BAR._replace(vwap=vwap)).reference_price == pytest.approx(expected, rel=1e-14)


def test_reference_price_without_latency_is_the_open():
    assert run(100.0, latency=UniformLatency(0.0, 0.0)).reference_price == 100.10


def test_noise_moves_the_arrival_between_the_bounds():
    fill = run(100.0, latency=UniformLatency(0.0, 30_000.0))
    assert fill.reference_price == pytest.approx(100.175, rel=1e-14)  # u = 0.5 * 30 s / 60 s


def test_commission_is_capped_by_the_value_at_the_fill_price():
    # One unit: impact 0.05 sqrt(1 / 2500) = 0.001, price 100.175 + 0.01 + 0.001 = 100.186; 1 % of it with 5 USD a point
    # is 5.0093, more than the minimum of 1.00; with 0.5 USD a point it is 0.50093.
    assert run(1.0, multiplier=5.0).commission_usd == 1.0
    assert run(1.0, multiplier=0.5).commission_usd == pytest.approx(0.50093, rel=1e-12)


@pytest.mark.parametrize(("order", "changes"), [(0.0, {}), (100.0, {"traded": 0}), (100.0, {"volume": 9.0})])
def test_nothing_filled_costs_nothing(order, changes):
    fill = run(order, bar=BAR._replace(**changes))
    assert fill.ordered == order
    assert fill.decision_mid == 100.0
    assert all(value == 0.0 for name, value in fill._asdict().items() if name not in ("ordered", "decision_mid"))


def test_execute_marks_against_the_quote_not_the_close():
    # The decision's close is 99.50, its mid 100.00: drift is measured from the mid.
    assert run(100.0).decision_mid == 100.0


def test_urgent_order_pays_three_spreads_and_no_more_impact():
    fill = run(-100.0, urgent=True, fill=make_fill(urgent_spreads=3.0))
    assert fill.price == pytest.approx(100.135, rel=1e-14)  # 100.175 - 3 * 0.01 - 0.01
    assert (fill.spread_usd, fill.impact_usd) == pytest.approx((3.0, 1.0), rel=1e-12)
    assert run(-100.0, fill=make_fill(urgent_spreads=3.0)).spread_usd == pytest.approx(1.0, rel=1e-12)


def test_rejected_order_costs_nothing():
    fill = run(-7_501.0, fill=make_fill(reject_multiple=3.0))
    assert (fill.ordered, fill.quantity, fill.commission_usd, fill.impact_usd) == (-7_501.0, 0.0, 0.0, 0.0)
    assert run(-7_501.0, urgent=True, fill=make_fill(reject_multiple=3.0)).quantity == -7_501.0


KYLE = KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5)
FADING = {"impact": KYLE, "spread": WideningSpread(base_spread=0.02, widest=5.0, multiple=1.0)}
WORKED = [
    # order, lambda | S and F before the fill | half-spread + standing + own half | S and F after
    (100.0, 2e-4, 100.175 + 0.01 + 0.00 + 0.01, 1.0, 0.01, 0.01),
    (0.0, 2e-4, 0.0, 0.0, 0.007, 0.005),
    # S 0.0049, F 0.0025: 0.0074 against a buyer, and 0.01 of its own.
    (50.0, 4e-4, 100.175 + 0.01 + 0.0074 + 0.01, 0.87, 0.0149, 0.0125),
    # S 0.01043, F 0.00625: 0.01668 for a seller, of whose own 0.015 that pays more than all.
    (-150.0, 2e-4, 100.175 - 0.01 + 0.01668 - 0.015, -0.252, -0.00457, -0.00875),
    # S -0.003199, F -0.004375: 0.007574 against a seller; lambda is 0 and leaves nothing.
    (-100.0, 0.0, 100.175 - 0.01 - 0.007574, 0.7574, -0.003199, -0.004375),
]


def test_kyle_states_fade_first_then_move_the_fill_then_take_it_in():
    account = account_row()
    for order, slope, price, impact, slow, fast in WORKED:
        decision = DECISION._replace(quoted_spread=float("nan"), kyle_lambda=slope)
        fill = run(order, decision=decision, account=account, **FADING)
        assert fill.quantity == order
        assert fill.price == pytest.approx(price, rel=1e-14)
        assert fill.impact_usd == pytest.approx(impact, rel=1e-10)
        assert (account["slow_impact"], account["fast_impact"]) == pytest.approx((slow, fast), rel=1e-12)
        side = 1.0 if order > 0 else -1.0
        paid = side * (fill.price - fill.decision_mid) * abs(order)
        assert fill.spread_usd + fill.impact_usd + fill.latency_usd == pytest.approx(paid if order else 0.0, abs=1e-9)


@pytest.mark.parametrize(("bar", "quantity"), [({"volume": 400.0}, 40.0), ({"traded": 0}, 0.0), ({"volume": 5.0}, 0.0)])
def test_kyle_states_take_in_what_was_filled(bar, quantity):
    account = account_row(slow_impact=0.1, fast_impact=-0.1)
    run(100.0, bar=BAR._replace(**bar), decision=DECISION._replace(kyle_lambda=2e-4), account=account, **FADING)
    left = (0.07 + 1e-4 * quantity, -0.05 + 1e-4 * quantity)
    assert (account["slow_impact"], account["fast_impact"]) == pytest.approx(left, rel=1e-12)


def test_square_root_leaves_the_states_alone():
    account = account_row()
    run(100.0, account=account)
    assert (account["slow_impact"], account["fast_impact"]) == (0.0, 0.0)


STRESSES = {
    # Price, spread, impact, latency, commission and quantity of a buy of 100.
    "as_it_is": (Stress(1.0, 1.0, 1.0), 100.0, 100.195, 1.0, 1.0, 17.5, 1.0),
    "costs_x2": (Stress(2.0, 1.0, 1.0), 100.0, 100.215, 2.0, 2.0, 17.5, 2.0),
    "latency_x2": (Stress(1.0, 2.0, 1.0), 100.0, 100.27, 1.0, 1.0, 25.0, 1.0),  # arrives at 100.10 + 0.30 / 2
    "half_liquidity": (Stress(1.0, 1.0, 0.5), 100.0, 100.205, 1.0, 2.0, 17.5, 1.0),
    "a_fiftieth_of_it": (Stress(1.0, 1.0, 0.02), 20.0, 100.285, 0.2, 2.0, 3.5, 1.0),  # 0.2 % of 10,000 shares
}


@pytest.mark.parametrize("name", list(STRESSES))
def test_stressed_execution_by_hand(name):
    """Kyle's lambda is 2e-4, so that 100 shares move the price by 0.02 and pay 0.01."""
    stress, quantity, price, spread, impact, latency, commission = STRESSES[name]
    execution = make_execution(**(PARTS | {"impact": KYLE})).stressed(stress)
    order = OrderRow(100.0, False, uniform_delay(execution.latency, 0.5), DECISION.mid)
    fill = execute(order, account_row(), DECISION._replace(kyle_lambda=2e-4), BAR, execution)
    assert fill.quantity == quantity
    assert fill.price == pytest.approx(price, rel=1e-14)
    assert (fill.spread_usd, fill.impact_usd) == pytest.approx((spread, impact), rel=1e-10)
    assert fill.latency_usd == pytest.approx(latency, rel=1e-10)
    assert fill.commission_usd == pytest.approx(commission, rel=1e-12)
