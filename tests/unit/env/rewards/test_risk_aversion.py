"""The charge on a position's risk, by hand."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.rewards import PositionRiskPenalty
from intraday_rl.env.rewards.risk_aversion import position_risk_penalty
from tests.support.rows import own_memory, step_row

PENALTY = PositionRiskPenalty(risk_aversion=2_000.0, sigma_usd=0.05)


def charge(params=PENALTY, **step):
    return position_risk_penalty(params, step_row(**step), own_memory())


@pytest.mark.parametrize(
    ("position", "usd"),
    [
        (100.0, -0.5),  # 2,000 / 2 * (100 * 0.05)^2 / 50,000 = 1,000 * 25 / 50,000
        (-100.0, -0.5),
        (200.0, -2.0),  # twice the position, four times the charge
        (0.0, 0.0),
    ],
)
def test_charge_is_the_square_of_the_position(position, usd):
    assert charge(position=position) == pytest.approx(usd, rel=1e-14)


def test_charge_is_the_square_of_the_units_risk():
    # A contract of 5 USD a point is as risky as five units of 1 USD.
    assert charge(PENALTY._replace(sigma_usd=0.25), position=20.0) == pytest.approx(-0.5, rel=1e-14)


def test_charge_follows_the_money_that_the_session_began_with():
    assert charge(position=100.0, start_nav=25_000.0) == pytest.approx(-1.0, rel=1e-14)
    assert charge(position=100.0, nav_before=1.0, nav_after=-500.0) == pytest.approx(-0.5, rel=1e-14)


def test_charge_grows_with_the_aversion():
    assert charge(PENALTY._replace(risk_aversion=4_000.0), position=100.0) == pytest.approx(-1.0, rel=1e-14)
    assert charge(PENALTY._replace(risk_aversion=0.0), position=100.0) == 0.0


@pytest.mark.parametrize(
    ("name", "value"), [("risk_aversion", -1.0), ("sigma_usd", -0.01), ("sigma_usd", float("nan"))]
)
def test_position_risk_penalty_refuses_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=rf"^PositionRiskPenalty\.{name} must be >= 0"):
        PENALTY._replace(**{name: value}).check()
