"""Money laws of the simulator (SPEC D3.1-D3.4, D3.6), on random markets with random orders and parameters.

Conventions: the ledger of a roll holds one row for each step and account, from the fills and accounts that the batch
shows. Sessions are short (25 minutes) and noisy, with quotes, gaps and thin bars.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.rewards import TurnoverPenalty
from intraday_rl.env.risk import FlatBeforeClose, HoldingLimit, MaxNotional, MaxUnits, RiskPerTrade, TradeStop
from intraday_rl.env.risk.layers import OFF
from intraday_rl.market.advance import Execution
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.fills import VolumeShareFill
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import QuotedSpread
from intraday_rl.market.tape import Tape
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import make_execution, make_fill, make_tape, random_tape

NUM_EXAMPLES = 5 if JIT_DISABLED else 25  # plain Python is a hundred times slower
EXAMPLES = settings(max_examples=NUM_EXAMPLES, deadline=None)
MINUTES = 25
CAPITAL = 50_000.0
MAPS = {"target": DiscreteTarget(), "step": DiscreteStep(), "continuous": Continuous()}

seeds = st.integers(0, 2**20)
maps = st.sampled_from(sorted(MAPS))
multipliers = st.sampled_from([1.0, 5.0, 0.1])
executions = st.builds(
    Execution,
    contract=st.builds(Contract, multiplier=multipliers),
    latency=st.builds(UniformLatency, low_ms=st.floats(0.0, 1_000.0), high_ms=st.floats(1_000.0, 59_000.0)),
    spread=st.builds(QuotedSpread, base_spread=st.floats(0.0, 0.5), multiple=st.sampled_from([1.0, 2.0])),
    impact=st.builds(SquareRootImpact, coefficient=st.floats(0.0, 3.0)),
    fill=st.builds(
        VolumeShareFill,
        max_volume_fraction=st.floats(0.005, 1.0),
        max_carried_bars=st.integers(0, 4),
        reject_multiple=st.sampled_from([0.05, 3.0]),
        urgent_spreads=st.sampled_from([1.0, 3.0]),
    ),
    commission=st.builds(
        PerUnitCommission,
        per_unit_usd=st.floats(0.0, 0.1),
        order_minimum_usd=st.floats(0.0, 2.0),
        cap_fraction=st.floats(0.001, 1.0),
    ),
)
limits = st.fixed_dictionaries(
    {
        "units": st.builds(MaxUnits, units=st.integers(1, 400)),
        "notional": st.builds(MaxNotional, nav_multiple=st.floats(0.01, 3.0)),
        "risk_per_trade": st.builds(
            RiskPerTrade, nav_fraction=st.floats(1e-4, 1e-2), round_trip_cost=st.floats(0.01, 0.1)
        ),
    }
)
exits = st.fixed_dictionaries(
    {
        "session_close": st.builds(FlatBeforeClose, minutes=st.integers(1, 8)),
        "stop": st.builds(TradeStop, atr_multiple=st.floats(0.5, 9.0)),
        "holding": st.builds(HoldingLimit, minutes=st.integers(1, 40)),
    }
)
layers = st.builds(OFF._replace, daily_loss=st.floats(1e-4, 0.1))


class Ledger(NamedTuple):
    """What a roll showed, (S, N) each: the bar before and after each step, the account before and after, the fill."""

    decision: Any
    bar: Any
    before: Any
    after: Any
    fill: Any
    parts: Any
    ended: Any


def draw_actions(batch: BatchEnv, steps: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    if isinstance(batch.rules.actions, Continuous):
        return rng.uniform(-1.0, 1.0, (steps, batch.num_envs)).astype(np.float32)
    return rng.integers(0, 3, (steps, batch.num_envs))


def play(batch: BatchEnv, actions: Any) -> Ledger:
    """Step through the actions (S, N) and keep what each step showed; an ended account is shown as it ended."""
    observations = batch.reset()
    rows: list[tuple[Any, ...]] = []
    for row in actions:
        before = batch.accounts.copy()
        ended = batch.step(row, observations)
        after = batch.accounts.copy()
        over = (batch.terminated + batch.truncated) > 0
        assert ended == over.sum()
        after[over] = batch.finished[over]
        bars = batch.tape.rows[before["bar"]], batch.tape.rows[after["bar"]]
        rows.append((*bars, before, after, batch.fills.copy(), batch.reward_parts.copy(), over))
    return Ledger(*(np.stack(column) for column in zip(*rows, strict=True)))


def noisy_batch(seed: int, name: str = "target", num_envs: int = 4, **changes: Any) -> BatchEnv:
    tape = random_tape(num_sessions=3, minutes=MINUTES, num_features=2, seed=seed)
    return full_batch(tape, num_envs, seed, actions=MAPS[name], **changes)


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, limits=limits, exits=exits, layers=layers)
def test_nav_is_cash_plus_position_at_every_bar(seed, name, execution, limits, exits, layers):
    batch = noisy_batch(seed, name, execution=execution, limits=limits, exits=exits, layers=layers)
    ledger = play(batch, draw_actions(batch, 60, seed))
    value = ledger.after["position"] * execution.contract.multiplier * ledger.bar["close"]
    np.testing.assert_allclose(ledger.after["nav"], ledger.after["cash"] + value, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ledger.after["position"], ledger.before["position"] + ledger.fill["quantity"])


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, limits=limits, exits=exits, layers=layers)
def test_session_result_is_gross_less_every_ledgered_cost(seed, name, execution, limits, exits, layers):
    batch = noisy_batch(seed, name, execution=execution, limits=limits, exits=exits, layers=layers)
    ledger = play(batch, draw_actions(batch, 60, seed))
    for n in range(batch.num_envs):
        ends = np.flatnonzero(ledger.ended[:, n])
        for first, last in zip([0, *(ends[:-1] + 1)], ends, strict=True):
            check_session(ledger, slice(first, last + 1), n, execution.contract.multiplier)


def check_session(ledger: Ledger, steps: slice, n: int, multiplier: float) -> None:
    """Recompute one session's result from its fills alone, in two ways, and from its round trips."""
    fill, last = ledger.fill[steps, n], ledger.after[steps, n][-1]
    held = last["position"] * multiplier * ledger.bar[steps, n]["close"][-1]
    gross = held - np.sum(fill["quantity"] * fill["decision_mid"]) * multiplier
    costs = sum(np.sum(fill[kind]) for kind in ("commission_usd", "spread_usd", "impact_usd", "latency_usd"))
    result = last["nav"] - last["start_nav"]
    assert result == pytest.approx(gross - costs, abs=1e-7)
    cash = -np.sum(fill["quantity"] * fill["price"]) * multiplier - np.sum(fill["commission_usd"])
    assert result == pytest.approx(cash + held, abs=1e-7)
    if last["position"] == 0.0:
        assert last["nav"] == pytest.approx(last["cash"], abs=1e-9)
        trips = round_trips(fill, multiplier)
        assert len(trips) == last["round_trips"]
        booked = ledger.after[steps, n]["closed_usd"]
        np.testing.assert_allclose(booked[booked != 0.0], [trip for trip in trips if trip != 0.0], atol=1e-7)
        assert sum(trips) == pytest.approx(result, abs=1e-7)
    notional = np.sum(np.abs(fill["quantity"]) * fill["price"]) * multiplier
    assert last["traded_notional"] == pytest.approx(notional, rel=1e-12)


