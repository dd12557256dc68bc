"""No manipulation (SPEC D3.3): where the mid stands still, nobody earns by pushing the price with orders of their own.

Thousands of accounts trade random closed sequences of 2 to 8 orders, one after the other, with random pauses and sizes
from a unit to a thousand. Spread and commission are 0, so that impact alone is paid. Whenever an account is flat it may
not have gained since its session began. In two markets that should not be the search finds a gain: with impact by the
square root that fades, and with lambdas that jump.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.data import read_bars, to_grid
from intraday_rl.env.actions import Continuous
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.risk import MaxUnits
from intraday_rl.market import impact
from intraday_rl.market.impact import KyleImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.liquidity import kyle_lambda
from intraday_rl.market.spreads import WideningSpread
from tests.support.full_rules import full_batch
from tests.support.real_data import data_folder
from tests.support.tapes import make_execution, make_tape

ACCOUNTS = 10 if JIT_DISABLED else 600  # plain Python is a hundred times slower
MOST_ACCOUNTS = 10 if JIT_DISABLED else 6_000
UNITS, MINUTES, MOST_LEGS = 1_000, 390, 8
KYLE = KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5)
LASTING = KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.94, fast_kept=0.9)
STILL = make_tape([[{"close": 100.0}] * MINUTES])


def still_tape(lambdas: Any) -> Any:
    """Return sessions at 100.00 with the given lambdas, (S, MINUTES)."""
    sessions = len(lambdas)
    rows = STILL.rows[np.tile(np.arange(MINUTES), sessions)].copy().view(type(STILL.rows))
    rows["kyle_lambda"] = np.ravel(lambdas)
    last = MINUTES * np.arange(1, sessions + 1) - 1
    return replace(
        STILL,
        rows=rows,
        features=np.tile(STILL.features, (sessions, 1)),
        first_row=last - MINUTES + 1,
        last_row=last,
        dates=STILL.dates[0] + np.arange(sessions),
        end_ns=np.arange(len(rows)),
        symbol_of=np.zeros(sessions, dtype=np.int64),
    )


def closed_sequences(num_accounts: int, seed: int) -> Any:
    """Return targets as fractions of `UNITS`, (MINUTES, num_accounts): flat again after 2 to 8 orders, and so on."""
    rng = np.random.default_rng(seed)
    pace = rng.uniform(0.05, 1.0, num_accounts)  # orders a bar
    left = np.zeros(num_accounts)
    target, targets = np.zeros(num_accounts), np.zeros((MINUTES, num_accounts))
    for minute in range(MINUTES):
        acts = rng.random(num_accounts) < pace
        left = np.where(acts & (left == 0), rng.integers(2, MOST_LEGS + 1, num_accounts), left)
        sizes = np.floor(np.exp(rng.uniform(0.0, math.log(UNITS + 1.0), num_accounts)))
        step = sizes * rng.choice([-1.0, 1.0], num_accounts)
        drawn = np.clip(np.where(rng.random(num_accounts) < 0.5, target + step, step), -UNITS, UNITS)
        target = np.where(acts, np.where(left == 1, 0.0, drawn), target)
        left = left - acts
        targets[minute] = target
    return targets / UNITS


def gains(tape: Any, model: Any, num_accounts: int, seed: int, latency_ms: float = 0.0) -> Any:
    """Return what each account has gained so far, USD, at the closes at which it has just become flat."""
    execution = make_execution(
        impact=model,
        spread=WideningSpread(base_spread=0.0, widest=5.0, multiple=1.0),
        latency=UniformLatency(latency_ms, latency_ms),
    )
    batch: BatchEnv = full_batch(
        tape, num_accounts, seed, execution=execution, actions=Continuous(), limits={"units": MaxUnits(UNITS)}
    )
    sessions = np.arange(num_accounts) % len(tape.dates)
    batch.assign(sessions, np.zeros(num_accounts, dtype=np.int64))
    observations, found = batch.reset(), []
    for row in closed_sequences(num_accounts, seed)[: MINUTES - 3]:
        if batch.step(row, observations):
            raise AssertionError("the session is over before its orders are")
        flat = (batch.accounts["position"] == 0.0) & (batch.fills["quantity"] != 0.0)
        found.append(batch.accounts["nav"][flat] - batch.accounts["start_nav"][flat])
    return np.concatenate(found)


def check(found: Any, num_accounts: int) -> None:
    """Fail if one of the sequences ended with a gain; rounding is of cash up to 100,000 USD."""
    assert len(found) > 5 * num_accounts
    assert found.max() <= 1e-7
    assert np.median(found) < -1.0


@pytest.mark.parametrize("model", [KYLE, LASTING], ids=["fading", "lasting"])
def test_closed_sequences_never_earn_with_a_constant_lambda(model):
    tape = still_tape(np.full((1, MINUTES), 1e-4))
    check(gains(tape, model, ACCOUNTS, seed=1), ACCOUNTS)


@pytest.mark.parametrize("latency_ms", [15_000.0, 90_000.0])
def test_closed_sequences_never_earn_with_slow_orders(latency_ms):
    tape = still_tape(np.full((1, MINUTES), 1e-4))
    check(gains(tape, KYLE, ACCOUNTS, seed=2, latency_ms=latency_ms), ACCOUNTS)


def real_lambdas() -> Any:
    """Return the lambdas of whole sessions, (S, MINUTES), of a liquid and of a thin name, scaled to 1e-4 at most."""
    found = []
    for name, symbol, sessions in (("spy-2024", "SPY", 40), ("midcaps-2024", "FICO", 40)):
        bars = to_grid(read_bars(data_folder() / "bars-1m" / name / f"{symbol}.parquet"), symbol, "XNYS")
        bars = bars.take_sessions(1, sessions)
        lambdas = kyle_lambda(bars)
        firsts = bars.sessions.first[:-1][bars.sessions.minutes == MINUTES]
        days = np.stack([lambdas[first : first + MINUTES] for first in firsts])
        found.append(days[days.max(axis=1) > 0.0])
    return np.concatenate([1e-4 * days / days.max() for days in found])


@pytest.mark.parametrize("model", [KYLE, LASTING], ids=["fading", "lasting"])
def test_closed_sequences_never_earn_with_the_lambdas_of_real_days(model):
    tape = still_tape(real_lambdas())
    found = gains(tape, model, ACCOUNTS, seed=3)
    assert len(found) > 5 * ACCOUNTS
    assert found.max() <= 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
@pytest.mark.parametrize("model", [KYLE, LASTING], ids=["fading", "lasting"])
def test_long_search_finds_nothing(model, seed):
    for lambdas in (np.full((1, MINUTES), 1e-4), real_lambdas()):
        assert gains(still_tape(lambdas), model, MOST_ACCOUNTS, seed).max() <= 1e-7


class FadingSquareRoot(NamedTuple):
    """The model that should not be: impact by the square root, as Kyle's is, that fades."""

    lambda_root: float
    slow_kept: float
    fast_kept: float


