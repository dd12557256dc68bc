"""Laws of execution (SPEC D3.4, D3.6, D3.7) with spreads that widen, impact that fades, rejects and urgent exits.

`test_accounting` has the same laws for quoted spreads and the square root, `test_metrics_laws` what the order of trades
does to profit factor, hit rate and drawdown, `test_thin_names` real days with minutes without a trade.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.data import Bars, exchange_sessions
from intraday_rl.env.actions import Continuous, DiscreteTarget
from intraday_rl.env.risk import FlatBeforeClose, MaxUnits
from intraday_rl.features import FeatureTable
from intraday_rl.market.blackout import Blackout
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import KyleImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.liquidity import bound_lambda
from intraday_rl.market.spreads import WideningSpread
from intraday_rl.market.tape import Tape, build_tape
from tests.property.test_accounting import Ledger, draw_actions, play
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import SHARE, make_execution, make_fill, make_tape, random_tape

NUM_EXAMPLES = 3 if JIT_DISABLED else 15
EXAMPLES = settings(max_examples=NUM_EXAMPLES, deadline=None)
MINUTES, CAPITAL = 25, 50_000.0
MAPS = {"target": DiscreteTarget(), "continuous": Continuous()}
KYLE = KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5)
PRICES = ("open", "high", "low", "close", "vwap", "mid")

seeds = st.integers(0, 2**20)
maps = st.sampled_from(sorted(MAPS))


def noisy_tape(seed: int) -> Tape:
    """Return a noisy tape whose lambdas keep their bound; blackouts are the risk rules' business."""
    tape = random_tape(num_sessions=2, minutes=MINUTES, num_features=2, seed=seed)
    lambdas = tape.rows["kyle_lambda"].copy()
    bound_lambda(np.repeat([0, 1], MINUTES), np.full(2, np.inf), lambdas)
    tape.rows["kyle_lambda"], tape.rows["blackout"] = lambdas, 0
    return tape


def costly(**changes: Any) -> Any:
    parts = {
        "latency": UniformLatency(50.0, 5_000.0),
        "spread": WideningSpread(base_spread=0.02, widest=2.0, multiple=1.0),
        "impact": KYLE,
        "fill": make_fill(max_volume_fraction=0.0625, reject_multiple=0.0625, urgent_spreads=3.0),
        "commission": PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=1.0),
    }
    return make_execution(**(parts | changes))


def played(tape: Tape, seed: int, name: str, execution: Any, mirrored: bool = False, units: int = 128) -> Ledger:
    batch = full_batch(tape, 4, seed, actions=MAPS[name], execution=execution, limits={"units": MaxUnits(units)})
    actions = draw_actions(batch, MINUTES - 2, seed)
    if name == "continuous":
        actions = np.round(actions * 16) / 16
    if mirrored:
        actions = -actions if name == "continuous" else 2 - actions
    return play(batch, actions)


@EXAMPLES
@given(seed=seeds, name=maps)
def test_scaled_prices_and_quantities_leave_results_alone(seed, name):
    """Prices x 4, quantities and volumes / 4, lambda x 16, a fee per notional: powers of two, so the bits are equal."""
    tape = noisy_tape(seed)
    tape.rows["volume"] = np.floor(tape.rows["volume"] / 64) * 64
    scaled = replace(tape, rows=tape.rows.copy().view(type(tape.rows)))
    for column in (*PRICES, "quoted_spread", "atr", "volatility"):
        scaled.rows[column] *= 4.0
    for column in ("volume", "typical_volume"):
        scaled.rows[column] /= 4.0
    scaled.rows["kyle_lambda"] *= 16.0
    fee = PerUnitCommission(per_unit_usd=1e9, order_minimum_usd=0.0, cap_fraction=0.0002)
    one = played(tape, seed, name, costly(commission=fee))
    wide = WideningSpread(base_spread=0.08, widest=2.0, multiple=1.0)
    other = played(scaled, seed, name, costly(commission=fee, spread=wide), units=32)
    for column in ("reward", "nav", "cash", "drawdown", "round_trips", "bars_held", "traded_notional"):
        assert_same_bits(one.after[column], other.after[column], column)
    for column in ("slow_impact", "fast_impact"):
        assert_same_bits(4.0 * one.after[column], other.after[column], column)
    assert_same_bits(one.fill["quantity"], 4.0 * other.fill["quantity"])


@EXAMPLES
@given(seed=seeds, name=maps)
def test_mirrored_prices_and_actions_leave_the_result_alone(seed, name):
    """P' = 200 - P with costs in fixed USD: buys for sells, the same money."""
    tape = noisy_tape(seed)
    mirrored = replace(tape, rows=tape.rows.copy().view(type(tape.rows)))
    for column, source in zip(PRICES, ("open", "low", "high", "close", "vwap", "mid"), strict=True):
        mirrored.rows[column] = 200.0 - tape.rows[source]
    one = played(tape, seed, name, costly())
    other = played(mirrored, seed, name, costly(), mirrored=True)
    assert_same_bits(one.fill["quantity"] + 0.0, -other.fill["quantity"] + 0.0)
    for column in ("nav", "reward", "drawdown", "closed_usd"):
        np.testing.assert_allclose(one.after[column], other.after[column], rtol=1e-9, atol=1e-9)
    for column in ("slow_impact", "fast_impact"):
        np.testing.assert_allclose(one.after[column], -other.after[column], rtol=1e-9, atol=1e-12)
    for kind in ("commission_usd", "spread_usd", "impact_usd", "latency_usd"):
        np.testing.assert_allclose(one.fill[kind], other.fill[kind], rtol=1e-8, atol=1e-8)


