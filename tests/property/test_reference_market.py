"""The environment against the reference written anew in `tests.support.reference_market`, bar by bar.

Random tapes with quotes, gaps, thin bars and every cost; random actions that often repeat, so that positions are held
and remainders carried. Orders that take a minute or more have a test of their own, in which bars take any order and the
accounts want to be flat some bars before they have to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import Continuous, DiscreteTarget
from intraday_rl.env.episodes import NOISE_SIZE, draw_noise
from intraday_rl.env.risk import FlatBeforeClose, MaxUnits
from intraday_rl.market.advance import Execution
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import KyleImpact, SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import QuotedSpread, WideningSpread
from intraday_rl.market.tape import Tape
from tests.property.test_accounting import Ledger, play
from tests.support.full_rules import full_batch
from tests.support.reference_market import ReferenceBar, ReferenceRules, trade_session
from tests.support.tapes import make_fill, random_tape

NUM_EXAMPLES = 5 if JIT_DISABLED else 30
EXAMPLES = settings(max_examples=NUM_EXAMPLES, deadline=None)
MINUTES, NUM_ENVS, UNITS, FLAT_MINUTES = 40, 4, 200, 3
CAPITAL = 50_000.0

seeds = st.integers(0, 2**20)
parameters = st.fixed_dictionaries(
    {
        "continuous": st.booleans(),
        "multiplier": st.sampled_from([1.0, 5.0]),
        "base_spread": st.sampled_from([0.0, 0.01, 0.3]),
        "widest": st.sampled_from([1.0, 1.5, 5.0]),
        "spread_multiple": st.sampled_from([1.0, 2.0]),
        "root_coefficient": st.floats(0.0, 2.0),
        "lambda_multiple": st.floats(0.0, 3.0),
        "slow_share": st.sampled_from([0.0, 0.5, 0.8]),
        "slow_kept": st.sampled_from([0.7, 0.9]),
        "fast_kept": st.sampled_from([0.0, 0.5]),
        "volume_share": st.sampled_from([0.01, 0.05, 1.0]),
        "max_carried_bars": st.integers(0, 3),
        "reject_multiple": st.sampled_from([0.1, 3.0]),
        "urgent_spreads": st.sampled_from([1.0, 3.0]),
        "per_unit": st.sampled_from([0.0, 0.005]),
        "order_minimum": st.sampled_from([0.0, 1.0]),
        "cap_fraction": st.sampled_from([1e-4, 0.01]),
    }
)
FADING = {"root_coefficient": 0.0}
ROOT = {"lambda_multiple": 0.0, "slow_share": 0.0, "slow_kept": 0.0, "fast_kept": 0.0, "widest": 1.0}


class Case(NamedTuple):
    """What the environment did with four accounts in their first session, and what the reference says."""

    ledger: Ledger
    reference: list[list[ReferenceBar]]  # by account and step


def rules_of(chosen: dict[str, Any]) -> ReferenceRules:
    return ReferenceRules(capital=CAPITAL, units=float(UNITS), flat_minutes=FLAT_MINUTES, **chosen)


def execution_of(rules: ReferenceRules, latency: UniformLatency) -> Execution:
    spread: Any = WideningSpread(rules.base_spread, rules.widest, rules.spread_multiple)
    impact: Any = KyleImpact(rules.lambda_multiple, rules.slow_share, rules.slow_kept, rules.fast_kept)
    if rules.slow_kept == 0.0:
        spread = QuotedSpread(rules.base_spread, rules.spread_multiple)
        impact = SquareRootImpact(rules.root_coefficient)
    fill = make_fill(
        max_volume_fraction=rules.volume_share,
        max_carried_bars=rules.max_carried_bars,
        reject_multiple=rules.reject_multiple,
        urgent_spreads=rules.urgent_spreads,
    )
    commission = PerUnitCommission(rules.per_unit, rules.order_minimum, rules.cap_fraction)
    return Execution(Contract(rules.multiplier), latency, spread, impact, fill, commission)


def noisy_tape(seed: int) -> Tape:
    """Return a tape with every cost, whose usual volume varies; blackouts are the risk rules' business."""
    tape = random_tape(num_sessions=3, minutes=MINUTES, num_features=2, seed=seed)
    tape.rows["typical_volume"] = np.random.default_rng(seed).uniform(500.0, 4_000.0, len(tape.rows))
    tape.rows["blackout"] = 0
    return tape