@pytest.fixture
def fading_square_root(monkeypatch):
    """Return a function that makes the broken model; it is known to the market during one test only."""

    def half(params, quantity, decision):
        return 0.5 * params.lambda_root * math.sqrt(quantity)

    def left(params, quantity, decision):
        pushed = params.lambda_root * math.copysign(math.sqrt(abs(quantity)), quantity)
        return 0.5 * pushed, 0.5 * pushed

    def kept(params):
        return params.slow_kept, params.fast_kept

    for step, function in ((impact.temporary_impact, half), (impact.impact_left, left), (impact.impact_kept, kept)):
        monkeypatch.setitem(step.model.implementations, FadingSquareRoot, function)
    return FadingSquareRoot


@pytest.mark.slow
def test_search_finds_the_gain_in_a_square_root_that_fades(fading_square_root):
    """Many small orders push the price further than one large one pushes it back (Gatheral 2010)."""
    model = fading_square_root(lambda_root=1e-3, slow_kept=0.94, fast_kept=0.9)
    found = gains(still_tape(np.zeros((1, MINUTES))), model, ACCOUNTS, seed=4)
    assert found.max() > 0.1


def test_search_finds_the_gain_in_lambdas_that_jump():
    """Push the price up where it takes little, sell where a sale moves nothing."""
    lambdas = np.where(np.random.default_rng(4).random((4, MINUTES)) < 0.5, 1e-4, 1e-6)
    assert gains(still_tape(lambdas), KYLE, ACCOUNTS, seed=4).max() > 0.1