def test_example_of_the_laws_meets_what_they_are_about():
    """Parts, rejects, quotes and their absence, impact that pays back and exits that were urgent occur."""
    ledger = played(noisy_tape(1), 1, "target", costly())
    ordered, filled = ledger.fill["ordered"], ledger.fill["quantity"]
    assert (np.abs(filled) < np.abs(ordered))[filled != 0].any()
    assert (np.abs(ordered) > 0.0625 * ledger.decision["typical_volume"])[filled == 0].any()
    assert set(np.isnan(ledger.decision["quoted_spread"][filled != 0])) == {True, False}
    assert (ledger.fill["impact_usd"] < 0.0).any()
    assert ((ledger.after["closing"] > 0) & (filled != 0.0)).any()


WORSE: dict[str, Any] = {
    "base_spread": {"spread": WideningSpread(base_spread=0.05, widest=2.0, multiple=1.0)},
    "widest": {"spread": WideningSpread(base_spread=0.02, widest=5.0, multiple=1.0)},
    "spread_multiple": {"spread": WideningSpread(base_spread=0.02, widest=2.0, multiple=2.0)},
    "lambda": {"impact": KYLE._replace(multiple=2.0)},
    "urgent_spreads": {"fill": make_fill(max_volume_fraction=0.0625, reject_multiple=0.0625, urgent_spreads=5.0)},
    "per_unit": {"commission": PerUnitCommission(0.05, 1.0, 1.0)},
    "order_minimum": {"commission": PerUnitCommission(0.005, 2.0, 1.0)},
}