def draw_actions(seed: int, continuous: bool, flat_from: int) -> Any:
    """Return actions that stay for some bars, and ask to be flat from a bar on, (MINUTES, NUM_ENVS)."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice([-1.0, -0.5, -0.335, 0.0, 0.25, 1.0], (MINUTES, NUM_ENVS))
    actions = drawn if continuous else rng.integers(0, 3, (MINUTES, NUM_ENVS)).astype(np.float64)
    for i in np.flatnonzero(rng.random(MINUTES) < 0.6):
        actions[i] = actions[i - 1] if i else actions[i]
    actions[flat_from:] = 0.0 if continuous else 1.0
    return actions


def play_both(tape: Tape, rules: ReferenceRules, latency: UniformLatency, seed: int, flat_from: int = MINUTES) -> Case:
    batch = full_batch(
        tape,
        NUM_ENVS,
        seed,
        actions=Continuous() if rules.continuous else DiscreteTarget(),
        execution=execution_of(rules, latency),
        limits={"units": MaxUnits(UNITS)},
        exits={"session_close": FlatBeforeClose(FLAT_MINUTES)},
    )
    actions = draw_actions(seed, rules.continuous, flat_from)
    ledger = play(batch, actions)
    noise, names = draw_noise(seed), tape.rows.dtype.names
    reference = []
    for n in range(NUM_ENVS):
        start = ledger.before[0, n]
        rows = tape.rows[start["bar"] : start["last_bar"] + 1]
        bars = [dict(zip(names, row.tolist(), strict=True)) for row in rows]
        draws = noise[(start["noise_cursor"] + np.arange(MINUTES)) % NOISE_SIZE]
        latencies = latency.low_ms + draws * (latency.high_ms - latency.low_ms)
        reference.append(trade_session(rules, bars, actions[:, n].tolist(), latencies.tolist()))
    return Case(ledger, reference)


FILL = {
    "arrived": "ordered",
    "filled": "quantity",
    "price": "price",
    "commission": "commission_usd",
    "spread": "spread_usd",
    "impact": "impact_usd",
    "latency": "latency_usd",
}
ACCOUNT = {"closed": "closed_usd", "cash": "cash", "position": "position", "nav": "nav"}


def compare(case: Case, fill: dict[str, str] = FILL) -> None:
    """Fail where the environment differs from the reference by more than 1e-9, or ends elsewhere."""
    for n, bars in enumerate(case.reference):
        steps = slice(0, len(bars))
        for records, names in ((case.ledger.fill, fill), (case.ledger.after, ACCOUNT)):
            for mine, other in names.items():
                expected = [getattr(bar, mine) for bar in bars]
                np.testing.assert_allclose(records[other][steps, n], expected, rtol=1e-13, atol=1e-9, err_msg=other)
        ended = case.ledger.ended[steps, n]
        assert ended[-1]
        assert not ended[:-1].any()
        assert bool(case.ledger.after["terminated"][steps, n][-1]) == bars[-1].over


@EXAMPLES
@given(seed=seeds, chosen=parameters, low=st.floats(0.0, 30_000.0), more=st.floats(0.0, 29_999.0))
def test_environment_equals_the_reference_with_impact_that_fades(seed, chosen, low, more):
    compare(play_both(noisy_tape(seed), rules_of(chosen | FADING), UniformLatency(low, low + more), seed))


@EXAMPLES
@given(seed=seeds, chosen=parameters, low=st.floats(0.0, 30_000.0), more=st.floats(0.0, 29_999.0))
def test_environment_equals_the_reference_with_the_square_root(seed, chosen, low, more):
    compare(play_both(noisy_tape(seed), rules_of(chosen | ROOT), UniformLatency(low, low + more), seed))


@EXAMPLES
@given(seed=seeds, chosen=parameters, latency=st.floats(60_000.0, 299_999.0))
def test_environment_equals_the_reference_when_orders_take_minutes(seed, chosen, latency):
    tape = noisy_tape(seed)
    tape.rows["traded"], tape.rows["volume"] = 1, 1e6
    rules = rules_of(chosen | FADING | {"volume_share": 1.0, "reject_multiple": 3.0, "urgent_spreads": 1.0})
    slow_fill = {mine: other for mine, other in FILL.items() if mine != "latency"}  # see `test_slow_orders`
    compare(play_both(tape, rules, UniformLatency(latency, latency), seed), slow_fill)


def example(**changes: Any) -> Case:
    chosen = {
        "continuous": False,
        "multiplier": 1.0,
        "base_spread": 0.01,
        "widest": 5.0,
        "spread_multiple": 1.0,
        "root_coefficient": 0.0,
        "lambda_multiple": 1.0,
        "slow_share": 0.5,
        "slow_kept": 0.7,
        "fast_kept": 0.5,
        "volume_share": 0.05,
        "max_carried_bars": 1,
        "reject_multiple": 0.1,
        "urgent_spreads": 3.0,
        "per_unit": 0.005,
        "order_minimum": 1.0,
        "cap_fraction": 0.01,
    }
    return play_both(noisy_tape(1), rules_of(chosen | changes), UniformLatency(50.0, 5_000.0), 1)


def test_example_meets_what_the_comparison_is_about():
    """Parts, rejects, cancelled remainders, both sides, fading impact that pays back, and the forced exit occur."""
    bars = [bar for account in example().reference for bar in account]
    assert any(0 < abs(bar.filled) < abs(bar.arrived) for bar in bars)
    assert any(bar.arrived != 0 == bar.filled for bar in bars)
    assert {bar.filled > 0 for bar in bars if bar.filled} == {True, False}
    assert any(bar.impact < 0 for bar in bars)
    assert any(bar.closed != 0 for bar in bars)
    assert all(account[-1].over for account in example().reference)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_spread", 0.011),
        ("widest", 1.5),
        ("lambda_multiple", 1.01),
        ("slow_share", 0.6),
        ("slow_kept", 0.71),
        ("fast_kept", 0.49),
        ("volume_share", 0.06),
        ("max_carried_bars", 2),
        ("reject_multiple", 3.0),
        ("urgent_spreads", 2.0),
        ("per_unit", 0.006),
        ("order_minimum", 0.9),
        ("cap_fraction", 1e-4),
    ],
)
def test_comparison_sees_a_parameter_that_differs(name, value):
    """The comparison is worth nothing unless it fails: the reference under slightly other rules."""
    case, other = example(), example(**{name: value})
    compare(case)
    with pytest.raises(AssertionError):
        compare(case._replace(reference=other.reference))