def round_trips(fills: Any, multiplier: float) -> list[float]:
    """Return the net result of each flat-to-flat round trip; the fee of a reversal is shared by quantity."""
    results, position, cash = [], 0.0, 0.0
    for fill in fills[fills["quantity"] != 0.0]:
        quantity, fee = fill["quantity"], fill["commission_usd"] / abs(fill["quantity"])
        closing = -position if position * (position + quantity) < 0.0 else quantity
        for part in (closing, quantity - closing):
            if part != 0.0:
                cash -= part * fill["price"] * multiplier + abs(part) * fee
                position += part
                if position == 0.0:
                    results.append(cash)
                    cash = 0.0
    return results


@EXAMPLES
@given(seed=seeds, execution=executions)
def test_fill_price_is_made_of_its_parts(seed, execution):
    batch = noisy_batch(seed, execution=execution)
    ledger = play(batch, draw_actions(batch, 60, seed))
    done = ledger.fill["quantity"] != 0.0
    fill, bar, decision = ledger.fill[done], ledger.bar[done], ledger.decision[done]
    side, value = np.sign(fill["quantity"]), np.abs(fill["quantity"]) * execution.contract.multiplier
    costs = (fill["spread_usd"] + fill["impact_usd"]) / value
    np.testing.assert_allclose(fill["price"], fill["reference_price"] + side * costs, rtol=1e-12)
    assert np.all((bar["low"] <= fill["reference_price"]) & (fill["reference_price"] <= bar["high"]))
    drift = side * value * (fill["reference_price"] - fill["decision_mid"])
    np.testing.assert_allclose(fill["latency_usd"], drift, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(fill["decision_mid"], decision["mid"])
    assert np.all(bar["traded"] == 1)
    assert np.all(fill["commission_usd"] >= 0.0)
    assert np.all(np.abs(fill["quantity"]) <= np.abs(fill["ordered"]))
    assert np.all(fill["quantity"] * fill["ordered"] > 0.0)


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, limits=limits, exits=exits, layers=layers)
def test_limits_are_never_crossed_by_an_order(seed, name, execution, limits, exits, layers):
    """What is held may outgrow a limit that shrinks; no order may add to it then, and entries stop once closing."""
    batch = noisy_batch(seed, name, execution=execution, limits=limits, exits=exits, layers=layers)
    ledger = play(batch, draw_actions(batch, 60, seed))
    held, now = ledger.before["position"], ledger.after["position"]
    same_side = np.where(held * now > 0.0, np.abs(held), 0.0)
    assert np.all(np.abs(now) <= np.maximum(ledger.before["size"], same_side))
    wanted = held + ledger.fill["ordered"]
    same_side = np.where(held * wanted > 0.0, np.abs(held), 0.0)
    assert np.all(np.abs(wanted) <= np.maximum(ledger.before["size"], same_side))
    closing = ledger.after["closing"] > 0
    assert np.all((np.abs(now) <= np.abs(held)) | ~closing)
    np.testing.assert_array_equal(now, np.round(now))


