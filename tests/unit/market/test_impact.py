"""Impact: a line and a square root of the volume's share without a trace, and Kyle's lambda that fades in two parts."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.impact import (
    KyleImpact,
    LinearImpact,
    SquareRootImpact,
    kyle_kept,
    kyle_left,
    kyle_temporary,
    linear_impact,
    linear_kept,
    linear_left,
    square_root_impact,
    square_root_kept,
    square_root_left,
)
from intraday_rl.market.rows import Stress
from tests.support.rows import bar_row

DECISION = bar_row(volatility=0.05, typical_volume=2_500.0, kyle_lambda=2e-4)
KYLE = KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5)


@pytest.mark.parametrize(
    ("coefficient", "quantity", "expected"),
    [
        (1.0, 100.0, 0.01),  # 0.05 * sqrt(0.04)
        (1.0, 400.0, 0.02),  # 0.05 * sqrt(0.16): four times the quantity, twice the impact
        (0.5, 100.0, 0.005),
        (0.0, 100.0, 0.0),
        (1.0, 0.0, 0.0),
    ],
)
def test_impact_follows_the_square_root(coefficient, quantity, expected):
    assert square_root_impact(SquareRootImpact(coefficient), quantity, DECISION) == pytest.approx(expected, rel=1e-14)


def test_impact_without_typical_volume_is_zero():
    assert square_root_impact(SquareRootImpact(1.0), 100.0, bar_row(typical_volume=0.0)) == 0.0


def test_impact_refuses_a_negative_coefficient():
    with pytest.raises(ParameterError, match=r"SquareRootImpact\.coefficient must be >= 0, was -1\.0"):
        SquareRootImpact(-1.0).check()


def test_square_root_leaves_and_keeps_nothing():
    assert square_root_left(SquareRootImpact(1.0), 100.0, DECISION) == (0.0, 0.0)
    assert square_root_kept(SquareRootImpact(1.0)) == (0.0, 0.0)


def test_square_root_under_stress():
    # Twice the costs, and a quarter of the volume: sqrt(1 / 0.25) = 2 on top.
    assert SquareRootImpact(0.5).stressed(Stress(2.0, 5.0, 1.0)) == SquareRootImpact(1.0)
    assert SquareRootImpact(0.5).stressed(Stress(1.0, 1.0, 0.25)) == SquareRootImpact(1.0)
    half = SquareRootImpact(1.0).stressed(Stress(1.0, 1.0, 0.5))
    thin = DECISION._replace(typical_volume=1_250.0)
    assert square_root_impact(half, 100.0, DECISION) == pytest.approx(
        square_root_impact(SquareRootImpact(1.0), 100.0, thin), rel=1e-14
    )


@pytest.mark.parametrize(
    ("coefficient", "quantity", "expected"),
    [(1e-4, 100.0, 0.01), (1e-4, 300.0, 0.03), (2e-4, 100.0, 0.02), (0.0, 100.0, 0.0), (1e-4, 0.0, 0.0)],
)
def test_linear_impact_is_proportional_to_the_order_and_blind_to_the_market(coefficient, quantity, expected):
    for decision in (DECISION, bar_row(typical_volume=0.0, volatility=0.0, kyle_lambda=0.0)):
        assert linear_impact(LinearImpact(coefficient), quantity, decision) == pytest.approx(expected, rel=1e-14)


def test_linear_impact_leaves_and_keeps_nothing():
    assert linear_left(LinearImpact(1e-4), 100.0, DECISION) == (0.0, 0.0)
    assert linear_kept(LinearImpact(1e-4)) == (0.0, 0.0)


def test_linear_impact_under_stress():
    assert LinearImpact(1e-4).stressed(Stress(2.0, 5.0, 1.0)) == LinearImpact(2e-4)
    assert LinearImpact(1e-4).stressed(Stress(1.0, 5.0, 0.5)) == LinearImpact(2e-4)


@pytest.mark.parametrize("coefficient", [-1e-4, float("nan"), float("inf")])
def test_linear_impact_refuses_what_is_no_cost(coefficient):
    with pytest.raises(ParameterError, match=r"LinearImpact\.coefficient must be >= 0 \(price units per unit\), was"):
        LinearImpact(coefficient).check()


@pytest.mark.parametrize(
    ("multiple", "quantity", "expected"),
    [
        (1.0, 100.0, 0.01),  # 2e-4 * 100 / 2
        (1.0, 300.0, 0.03),  # linear
        (1.5, 100.0, 0.015),
        (0.0, 100.0, 0.0),
        (1.0, 0.0, 0.0),
    ],
)
def test_kyle_order_pays_half_of_what_it_moves(multiple, quantity, expected):
    kyle = KYLE._replace(multiple=multiple)
    assert kyle_temporary(kyle, quantity, DECISION) == pytest.approx(expected, rel=1e-14)
    assert sum(kyle_left(kyle, quantity, DECISION)) == pytest.approx(2.0 * expected, rel=1e-14)


@pytest.mark.parametrize(
    ("share", "quantity", "slow", "fast"),
    [
        (0.5, 100.0, 0.01, 0.01),
        (0.5, -100.0, -0.01, -0.01),
        (0.8, -50.0, -0.008, -0.002),
        (1.0, 100.0, 0.02, 0.0),
        (0.0, 100.0, 0.0, 0.02),
    ],
)
def test_kyle_fill_leaves_both_parts_on_its_side(share, quantity, slow, fast):
    left = kyle_left(KYLE._replace(slow_share=share), quantity, DECISION)
    assert left == pytest.approx((slow, fast), rel=1e-14, abs=1e-18)


def test_kyle_keeps_what_it_says():
    assert kyle_kept(KYLE) == (0.7, 0.5)


def test_kyle_under_stress():
    assert KYLE.stressed(Stress(2.0, 5.0, 1.0)) == KYLE._replace(multiple=2.0)
    assert KYLE.stressed(Stress(1.0, 1.0, 0.5)) == KYLE._replace(multiple=2.0)
    assert KYLE.stressed(Stress(2.0, 1.0, 0.5)) == KYLE._replace(multiple=4.0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"multiple": -1.0}, "multiple"),
        ({"slow_share": 1.1}, "slow_share"),
        ({"slow_share": -0.1}, "slow_share"),
        ({"slow_kept": 0.95}, "slow_kept"),
        ({"fast_kept": 0.71}, "fast_kept"),  # more than the slow part keeps
        ({"fast_kept": -0.1}, "fast_kept"),
        ({"slow_kept": float("nan")}, "slow_kept"),
    ],
)
def test_kyle_refuses_shares_that_are_none_and_parts_that_stay(changes, name):
    with pytest.raises(ParameterError, match=rf"KyleImpact\.{name} must be"):
        KYLE._replace(**changes).check()