@pytest.mark.parametrize("what", sorted(WORSE))
@settings(max_examples=NUM_EXAMPLES // 2, deadline=None)
@given(seed=seeds, name=maps)
def test_higher_costs_never_pay(what, seed, name):
    """The same fills at every bar, and never more money."""
    cheap, dear = (played(noisy_tape(seed), seed, name, costly(**changes)) for changes in ({}, WORSE[what]))
    assert_same_bits(cheap.fill["quantity"], dear.fill["quantity"])
    assert np.all(dear.after["nav"] <= cheap.after["nav"] + 1e-9)
    if what in ("spread_multiple", "lambda"):  # the others may be hidden by a quote, a minimum, or a calm bar
        traded = cheap.after["traded_notional"] > 0.0
        assert np.all(dear.after["nav"][traded] < cheap.after["nav"][traded])


@pytest.mark.parametrize("what", sorted(WORSE))
def test_each_cost_is_met(what):
    """Guard of the law above: none of the costs stands unused beside the others."""
    dearer = []
    for seed in range(3):
        cheap, dear = (played(noisy_tape(seed), seed, "target", costly(**changes)) for changes in ({}, WORSE[what]))
        dearer.append(dear.after["nav"][-1] < cheap.after["nav"][-1])
    assert np.any(dearer)


def ridge(peak: int, rise: float) -> Tape:
    """Return prices that rise by `rise` a bar up to the close of row `peak` and fall as fast after it."""
    level = 100.0 + rise * (peak - np.abs(np.arange(-1, 2 * peak) - peak))
    bars = pairwise(level.tolist())
    return make_tape([[{"open": a, "vwap": b, "close": b, "low": min(a, b), "high": max(a, b)} for a, b in bars]])


@EXAMPLES
@given(rise=st.floats(0.001, 0.5), low=st.floats(0.0, 299_000.0), more=st.floats(0.0, 299_000.0))
def test_latency_of_any_length_costs_the_drift_it_misses(rise, low, more):
    """Bought on the way up, sold on the way down: L minutes late on either side cost rise * L each."""
    results = []
    for latency in (low, min(low + more, 299_000.0)):
        execution = costly(
            latency=UniformLatency(latency, latency),
            spread=WideningSpread(0.0, 1.0, 1.0),
            impact=KYLE._replace(multiple=0.0),
            fill=make_fill(),
            commission=PerUnitCommission(0.0, 0.0, 1.0),
        )
        tape = ridge(20, rise)  # rows 0 to 39; the exit is decided at the top, at row 20
        exits = {"session_close": FlatBeforeClose(minutes=18)}
        batch = full_batch(tape, 1, actions=DiscreteTarget(), execution=execution, exits=exits)
        ledger = play(batch, np.full((21 + int(latency // 60_000), 1), 2))
        assert ledger.ended[-1, 0]
        results.append(ledger.after["nav"][-1, 0] - CAPITAL)
        late = latency / 60_000.0
        assert results[-1] == pytest.approx(100.0 * rise * (20 - 2 * late), abs=1e-7)
    assert results[1] <= results[0] + 1e-9


@EXAMPLES
@given(rise=st.floats(0.01, 0.5), share=st.floats(0.01, 1.0), less=st.floats(0.05, 1.0))
def test_smaller_share_of_the_volume_never_pays_for_who_is_right(rise, share, less):
    """Bars of 60 units, prices that rise: who gets in later and smaller earns less; the exit takes any volume."""
    session = [
        {"open": 100.0 + i * rise, "close": 100.0 + (i + 1) * rise, "volume": 60.0, "typical_volume": 60.0}
        for i in range(12)
    ]
    results, held = [], []
    for fraction in (share, share * less):
        fill = make_fill(max_volume_fraction=fraction, max_carried_bars=2)
        execution = costly(
            fill=fill,
            latency=UniformLatency(0.0, 0.0),
            impact=KYLE._replace(multiple=0.0),
            spread=WideningSpread(0.0, 1.0, 1.0),
            commission=PerUnitCommission(0.0, 0.0, 1.0),
        )
        batch = full_batch(make_tape([session]), 1, actions=DiscreteTarget(), execution=execution)
        ledger = play(batch, np.full((10, 1), 2))
        results.append(ledger.after["nav"][-1, 0])
        held.append(np.abs(ledger.after["position"]).max())
    assert held[1] <= held[0]
    assert results[1] <= results[0] + 1e-9


DAYS = [
    # start, end | UTC opens of the sessions | minutes
    ("2025-03-07", "2025-03-10", ["14:30", "13:30"], [390, 390]),  # clocks go forward on the weekend
    ("2024-11-01", "2024-11-04", ["13:30", "14:30"], [390, 390]),  # and back
    ("2024-07-02", "2024-07-03", ["13:30", "13:30"], [390, 210]),  # an early close
]


def holey_tape(start: str, end: str, seed: int) -> Tape:
    """Return random bars on the exchange's grid: minutes missing, bars without volume, half an hour halted."""
    sessions, rng = exchange_sessions("XNYS", start, end), np.random.default_rng(seed)
    rows = int(sessions.first[-1])
    close = 100.0 + np.cumsum(0.02 * rng.standard_normal(rows))
    traded = rng.random(rows) > 0.1
    for first in sessions.first[:-1]:
        traded[first + 90 : first + 120] = False
        traded[first] = True
    close = close[np.maximum.accumulate(np.where(traded, np.arange(rows), 0))]
    columns = {name: close.copy() for name in ("open", "high", "low", "close")}
    columns["volume"] = np.where(traded & (rng.random(rows) > 0.1), rng.integers(1, 4_000, rows), 0).astype(float)
    bars = Bars.on_grid("TEST", sessions, columns, traded)
    ones = np.ones((rows, 2), dtype=np.float32)
    scales = FeatureTable(("atr_bps", "rv_60"), ones, np.ones(rows, dtype=bool), {}, "")
    blackout = Blackout(atr_multiple=1e9, bars_after=0, events=None, minutes_before=0.0, minutes_after=0.0)
    return build_tape(bars, replace(scales, names=("feature0", "feature1")), scales, SHARE, blackout)


@pytest.mark.parametrize(("start", "end", "opens", "minutes"), DAYS, ids=["spring", "autumn", "half_day"])
def test_sessions_keep_the_exchanges_clock_and_fill_where_something_traded(start, end, opens, minutes):
    tape = holey_tape(start, end, seed=3)
    assert (tape.last_row + 1 - tape.session_starts).tolist() == minutes
    first_ends = pd.DatetimeIndex(tape.end_ns[tape.session_starts].astype("datetime64[ns]"))
    assert (first_ends - pd.Timedelta(minutes=1)).strftime("%H:%M").tolist() == opens
    exits = {"session_close": FlatBeforeClose(minutes=5)}
    for session, length in enumerate(minutes):
        batch = full_batch(tape, 4, actions=DiscreteTarget(), execution=costly(), exits=exits)
        batch.assign(np.full(4, session), np.arange(4))
        ledger = play(batch, np.random.default_rng(session).integers(0, 3, (length - 1, 4)))
        done = ledger.fill["quantity"] != 0.0
        assert done.sum() > 50
        assert (ledger.bar["traded"][done] == 1).all()
        assert (ledger.bar["volume"][done] > 0.0).all()
        end = np.argmax(ledger.ended, axis=0)
        for n in range(4):
            check_end(tape, ledger.after[end[n], n], length, session)


def check_end(tape: Tape, last: Any, length: int, session: int) -> None:
    """Fail unless the account is flat at 15:55, or 12:55, or at the first bar after it in which it could get out."""
    assert (last["terminated"], last["position"], last["in_transit"]) == (1, 0.0, 0.0)
    due = tape.session_starts[session] + length - 6
    clock = pd.Timestamp(int(tape.end_ns[due]), tz="UTC").tz_convert("America/New_York").strftime("%H:%M")
    assert clock == {390: "15:55", 210: "12:55"}[length]
    assert last["bar"] >= due - 1
    waited = tape.rows[due : last["bar"]]
    assert not ((waited["traded"] == 1) & (waited["volume"] > 0.0)).any()