@EXAMPLES
@given(seed=seeds, name=maps, limits=limits)
def test_allowed_size_is_the_smallest_limit_in_whole_units(seed, name, limits):
    batch = noisy_batch(seed, name, limits=limits)
    ledger = play(batch, draw_actions(batch, 30, seed))
    going_on = ~ledger.ended
    nav, bar = ledger.after["nav"][going_on], ledger.bar[going_on]
    notional = limits["notional"].nav_multiple * nav / bar["close"]
    risk = limits["risk_per_trade"].nav_fraction * nav / (bar["atr"] + limits["risk_per_trade"].round_trip_cost)
    smallest = np.floor(np.minimum(np.minimum(notional, risk), limits["units"].units))
    np.testing.assert_array_equal(ledger.after["base_size"][going_on], smallest)


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions, weight=st.floats(0.0, 10.0), scale=st.floats(0.01, 10.0))
def test_reward_is_the_sum_of_its_terms_and_profit_the_change_of_nav(seed, name, execution, weight, scale):
    terms = {"turnover": TurnoverPenalty(weight=weight, limit=0.02, linear_slope_mul=50.0)}
    batch = noisy_batch(seed, name, execution=execution, terms=terms, reward_scale=scale)
    ledger = play(batch, draw_actions(batch, 60, seed))
    np.testing.assert_array_equal(ledger.parts.sum(axis=2), ledger.after["reward"])
    basis_points = (ledger.after["nav"] - ledger.before["nav"]) / (1e-4 * CAPITAL)
    np.testing.assert_allclose(ledger.parts[:, :, 0], scale * basis_points, rtol=1e-9, atol=1e-12)
    assert np.all(ledger.parts[:, :, 1] <= 0.0)
    assert np.all(ledger.parts[:, :, 1][ledger.fill["quantity"] == 0.0] == 0.0)


