"""`execute`: what one bar does to an order, with every cost worked out by hand.

The market of these tests: latency 15 s (u = 1/4), quoted spread 0.02 (half 0.01), impact 0.05 sqrt(100 / 2500) = 0.01
for 100 units, commission 0.005 a unit with a minimum of 1.00 and a cap of 1 %. Decision mid 100.00; the bar opens at
100.10 with a vwap of 100.40, so the order arrives at 100.10 + 0.30 / 4 = 100.175.
"""

import pytest

from intraday_rl.market.advance import execute
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency, uniform_delay
from intraday_rl.market.rows import Contract, OrderRow
from intraday_rl.market.spreads import QuotedSpread
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
    return execute(OrderRow(order, urgent, arrival), account, decision, bar, execution)


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
