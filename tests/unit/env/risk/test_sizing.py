"""Sizes by volatility by hand, and by Kelly's rules against computations of their own over whole sessions."""

import math

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import BUY, HOLD
from intraday_rl.env.risk import InverseVolatility, KellyFraction, LiteralKelly, MaxUnits, VolatilityBudget
from intraday_rl.env.risk.sizing import inverse_volatility, kelly_fraction, literal_kelly, volatility_budget
from tests.support.full_rules import full_batch
from tests.support.rows import account_row, bar_row, own_memory
from tests.support.tapes import make_tape
from tests.unit.env.risk.hand_account import bars_of, column
from tests.unit.env.sessions.hand_market import play

CAPITAL = 50_000.0
PLENTY = {"units": MaxUnits(units=10**6)}


@pytest.mark.parametrize(
    ("volatility", "nav", "multiplier", "expected"),
    [
        (0.05, 50_000.0, 1.0, 127.593),  # 4 % of 50,000 / (0.05 * sqrt(98,280)) = 2,000 / 15.67482
        (0.10, 50_000.0, 1.0, 63.796),
        (0.05, 25_000.0, 1.0, 63.796),
        (0.05, 50_000.0, 5.0, 25.5185),
        (0.0, 50_000.0, 1.0, math.inf),
    ],
)
def test_volatility_budget_is_nav_by_the_unit_s_annual_move(volatility, nav, multiplier, expected):
    account, bar = account_row(nav=nav), bar_row(volatility=volatility)
    answer = volatility_budget(VolatilityBudget(0.04), account, bar, multiplier, own_memory())
    assert answer == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("calm", "volatility", "expected"),
    [
        (0.04, 0.04, 300.0),
        (0.04, 0.06, 200.0),
        (0.04, 0.12, 100.0),
        (0.04, 0.30, 100.0),  # never below the floor
        (0.04, 0.02, 300.0),  # nor above the most
        (0.0, 0.05, 100.0),
        (0.04, 0.0, 300.0),
    ],
)
def test_inverse_volatility_is_clipped_between_floor_and_most(calm, volatility, expected):
    bar = bar_row(calm_volatility=calm, volatility=volatility)
    answer = inverse_volatility(InverseVolatility(100, 300), account_row(), bar, 1.0, own_memory())
    assert answer == pytest.approx(expected, rel=1e-14)


def wild_closes(seed, num_bars=120):
    """Return closes whose bars move by tenths: Kelly's fraction is then small enough to lie below its cap."""
    rng = np.random.default_rng(seed)
    return 100.0 * np.exp(np.cumsum(0.03 + 0.25 * rng.standard_normal(num_bars)))


def wild_batch(closes, sessions=1, **kelly):
    rule = KellyFraction(**({"max_fraction": 0.25, "equity_scaling": 1.0, "min_bars": 30} | kelly))
    closes = closes.tolist()
    session = bars_of(len(closes), close=closes, open=[closes[0], *closes[:-1]])
    return full_batch(make_tape([session] * sessions), limits=PLENTY, entries={"kelly": rule})


def shrunk(results):
    """Return m / v * max(0, 1 - 1 / t^2) of these returns, 0 where m <= 0, t = m / sqrt(v / n)."""
    mean, variance = np.mean(results), np.var(results, ddof=1)
    if mean <= 0.0:
        return 0.0
    t = mean / math.sqrt(variance / len(results))
    return mean / variance * max(0.0, 1.0 - 1.0 / t**2)


def thirty_bars(bars, trips):
    return bars >= 30


def thirty_trips(bars, trips):
    return trips >= 30