@EXAMPLES
@given(seed=seeds, enter=st.integers(0, 10), side=st.sampled_from([0, 2]), multiplier=multipliers)
def test_free_buy_and_hold_earns_the_price_change(seed, enter, side, multiplier):
    tape = random_tape(num_sessions=1, minutes=MINUTES, num_features=2, seed=seed)
    tape.rows["traded"] = 1
    tape.rows["volume"] = 1e9
    tape.rows["blackout"] = 0
    tape.rows["quoted_spread"] = np.nan
    batch = full_batch(tape, 1, execution=make_execution(contract=Contract(multiplier)))
    actions = np.full((MINUTES - 2, 1), 1)
    actions[enter:] = side
    ledger = play(batch, actions)
    assert ledger.ended[-1, 0]
    # Without costs and latency a fill is at the open of the bar after the decision; the exit is in the bar before last.
    quantity = 100.0 * (side - 1)
    expected = quantity * multiplier * (tape.rows["open"][MINUTES - 2] - tape.rows["open"][enter + 1])
    assert ledger.after["nav"][-1, 0] - CAPITAL == pytest.approx(expected, abs=1e-9 * max(1.0, multiplier * 100))


@EXAMPLES
@given(seed=seeds, name=maps, execution=executions)
def test_closed_orders_never_gain_while_the_mid_stands_still(seed, name, execution):
    tape = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    for column in ("open", "high", "low", "close", "vwap", "mid"):
        tape.rows[column] = 100.0
    batch = full_batch(tape, 4, seed, actions=MAPS[name], execution=execution)
    ledger = play(batch, draw_actions(batch, 60, seed))
    flat = ledger.after["position"] == 0.0
    assert np.all(ledger.after["nav"][flat] <= CAPITAL + 1e-9)
    assert np.all(ledger.fill["latency_usd"] == 0.0)


@EXAMPLES
@given(seed=seeds, name=maps)
def test_scaled_prices_and_quantities_leave_rewards_and_decisions_alone(seed, name):
    """Prices x 4, quantities and volumes / 4, and a fee per notional: powers of two, so not a bit may differ."""
    tape = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    tape.rows["volume"] = np.floor(tape.rows["volume"] / 8) * 8
    scaled = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    for column in ("open", "high", "low", "close", "vwap", "mid", "quoted_spread", "atr", "volatility"):
        scaled.rows[column] = 4.0 * tape.rows[column]
    for column in ("volume", "typical_volume"):
        scaled.rows[column] = tape.rows[column] / 4.0
    ledgers = []
    for market, units, spread in ((tape, 128, 0.02), (scaled, 32, 0.08)):
        execution = make_execution(
            latency=UniformLatency(50.0, 5_000.0),
            spread=QuotedSpread(base_spread=spread, multiple=1.0),
            impact=SquareRootImpact(coefficient=1.0),
            fill=make_fill(max_volume_fraction=0.5),
            commission=PerUnitCommission(per_unit_usd=1e9, order_minimum_usd=0.0, cap_fraction=0.0002),
        )
        limits = {"units": MaxUnits(units=units)}
        batch = full_batch(market, 4, seed, actions=MAPS[name], execution=execution, limits=limits)
        actions = draw_actions(batch, 45, seed)
        ledgers.append(play(batch, np.round(actions * 16) / 16 if name == "continuous" else actions))
    for column in ("reward", "nav", "cash", "drawdown", "round_trips", "bars_held", "traded_notional"):
        assert_same_bits(ledgers[0].after[column], ledgers[1].after[column], column)
    assert_same_bits(ledgers[0].fill["quantity"], 4.0 * ledgers[1].fill["quantity"])


@EXAMPLES
@given(seed=seeds, name=maps)
def test_mirrored_prices_and_actions_leave_the_result_alone(seed, name):
    tape = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    mirrored = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    for column, source in {
        "open": "open",
        "high": "low",
        "low": "high",
        "close": "close",
        "vwap": "vwap",
        "mid": "mid",
    }.items():
        mirrored.rows[column] = 200.0 - tape.rows[source]
    execution = make_execution(
        latency=UniformLatency(50.0, 5_000.0),
        spread=QuotedSpread(base_spread=0.02, multiple=1.0),
        impact=SquareRootImpact(coefficient=1.0),
        fill=make_fill(max_volume_fraction=0.1),
        commission=PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=1.0),
    )
    batches = [full_batch(market, 4, seed, actions=MAPS[name], execution=execution) for market in (tape, mirrored)]
    actions = draw_actions(batches[0], 45, seed)
    one, other = play(batches[0], actions), play(batches[1], -actions if name == "continuous" else 2 - actions)
    assert_same_bits(one.fill["quantity"] + 0.0, -other.fill["quantity"] + 0.0)
    for column in ("nav", "reward", "drawdown"):
        np.testing.assert_allclose(one.after[column], other.after[column], rtol=1e-9, atol=1e-9)
    for kind in ("commission_usd", "spread_usd", "impact_usd", "latency_usd"):
        np.testing.assert_allclose(one.fill[kind], other.fill[kind], rtol=1e-8, atol=1e-8)


