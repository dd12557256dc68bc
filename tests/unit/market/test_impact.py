"""Square-root impact: coefficient * volatility * sqrt(quantity / typical volume)."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.market.impact import SquareRootImpact, square_root_impact
from tests.support.rows import bar_row

DECISION = bar_row(volatility=0.05, typical_volume=2_500.0)


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