def expected_sizes(steps, closes, enough, *, cap=0.25, scaling=1.0):
    """Return the sizes after each step and the fractions of NAV behind them, from the account's NAV and positions."""
    results, sizes, fractions = [], [], []
    nav, notional = CAPITAL, 0.0
    for step, close in zip(steps, closes[1:], strict=False):
        now = abs(step["position"]) * close
        if max(now, notional) > 0.0:
            results.append((step["nav"] - nav) / max(now, notional))
        nav, notional = step["nav"], now
        fraction = min(cap, shrunk(results)) if enough(len(results), step["round_trips"]) else cap
        fractions.append(fraction)
        sizes.append(math.floor(fraction * scaling * nav / close))
    return sizes, np.array(fractions)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kelly_follows_the_results_of_the_session(seed):
    closes = wild_closes(seed)
    # In and out by chance for a while, then held: what is held stays, the size that it would have now moves on.
    script = np.random.default_rng(seed).integers(0, 3, 60).tolist() + [BUY] * 50
    steps = play(wild_batch(closes), script)
    sizes, fractions = expected_sizes(steps, closes, thirty_bars)
    assert column(steps, "size") == sizes
    assert (fractions[-40:] < 0.25).any()


def test_kelly_is_between_nothing_and_its_cap_in_one_session_or_another():
    seen = []
    for seed in range(6):
        closes = wild_closes(seed)
        steps = play(wild_batch(closes), [BUY] * 110)
        sizes, fractions = expected_sizes(steps, closes, thirty_bars)
        assert column(steps, "size") == sizes
        seen.append(fractions[30:])
    seen = np.concatenate(seen)
    assert (seen == 0.0).any()
    assert (seen == 0.25).any()
    assert ((seen > 0.0) & (seen < 0.25)).sum() > 20


def test_kelly_believes_thirty_round_trips_as_well_as_many_bars():
    closes = wild_closes(5)
    steps = play(wild_batch(closes, min_bars=10**9), [BUY, HOLD] * 40)
    sizes, fractions = expected_sizes(steps, closes, thirty_trips)
    assert column(steps, "size") == sizes
    assert (fractions[:59] == 0.25).all()
    assert steps[59]["round_trips"] == 30
    assert (fractions[59:] < 0.25).all()


def test_kelly_scales_last():
    closes = wild_closes(0)
    steps = play(wild_batch(closes, max_fraction=0.5, equity_scaling=0.5), [BUY] * 110)
    sizes, _ = expected_sizes(steps, closes, thirty_bars, cap=0.5, scaling=0.5)
    assert column(steps, "size") == sizes


def test_kelly_knows_nothing_at_a_session_s_start():
    closes = 100.0 * 0.9 ** np.arange(40)  # a tenth is lost every bar, so after 30 bars nothing is allowed
    batch = wild_batch(closes, sessions=2)
    steps = play(batch, [BUY] * 76)
    first, second = column(steps[:38], "size"), column(steps[38:], "size")
    assert [step["ended"] for step in steps] == ([0] * 37 + [1]) + ([0] * 37 + [1])
    assert first == second
    assert first[28] > 0
    assert first[29:] == [0] * 9


def test_kelly_forgets_what_a_session_that_broke_off_was_holding():
    memory = own_memory()
    memory["window"][0] = 10_000.0
    kelly_fraction(KellyFraction(0.25, 1.0, 30), account_row(steps=0), bar_row(), 1.0, memory)
    assert (memory["first"], memory["window"][0]) == (0.0, 0.0)


def test_kelly_counts_the_bar_of_an_exit_with_what_was_held_before():
    # 100 units at 100 USD: 10 USD are lost while they are held and 10 at their exit; the flat bar does not count.
    memory, rule = own_memory(), KellyFraction(0.25, 1.0, 30)
    for fields in (
        {"steps": 0},
        {"steps": 1, "position": 100.0, "nav": 49_990.0},
        {"steps": 2, "position": 0.0, "nav": 49_980.0},
        {"steps": 3, "position": 0.0, "nav": 49_980.0},
    ):
        kelly_fraction(rule, account_row(**fields), bar_row(close=100.0), 1.0, memory)
    assert (memory["first"], memory["second"]) == (2.0, pytest.approx(-0.001, rel=1e-12))