BASE = {
    "spread": QuotedSpread(base_spread=0.01, multiple=1.0),
    "impact": SquareRootImpact(coefficient=0.5),
    "commission": PerUnitCommission(per_unit_usd=0.002, order_minimum_usd=0.5, cap_fraction=0.001),
    "latency": UniformLatency(0.0, 0.0),
}
WORSE = {
    "spread": {"spread": QuotedSpread(base_spread=0.05, multiple=1.0)},
    "impact": {"impact": SquareRootImpact(coefficient=1.5)},
    "fee": {"commission": BASE["commission"]._replace(per_unit_usd=0.02)},  # type: ignore[attr-defined]
    "minimum": {"commission": BASE["commission"]._replace(order_minimum_usd=3.0)},  # type: ignore[attr-defined]
    "cap": {"commission": BASE["commission"]._replace(cap_fraction=0.5)},  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("what", sorted(WORSE))
@settings(max_examples=NUM_EXAMPLES // 2, deadline=None)
@given(seed=seeds, name=maps)
def test_higher_costs_never_pay(what, seed, name):
    ledgers = []
    for changes in ({}, WORSE[what]):
        batch = noisy_batch(seed, name, execution=make_execution(**(BASE | changes)))
        ledgers.append(play(batch, draw_actions(batch, 45, seed)))
    cheap, dear = ledgers
    assert_same_bits(cheap.fill["quantity"], dear.fill["quantity"])
    assert np.all(dear.after["nav"] <= cheap.after["nav"] + 1e-9)
    if what == "impact":  # the others may be hidden by a quote, the minimum or the cap
        traded = cheap.after["traded_notional"] > 0.0
        assert np.all(dear.after["nav"][traded] < cheap.after["nav"][traded])


@EXAMPLES
@given(rise=st.floats(0.001, 0.5), low=st.floats(0.0, 29_000.0), more=st.floats(0.0, 30_000.0))
def test_more_latency_never_pays_on_a_path_that_runs_away(rise, low, more):
    """Every bar climbs from open to vwap to close, but for the bar of the forced exit, which falls."""
    results = []
    for latency in (low, low + more):
        session = [
            {"open": 100.0 + i * rise, "vwap": 100.0 + (i + 0.5) * rise, "close": 100.0 + (i + 1) * rise}
            for i in range(10)
        ]
        session[8] = {"open": 100.0 + 8 * rise, "vwap": 100.0 + 7.5 * rise, "close": 100.0 + 7 * rise}
        tape: Tape = make_tape([session])
        batch = full_batch(tape, 1, execution=make_execution(latency=UniformLatency(latency, latency)))
        results.append(play(batch, np.full((8, 1), 2)).after["nav"][-1, 0])
    assert results[1] <= results[0] + 1e-9
    # Bought at open + u rise / 2, sold at open - u rise / 2: u is what the latency costs.
    u = low / 60_000.0
    assert results[0] - CAPITAL == pytest.approx(100 * (7 * rise - u * rise), abs=1e-7)


def test_session_check_sees_a_cent():
    """The recomputation is worth nothing unless it fails: a cent in one fill's price, or a fee left out."""
    batch = noisy_batch(3, execution=make_execution(**BASE))
    ledger = play(batch, draw_actions(batch, 30, 3))
    end = int(np.flatnonzero(ledger.ended[:, 0])[0])
    check_session(ledger, slice(0, end + 1), 0, 1.0)
    traded = int(np.flatnonzero(ledger.fill["quantity"][:, 0])[0])
    for column, change in (("price", 0.01), ("commission_usd", -0.01), ("decision_mid", 0.01)):
        wrong = ledger._replace(fill=ledger.fill.copy())
        wrong.fill[column][traded, 0] += change
        with pytest.raises(AssertionError):
            check_session(wrong, slice(0, end + 1), 0, 1.0)
