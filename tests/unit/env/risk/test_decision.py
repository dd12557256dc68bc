"""From what the agent asks for to the order that is sent: which rule changed it, how often, and under which name."""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.risk import (
    Cooldown,
    FlatBeforeClose,
    HoldingLimit,
    HourlyTurnover,
    InverseVolatility,
    KellyFraction,
    MarketTimeLimit,
    MaxRoundTrips,
    RiskPerTrade,
    TradeStop,
    VolatilityBudget,
)
from intraday_rl.env.risk.decision import cap
from intraday_rl.env.risk.layers import OFF
from intraday_rl.market.latency import UniformLatency
from tests.support.full_rules import full_batch
from tests.support.rows import account_row
from tests.support.tapes import make_execution, make_fill
from tests.unit.env.risk.hand_account import column, flat_tape, nav_tape, rules_of
from tests.unit.env.sessions.hand_market import play


@pytest.mark.parametrize(
    ("target", "position", "size", "expected"),
    [
        (100.0, 0.0, 100.0, 100.0),
        (100.0, 0.0, 30.0, 30.0),
        (-100.0, 0.0, 30.0, -30.0),
        (100.0, 60.0, 30.0, 60.0),  # what is held may stay
        (100.0, 60.0, 0.0, 60.0),
        (40.0, 60.0, 0.0, 40.0),  # and go
        (0.0, 60.0, 0.0, 0.0),
        (-100.0, 60.0, 30.0, -30.0),  # the other side is an entry
        (-100.0, 60.0, 0.0, 0.0),
        (-40.0, -60.0, 0.0, -40.0),
    ],
)
def test_cap_cuts_entries_and_never_exits(target, position, size, expected):
    assert cap(target, account_row(position=position, size=size)) == expected


@pytest.mark.parametrize(
    ("target", "position", "in_transit", "expected"),
    [
        (100.0, 0.0, 100.0, 100.0),  # an order that was sent is not taken back
        (100.0, 30.0, 40.0, 70.0),
        (100.0, 100.0, -100.0, 0.0),  # an exit that was sent is not undone
        (100.0, 100.0, -60.0, 40.0),
        (-100.0, 0.0, 100.0, 0.0),
        (0.0, 0.0, 100.0, 0.0),
    ],
)
def test_cap_counts_what_is_under_way_as_held(target, position, in_transit, expected):
    assert cap(target, account_row(position=position, in_transit=in_transit, size=0.0)) == expected


def test_blackout_neither_takes_back_nor_doubles_an_order_under_way():
    # Orders take a minute: sent at row 0, filled in row 2; the blackout begins at row 1.
    execution = make_execution(latency=UniformLatency(low_ms=60_000.0, high_ms=60_000.0))
    batch = full_batch(flat_tape(blackout=[0] + [1] * 39), execution=execution)
    steps = play(batch, [BUY, BUY, BUY, HOLD, BUY, BUY])
    assert [step["fill"]["ordered"] for step in steps] == [0, 100, 0, 0, -100, 0]
    assert column(steps, "position") == [0, 100, 100, 100, 0, 0]
    assert rules_of(batch, steps) == [""] * 4 + ["entries.blackout"] * 2


# At 100 USD with 50,000 USD: each of these leaves 40 units of 100, or none, at the decision of row 2.
SHRINKING = {
    "volatility_budget": (VolatilityBudget(annual_volatility=0.0253), 40),  # 1,265 / (0.1 * 313.5) = 40.35
    "inverse_volatility": (InverseVolatility(least_units=40, most_units=80), 40),  # the floor
    "kelly": (KellyFraction(max_fraction=0.08, equity_scaling=1.0, min_bars=30), 40),  # 4,000 USD
    "hourly_turnover": (HourlyTurnover(nav_multiple=0.08), 40),
}


@pytest.mark.parametrize("name", SHRINKING)
def test_rule_that_shrinks_an_entry_is_named(name):
    rule, left = SHRINKING[name]
    batch = full_batch(flat_tape(volatility=[0.1] * 40), entries={name: rule})
    steps = play(batch, [BUY, BUY, HOLD])
    assert column(steps, "wanted") == [100, left, 0]
    assert column(steps, "target") == [left, left, 0]
    assert rules_of(batch, steps) == [f"entries.{name}", "", ""]
    assert column(steps, "interventions") == [1, 1, 1]


REFUSING = {
    "entries.cooldown": {"entries": {"cooldown": Cooldown(10)}},
    "entries.round_trips": {"entries": {"round_trips": MaxRoundTrips(1)}},
    "entries.hourly_turnover": {"entries": {"hourly_turnover": HourlyTurnover(0.2)}},
}


