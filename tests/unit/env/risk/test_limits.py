"""Position limits by hand, and the smallest of them in the environment."""

import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import BUY
from intraday_rl.env.risk import MaxNotional, MaxUnits, RiskPerTrade
from intraday_rl.env.risk.limits import max_notional, max_units, risk_per_trade
from tests.support.full_rules import full_batch
from tests.support.rows import account_row, bar_row, own_memory
from tests.support.tapes import make_tape
from tests.unit.env.sessions.hand_market import play


def test_units_are_the_parameter():
    assert max_units(MaxUnits(300), account_row(), bar_row(), 5.0, own_memory()) == 300.0


@pytest.mark.parametrize(
    ("multiple", "nav", "close", "multiplier", "expected"),
    [
        (1.0, 50_000.0, 600.0, 1.0, 50_000 / 600),
        (2.0, 40_000.0, 100.0, 1.0, 800.0),
        (1.0, 50_000.0, 5_000.0, 5.0, 2.0),
    ],
)
def test_notional_is_a_multiple_of_nav(multiple, nav, close, multiplier, expected):
    answer = max_notional(MaxNotional(multiple), account_row(nav=nav), bar_row(close=close), multiplier, own_memory())
    assert answer == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("nav", "atr", "multiplier", "expected"),
    [
        (50_000.0, 0.47, 1.0, 300.0),  # 150 / (0.47 + 0.03)
        (25_000.0, 0.47, 1.0, 150.0),
        (50_000.0, 5.97, 5.0, 5.0),  # 150 / (6 * 5)
        (50_000.0, 0.0, 1.0, 5_000.0),  # the round trip's cost alone
    ],
)
def test_risk_is_one_atr_and_the_round_trip_cost(nav, atr, multiplier, expected):
    rule = RiskPerTrade(nav_fraction=0.003, round_trip_cost=0.03)
    answer = risk_per_trade(rule, account_row(nav=nav), bar_row(atr=atr), multiplier, own_memory())
    assert answer == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"units": MaxUnits(70)}, 70),
        ({"notional": MaxNotional(0.05)}, 25),  # 2,500 / 100
        ({"notional": MaxNotional(0.0499)}, 24),  # 24.95, in whole units
        ({"risk_per_trade": RiskPerTrade(0.003, 0.5)}, 100),  # 150 / 1.5: as large as the units allow
        ({"risk_per_trade": RiskPerTrade(0.0015, 0.5)}, 50),
        ({"units": MaxUnits(70), "notional": MaxNotional(0.05), "risk_per_trade": RiskPerTrade(0.0015, 0.5)}, 25),
        ({"notional": MaxNotional(0.001)}, 0),  # half a unit is none
    ],
)
def test_the_smallest_limit_counts_in_whole_units(limits, expected):
    tape = make_tape([[{"close": 100.0, "atr": 1.0} for _ in range(6)]])
    steps = play(full_batch(tape, limits=limits), [BUY] * 2)
    assert [step["size"] for step in steps] == [expected] * 2
    assert [step["position"] for step in steps] == [expected] * 2


def test_ruined_account_may_hold_nothing():
    # 100 units bought at 100 and marked at 1 leave 50,000 - 9,900; at -401 (a future can) the NAV is below zero.
    tape = make_tape([[{"close": close, "open": 100.0} for close in (100.0, 100.0, -401.0, -401.0, -401.0, -401.0)]])
    steps = play(full_batch(tape, limits={"notional": MaxNotional(1.0)}), [BUY] * 2)
    assert steps[-1]["nav"] < 0.0
    assert steps[-1]["size"] >= 0.0


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (MaxUnits(0), "units"),
        (MaxNotional(0.0), "nav_multiple"),
        (RiskPerTrade(0.0, 0.03), "nav_fraction"),
        (RiskPerTrade(1.01, 0.03), "nav_fraction"),
        (RiskPerTrade(0.003, -0.01), "round_trip_cost"),
        (RiskPerTrade(0.003, 0.0), "round_trip_cost"),
    ],
)
def test_limits_refuse_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
