"""The slippage budget by hand: half-spread and impact of an entry, in bps of the mid, the median of the minutes."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.env.risk import MaxNotional, MaxUnits
from intraday_rl.evaluation.budget import slippage_budget_bps
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import QuotedSpread
from tests.support.tapes import make_execution, make_tape
from tests.unit.evaluation.hand_sessions import full_rules

# Half-spread + 0.05 sqrt(100 / 2,500) = 0.01 of impact for 100 units, in bps of the mid:
BARS = [
    {"close": 100.0, "quoted_spread": 0.02},  # (0.01 + 0.01) / 100 = 2.0 bps
    {"close": 100.0, "quoted_spread": 0.06},  # (0.03 + 0.01) / 100 = 4.0 bps
    {"close": 50.0},  # no quote: the base spread 0.04, (0.02 + 0.01) / 50 = 6.0 bps
    {"close": 200.0, "quoted_spread": 0.02},  # (0.01 + 0.01) / 200 = 1.0 bps
    {"close": 100.0, "quoted_spread": 0.18},  # (0.09 + 0.01) / 100 = 10.0 bps
]


def tape_of(*sessions):
    quiet = {"volatility": 0.05, "typical_volume": 2_500.0}
    return make_tape([[quiet | bar for bar in session] for session in sessions])


def rules_of(tape, **changes):
    parts = {"spread": QuotedSpread(base_spread=0.04, multiple=1.0), "impact": SquareRootImpact(coefficient=1.0)}
    return full_rules(tape, execution=make_execution(**parts), **changes)


def test_budget_is_the_multiple_of_the_median_minute():
    tape = tape_of(BARS)
    assert slippage_budget_bps(tape, rules_of(tape), np.array([0]), 1.0) == pytest.approx(4.0, abs=1e-9)
    assert slippage_budget_bps(tape, rules_of(tape), np.array([0]), 1.5) == pytest.approx(6.0, abs=1e-9)


def test_budget_of_an_even_number_of_minutes_lies_between_the_middle_two():
    tape = tape_of(BARS[:4])
    assert slippage_budget_bps(tape, rules_of(tape), np.array([0]), 1.0) == pytest.approx(3.0, abs=1e-9)


def test_budget_sees_the_given_sessions_only():
    dear = [{"close": 100.0, "quoted_spread": 9.0}] * 50
    tape = tape_of(dear, BARS, dear)
    assert slippage_budget_bps(tape, rules_of(tape), np.array([1]), 1.0) == pytest.approx(4.0, abs=1e-9)


def test_budget_leaves_out_warm_up_minutes_without_trades_and_unusable_sessions():
    warm_up = [{"close": 100.0, "quoted_spread": 9.0}] * 20
    silent = [{"close": 100.0, "quoted_spread": 9.0, "traded": 0}] * 20
    tape = tape_of([*warm_up, *BARS, *silent], [{"close": 100.0, "quoted_spread": 9.0}] * 50)
    tape = replace(tape, first_row=np.array([20, -1]))
    assert slippage_budget_bps(tape, rules_of(tape), np.array([0, 1]), 1.0) == pytest.approx(4.0, abs=1e-9)


def test_budget_prices_an_entry_at_the_allowed_size():
    # 25 units: impact 0.05 sqrt(25 / 2,500) = 0.005; half-spread 0.01; 0.015 / 100 = 1.5 bps
    tape = tape_of([BARS[0]] * 3)
    rules = rules_of(tape, limits={"units": MaxUnits(units=25)})
    assert slippage_budget_bps(tape, rules, np.array([0]), 1.0) == pytest.approx(1.5, abs=1e-9)
    # 50,000 USD x 0.05 / 100 = 25 units again; a contract worth 5 USD a point: 5 units, 0.05 sqrt(5 / 2,500)
    rules = rules_of(tape, limits={"notional": MaxNotional(nav_multiple=0.05)})
    assert slippage_budget_bps(tape, rules, np.array([0]), 1.0) == pytest.approx(1.5, abs=1e-9)
    rules = replace(rules, execution=rules.execution._replace(contract=Contract(multiplier=5.0)))
    expected = 1e4 * (0.01 + 0.05 * np.sqrt(5 / 2_500)) / 100
    assert slippage_budget_bps(tape, rules, np.array([0]), 1.0) == pytest.approx(expected, abs=1e-9)


def test_budget_knows_neither_commission_nor_latency():
    tape = tape_of(BARS)
    rules = rules_of(tape)
    dear = rules.execution._replace(
        commission=PerUnitCommission(per_unit_usd=1.0, order_minimum_usd=50.0, cap_fraction=1.0),
        latency=UniformLatency(low_ms=50_000.0, high_ms=59_000.0),
    )
    same = slippage_budget_bps(tape, replace(rules, execution=dear), np.array([0]), 1.0)
    assert same == slippage_budget_bps(tape, rules, np.array([0]), 1.0)


def test_budget_reads_no_bar_outside_its_sessions():
    """Bars of other sessions may be anything, NaN included, without moving a bit of it."""
    tape = tape_of(BARS, BARS, BARS)
    other = replace(tape, rows=tape.rows.copy())
    for name in ("close", "mid", "quoted_spread", "volatility", "typical_volume"):
        other.rows[name][5:] = np.nan
    first = np.array([0])
    assert slippage_budget_bps(tape, rules_of(tape), first, 1.5) == slippage_budget_bps(
        other, rules_of(other), first, 1.5
    )