@pytest.mark.parametrize("name", REFUSING)
def test_rule_that_refuses_an_entry_is_named(name):
    batch = full_batch(flat_tape(), **REFUSING[name])
    steps = play(batch, [BUY, HOLD, SELL, SELL, HOLD])
    assert column(steps, "wanted") == [100, 0, -100, -100, 0]
    assert column(steps, "target") == [100, 0, 0, 0, 0]
    assert rules_of(batch, steps) == ["", "", name, name, ""]
    assert column(steps, "interventions") == [0, 0, 1, 2, 2]


ENDING = {
    "exits.session_close": {"exits": {"session_close": FlatBeforeClose(4)}},
    "exits.stop": {"exits": {"stop": TradeStop(1.0)}},
    "exits.holding": {"exits": {"holding": HoldingLimit(2)}},
    "exits.market_time": {"exits": {"market_time": MarketTimeLimit(2)}},
    "layers.daily_loss": {"layers": OFF._replace(daily_loss=0.004)},
    "layers.hard_drawdown": {"layers": OFF._replace(hard_drawdown=0.004, terminate_on_hard=True)},
    "layers.daily_drawdown": {"layers": OFF._replace(daily_drawdown=0.003, breach_bars=0, halt_on_breach=True)},
}


@pytest.mark.parametrize("name", ENDING)
def test_rule_that_ends_a_position_is_named(name):
    # 200 USD are lost at row 2, whose low is 98, five minutes before the close.
    tape = nav_tape([50_000, 49_800], spare=5)
    batch = full_batch(tape, **ENDING[name])
    steps = play(batch, [BUY] * 3)
    assert column(steps, "wanted") == [100] * 3
    assert column(steps, "target") == [100, 100, 0]
    assert rules_of(batch, steps) == ["", "", name]
    assert column(steps, "interventions") == [0, 0, 1]


def test_rule_is_none_where_the_agent_leaves_at_the_same_time():
    batch = full_batch(flat_tape(), exits={"holding": HoldingLimit(2)})
    steps = play(batch, [BUY, BUY, HOLD])
    assert column(steps, "closing")[-1] > 0
    assert rules_of(batch, steps) == [""] * 3


def test_smallest_of_several_entry_rules_is_named_and_the_first_of_equals():
    kelly = KellyFraction(max_fraction=0.08, equity_scaling=1.0, min_bars=30)  # 40 units
    cases = [(HourlyTurnover(0.1), "kelly"), (HourlyTurnover(0.06), "hourly_turnover"),
             (HourlyTurnover(0.08), "hourly_turnover")]  # fmt: skip
    for turnover, name in cases:
        batch = full_batch(flat_tape(), entries={"hourly_turnover": turnover, "kelly": kelly})
        assert rules_of(batch, play(batch, [BUY])) == [f"entries.{name}"]


def test_order_under_way_that_a_smaller_base_size_cuts_is_named():
    # 0.2 % of 50,000 USD at risk: 99 units at an ATR of 1, 49 at an ATR of 2; 30 units fill a bar.
    limits = {"risk_per_trade": RiskPerTrade(nav_fraction=0.002, round_trip_cost=0.01)}
    tape = flat_tape(volume=[300.0] * 40, atr=[1.0] + [2.0] * 39)
    execution = make_execution(fill=make_fill(max_volume_fraction=0.1))
    batch = full_batch(tape, limits=limits, execution=execution)
    steps = play(batch, [BUY] * 3)
    assert column(steps, "target") == [99, 49, 49]
    assert column(steps, "position") == [30, 49, 49]
    assert rules_of(batch, steps) == ["", "limits.base_size", ""]
    assert column(steps, "interventions") == [0, 1, 1]


def test_every_intervention_has_a_name():
    """The count of a session is the number of its decisions with a rule."""
    entries = {"cooldown": Cooldown(3), "kelly": KellyFraction(max_fraction=0.1, equity_scaling=1.0, min_bars=30)}
    exits = {"stop": TradeStop(0.5), "holding": HoldingLimit(4)}
    batch = full_batch(flat_tape(low=[99.4] * 40), entries=entries, exits=exits)
    steps = play(batch, [BUY, SELL, HOLD] * 12)
    named = [name for name in rules_of(batch, steps) if name]
    assert len(named) == steps[-1]["interventions"]
    assert {"entries.cooldown", "entries.kelly", "exits.stop"} <= set(named)
