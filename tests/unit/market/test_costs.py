"""Commission: per unit, with the order minimum below and the cap above."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.costs import PerUnitCommission, per_unit_commission
from intraday_rl.market.rows import Stress

SHARES = PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01)
CONTRACTS = PerUnitCommission(per_unit_usd=0.62, order_minimum_usd=0.0, cap_fraction=1.0)


@pytest.mark.parametrize(
    ("params", "quantity", "notional", "expected"),
    [
        (SHARES, 100.0, 10_000.0, 1.0),  # 0.50 is below the minimum
        (SHARES, 200.0, 20_000.0, 1.0),  # exactly the minimum
        (SHARES, 500.0, 50_000.0, 2.5),
        (SHARES, 1.0, 50.0, 0.5),  # the minimum of 1.00 is capped at 1 % of 50
        (SHARES, 1_000.0, 300.0, 3.0),  # 5.00 is capped at 1 % of 300
        (CONTRACTS, 3.0, 75_000.0, 1.86),
    ],
)
def test_commission_lies_between_minimum_and_cap(params, quantity, notional, expected):
    assert per_unit_commission(params, quantity, notional) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"per_unit_usd": -0.1}, "per_unit_usd"),
        ({"order_minimum_usd": -1.0}, "order_minimum_usd"),
        ({"cap_fraction": 0.0}, "cap_fraction"),
        ({"cap_fraction": 1.5}, "cap_fraction"),
    ],
)
def test_commission_refuses_impossible_parameters(changes, name):
    with pytest.raises(ParameterError, match=rf"PerUnitCommission\.{name} must be"):
        SHARES._replace(**changes).check()


@pytest.mark.parametrize(
    ("quantity", "notional"), [(100.0, 10_000.0), (500.0, 50_000.0), (1.0, 50.0), (1_000.0, 300.0)]
)
def test_commission_under_stress_is_twice_the_fee_wherever_it_binds(quantity, notional):
    twice = SHARES.stressed(Stress(2.0, 5.0, 0.5))
    assert twice == PerUnitCommission(per_unit_usd=0.01, order_minimum_usd=2.0, cap_fraction=0.02)
    fee = per_unit_commission(SHARES, quantity, notional)
    assert per_unit_commission(twice, quantity, notional) == pytest.approx(2.0 * fee, rel=1e-14)


def test_commission_under_stress_never_asks_for_more_than_the_notional():
    assert CONTRACTS.stressed(Stress(2.0, 1.0, 1.0)).cap_fraction == 1.0