def literal(navs, rule, close=100.0, multiplier=1.0):
    """Return the fraction of NAV that LiteralKelly allows after each of these NAVs."""
    memory, bar = own_memory(), bar_row(close=close)
    fractions = []
    for step, nav in enumerate(navs):
        units = literal_kelly(rule, account_row(steps=step, nav=nav), bar, multiplier, memory)
        fractions.append(units * close * multiplier / nav)
    return np.array(fractions)


def moving_averages(changes):
    """Return exponentially weighted mean and variance over 30 bars, beginning with 0, after each change."""
    alpha, mean, variance, rows = 2.0 / 31.0, 0.0, 0.0, []
    for change in changes:
        variance = (1.0 - alpha) * (variance + alpha * (change - mean) ** 2)
        mean = alpha * change + (1.0 - alpha) * mean
        rows.append((mean, variance))
    return rows


def test_literal_kelly_is_the_documents_rule():
    rng = np.random.default_rng(3)
    changes = rng.normal(0.5, 2.0, 200)
    navs = CAPITAL + np.concatenate([[0.0], np.cumsum(changes)])
    fractions = literal(navs, LiteralKelly(max_fraction=0.25, equity_scaling=0.5))
    rows = moving_averages(np.diff(navs))
    expected = [0.25 if bar < 29 else min(0.25, max(0.0, m) / v) for bar, (m, v) in enumerate(rows)]
    np.testing.assert_allclose(fractions, 0.5 * np.array([0.25, *expected]), rtol=1e-9)
    assert 0.0 in expected[29:]
    assert 0.25 in expected[29:]
    assert any(0.0 < value < 0.25 for value in expected[29:])


NUM_NOISE = 3_000 if JIT_DISABLED else 20_000


def test_literal_kelly_is_a_sign_filter_on_returns_and_depends_on_the_currency():
    """On noise of the size of one-minute returns: at the cap or at 0, hardly ever between (SPEC B24)."""
    returns = np.random.default_rng(4).normal(0.0, 4.5e-4, NUM_NOISE)
    rule = LiteralKelly(max_fraction=0.25, equity_scaling=1.0)
    path = np.concatenate([[0.0], np.cumsum(returns)])
    fractions = literal(1.0 + path, rule)[31:]  # an account of 1 USD: its profit is its return
    at_cap, at_zero = np.isclose(fractions, 0.25, rtol=1e-9), fractions == 0.0
    assert np.mean(at_cap) == pytest.approx(0.5, abs=0.1)
    assert np.mean(at_zero) == pytest.approx(0.5, abs=0.1)
    assert np.mean(~at_cap & ~at_zero) < 0.002
    # The same market in a currency of which one USD is 50,000: mean by variance is 50,000 times smaller.
    dearer = literal(50_000.0 * (1.0 + path), rule)[31:]
    assert np.mean(np.isclose(dearer, 0.25, rtol=1e-9)) < 0.001
    np.testing.assert_array_equal(dearer > 0.0, fractions > 0.0)


def test_literal_kelly_allows_nothing_after_half_an_hour_without_profit():
    fractions = literal(np.full(40, CAPITAL), LiteralKelly(0.25, 1.0))
    assert fractions.tolist() == pytest.approx([0.25] * 30 + [0.0] * 10, rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (VolatilityBudget(0.0), "annual_volatility"),
        (VolatilityBudget(1.5), "annual_volatility"),
        (InverseVolatility(0, 300), "least_units"),
        (InverseVolatility(301, 300), "most_units"),
        (KellyFraction(0.0, 1.0, 200), "max_fraction"),
        (KellyFraction(0.25, 0.0, 200), "equity_scaling"),
        (KellyFraction(0.25, 1.0, 29), "min_bars"),
        (LiteralKelly(1.01, 1.0), "max_fraction"),
        (LiteralKelly(0.25, -1.0), "equity_scaling"),
    ],
)
def test_sizing_refuses_impossible_parameters(rule, name):
    with pytest.raises(ParameterError, match=rf"{type(rule).__name__}\.{name} must be"):
        rule.check()
