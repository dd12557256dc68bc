"""The OU oracle against the published table of market A, closed forms and hand arithmetic.

Conventions: USD per share per session. Monte Carlo means are compared within three standard errors of the run.
Published figures carry half a unit of their last digit on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.support import ou_oracle
from tests.support.ou_oracle import MARKET_A, OuProblem, OuSolution, Policy, SimulatedSessions

SD = 0.05 / math.sqrt(1.0 - 0.81)
DELAYED = replace(MARKET_A, fill_delay_bars=1)
STEP = replace(MARKET_A, semantics="step")
OPTIMA = [(MARKET_A, 2.484), (DELAYED, 2.163), (STEP, 2.419)]
OPTIMUM_NAMES = ["target", "delayed", "step"]
HALF_DIGIT = 0.0005
FAST_SESSIONS = 10_000
SLOW_SESSIONS = 100_000


@cache
def solution(problem: OuProblem, nodes: int = ou_oracle.DEFAULT_NODES) -> OuSolution:
    return ou_oracle.solve(problem, nodes)


@cache
def optimal_sessions() -> SimulatedSessions:
    rng = np.random.default_rng(11)
    return ou_oracle.simulate_sessions(MARKET_A, solution(MARKET_A).policy, FAST_SESSIONS, rng)


def standard_error(sample: np.ndarray[Any, Any]) -> float:
    return float(sample.std(ddof=1) / math.sqrt(sample.size))


def run_rule(rule: Policy, num_sessions: int) -> tuple[float, float]:
    pnl = ou_oracle.simulate_sessions(MARKET_A, rule, num_sessions, np.random.default_rng(12)).pnl_usd
    return float(pnl.mean()), standard_error(pnl)


@pytest.mark.parametrize(("problem", "published"), OPTIMA, ids=OPTIMUM_NAMES)
def test_optimum_equals_table(problem: OuProblem, published: float) -> None:
    assert solution(problem, 601).value_usd == pytest.approx(published, abs=HALF_DIGIT)


@pytest.mark.parametrize("problem", [problem for problem, _ in OPTIMA], ids=OPTIMUM_NAMES)
def test_optimum_agrees_between_grids(problem: OuProblem) -> None:
    assert solution(problem).value_usd == pytest.approx(solution(problem, 601).value_usd, rel=0.0008)


@pytest.mark.slow
def test_optimum_agrees_with_finest_grid() -> None:
    assert solution(MARKET_A).value_usd == pytest.approx(solution(MARKET_A, 1201).value_usd, rel=0.0008)


def test_optimal_policy_earns_the_table_value_and_sd() -> None:
    pnl = optimal_sessions().pnl_usd
    assert pnl.mean() == pytest.approx(2.484, abs=3 * standard_error(pnl) + HALF_DIGIT)
    # The s.e. of a sd is sd / sqrt(2 n) for a near-normal sample.
    assert pnl.std(ddof=1) == pytest.approx(0.577, abs=3 * 0.577 / math.sqrt(2 * pnl.size) + HALF_DIGIT)


def test_optimal_policy_trades_the_table_units() -> None:
    units = optimal_sessions().units_traded
    assert units.mean() == pytest.approx(34.3, abs=3 * standard_error(units) + 0.05)


def test_optimal_band_is_the_table_band() -> None:
    x = np.linspace(0.0, 2.0 * SD, 4001)
    reversal = x[np.argmax(solution(MARKET_A).policy(192, x, 1) == -1)]
    mirrored = -x[np.argmax(solution(MARKET_A).policy(192, -x, -1) == 1)]
    assert reversal == pytest.approx(0.60 * SD, abs=0.02 * SD)
    assert mirrored == pytest.approx(-reversal, abs=0.001 * SD)


@pytest.mark.parametrize("problem", [DELAYED, STEP], ids=OPTIMUM_NAMES[1:])
def test_variant_policy_earns_its_value(problem: OuProblem) -> None:
    pnl = solution(problem).simulate(solution(problem).policy, FAST_SESSIONS, np.random.default_rng(13))
    assert pnl.mean() == pytest.approx(solution(problem, 601).value_usd, abs=3 * standard_error(pnl))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [problem for problem, _ in OPTIMA], ids=OPTIMUM_NAMES)
def test_policy_earns_its_value_closely(problem: OuProblem) -> None:
    pnl = solution(problem).simulate(solution(problem).policy, SLOW_SESSIONS, np.random.default_rng(14))
    assert pnl.mean() == pytest.approx(solution(problem, 601).value_usd, abs=3 * standard_error(pnl))


@pytest.mark.parametrize(
    ("rule", "published", "digits"),
    [
        (ou_oracle.do_nothing_rule, 0.0, 3),
        (ou_oracle.buy_and_hold_rule, -0.040, 3),
        (ou_oracle.threshold_rule(SD, 0.0), 2.126, 3),
        (ou_oracle.threshold_rule(0.6 * SD, 0.0), 2.195, 3),
        (ou_oracle.threshold_rule(1.5 * SD, 0.0), 1.658, 3),
        (ou_oracle.flip_rule(0.6 * SD), 2.480, 3),
        (ou_oracle.reversion_rule, 1.278, 3),
        (ou_oracle.momentum_rule, -5.78, 2),
        (ou_oracle.uniform_random_rule(np.random.default_rng(15)), -6.86, 2),
    ],
    ids=["nothing", "hold", "enter_1", "enter_0.6", "enter_1.5", "flip_0.6", "reversion", "momentum", "random"],
)
def test_rule_earns_the_table_value(rule: Policy, published: float, digits: int) -> None:
    mean, error = run_rule(rule, FAST_SESSIONS)
    assert mean == pytest.approx(published, abs=3 * error + 0.5 * 10.0**-digits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ou_oracle.buy_and_hold_rule, ou_oracle.buy_and_hold_expected_usd(MARKET_A)),
        (ou_oracle.reversion_rule, ou_oracle.sign_rule_expected_usd(MARKET_A, -1)),
        (ou_oracle.momentum_rule, ou_oracle.sign_rule_expected_usd(MARKET_A, 1)),
        (
            ou_oracle.uniform_random_rule(np.random.default_rng(16)),
            ou_oracle.uniform_random_expected_usd(MARKET_A),
        ),
    ],
    ids=["hold", "reversion", "momentum", "random"],
)
def test_rule_earns_its_closed_form(rule: Policy, expected: float) -> None:
    mean, error = run_rule(rule, SLOW_SESSIONS)
    assert mean == pytest.approx(expected, abs=3 * error)


def test_closed_forms_equal_table() -> None:
    assert ou_oracle.do_nothing_expected_usd(MARKET_A) == 0.0
    assert ou_oracle.buy_and_hold_expected_usd(MARKET_A) == pytest.approx(-0.040)
    assert ou_oracle.buy_and_hold_sd_usd(MARKET_A) == pytest.approx(0.162, abs=HALF_DIGIT)
    assert ou_oracle.sign_rule_expected_usd(MARKET_A, -1) == pytest.approx(1.278, abs=0.001)


def test_buy_and_hold_has_the_closed_form_sd() -> None:
    pnl = ou_oracle.simulate_sessions(
        MARKET_A, ou_oracle.buy_and_hold_rule, FAST_SESSIONS, np.random.default_rng(17)
    ).pnl_usd
    # x_T - x_0 is exactly normal, so the s.e. of its sd is sd / sqrt(2 n).
    sd = ou_oracle.buy_and_hold_sd_usd(MARKET_A)
    assert pnl.std(ddof=1) == pytest.approx(sd, abs=3 * sd / math.sqrt(2 * pnl.size))


@pytest.mark.parametrize(("problem", "published"), [(MARKET_A, 3.5237), (DELAYED, 3.1631)], ids=OPTIMUM_NAMES[:2])
def test_free_trading_equals_the_closed_form(problem: OuProblem, published: float) -> None:
    free = replace(problem, cost_usd=0.0)
    assert ou_oracle.frictionless_optimum_usd(free) == pytest.approx(published, abs=0.00005)
    assert solution(free, 601).value_usd == pytest.approx(published, rel=0.0001)


def test_single_decision_equals_the_option_formula() -> None:
    # One bar pays max(0, (1 - phi) |x| - 2 c): a straddle of normal x with strike a = 2 c / (1 - phi).
    problem = replace(MARKET_A, cost_usd=0.004, decisions=1)
    strike = 0.08 / SD
    density = math.exp(-0.5 * strike**2) / math.sqrt(2.0 * math.pi)
    tail = 0.5 * math.erfc(strike / math.sqrt(2.0))
    expected = 2.0 * (0.1 * SD * density - 0.008 * tail)
    assert solution(problem, 1201).value_usd == pytest.approx(expected, rel=0.0005)


def test_step_semantics_is_free_of_loss_when_one_bar_remains() -> None:
    # From flat a single decision never needs more than one unit.
    target = replace(MARKET_A, cost_usd=0.004, decisions=1)
    assert solution(replace(target, semantics="step")).value_usd == pytest.approx(solution(target).value_usd, rel=1e-12)


def test_prohibitive_cost_leaves_doing_nothing() -> None:
    problem = replace(MARKET_A, cost_usd=10.0)
    assert solution(problem).value_usd == pytest.approx(0.0, abs=1e-6)
    assert np.all(solution(problem).policy(0, np.linspace(-SD, SD, 11), 0) == 0)


def test_value_falls_with_cost_delay_and_step() -> None:
    values = [solution(replace(MARKET_A, cost_usd=cost)).value_usd for cost in (0.0, 0.01, 0.02, 0.05)]
    assert values == sorted(values, reverse=True)
    assert solution(DELAYED).value_usd < solution(STEP).value_usd < solution(MARKET_A).value_usd


@pytest.mark.parametrize(("phi", "sigma", "cost"), [(0.5, 0.02, 0.005), (0.97, 0.05, 0.03), (0.8, 1.0, 0.2)])
@pytest.mark.parametrize("delay", [0, 1, 2])
def test_other_markets_pay_their_value(phi: float, sigma: float, cost: float, delay: int) -> None:
    problem = OuProblem(phi, sigma, cost, decisions=60, semantics="target", fill_delay_bars=delay)
    optimum = solution(problem)
    pnl = optimum.simulate(optimum.policy, 5_000, np.random.default_rng(18))
    assert pnl.mean() == pytest.approx(optimum.value_usd, abs=3 * standard_error(pnl))


@pytest.mark.slow
def test_quarter_bars_equal_the_published_refinement() -> None:
    phi = MARKET_A.phi**0.25
    sigma = SD * math.sqrt(1.0 - phi**2)
    refined = OuProblem(phi, sigma, 0.02, decisions=4 * 385, semantics="target", fill_delay_bars=0)
    # 2.601 is the published limit of continuous trading.
    assert solution(refined, 601).value_usd == pytest.approx(2.553, abs=HALF_DIGIT)
    assert solution(refined, 601).value_usd < 2.601


@pytest.mark.parametrize("delay", [0, 1, 2])
@pytest.mark.parametrize("semantics", ["target", "step"])
def test_simulation_equals_hand_accounting(delay: int, semantics: Any) -> None:
    problem = OuProblem(0.9, 0.05, 0.02, decisions=5, semantics=semantics, fill_delay_bars=delay)
    script = [1, -1, -1, 0, 1]
    path: list[float] = []

    def scripted(t: int, x: ou_oracle.Floats, q: ou_oracle.Integers) -> ou_oracle.Integers:
        path.append(float(x[0]))
        return np.array([script[t]])

    outcome = ou_oracle.simulate_sessions(problem, scripted, 1, np.random.default_rng(19))
    # The path after the last decision comes from the same draws: one initial normal, then one per bar.
    path.append(0.9 * path[-1] + 0.05 * float(np.random.default_rng(19).standard_normal(6)[5]))
    ordered = [1, -1, -1, 0, 1] if semantics == "target" else [1, 0, -1, 0, 1]
    held = ([0] * delay + ordered)[:5]
    gross = sum(held[t] * (path[t + 1] - path[t]) for t in range(5))
    traded = sum(abs(after - before) for before, after in zip([0, *held], [*held, 0], strict=True))
    assert outcome.units_traded[0] == traded
    assert outcome.pnl_usd[0] == pytest.approx(gross - 0.02 * traded, abs=1e-12)


def test_policy_is_vectorised_over_time_deviation_and_position() -> None:
    times, x, q = np.array([0, 100, 384]), np.array([1.0, -1.0, 0.5]) * SD, np.array([0, 1, -1])
    policy = solution(STEP).policy
    together = policy(times, x, q)
    assert together.shape == (3,)
    assert together.tolist() == [int(policy(int(t), float(a), int(b))) for t, a, b in zip(times, x, q, strict=True)]


def test_step_policy_moves_at_most_one_unit() -> None:
    x = np.linspace(-5.0 * SD, 5.0 * SD, 201)
    for q in (-1, 1):
        assert np.max(np.abs(solution(STEP).policy(100, x, q) - q)) == 1
        assert np.max(np.abs(solution(MARKET_A).policy(100, x, q) - q)) == 2


def test_threshold_rule_leaves_at_the_exit() -> None:
    rule = ou_oracle.threshold_rule(1.0, 0.25)
    x = np.array([1.5, 0.5, 0.5, 0.2, -0.2, -1.5, -0.5])
    q = np.array([0, 0, -1, -1, -1, -1, 1])
    assert np.asarray(rule(0, x, q)).tolist() == [-1, 0, -1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"phi": 1.0},
        {"sigma_usd": 0.0},
        {"cost_usd": -0.01},
        {"semantics": "jump"},
        {"fill_delay_bars": 385},
        {"decisions": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_problem_refuses_values_outside_the_law(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"OuProblem\.\w+ must be"):
        replace(MARKET_A, **change)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: ou_oracle.solve(replace(MARKET_A, phi=0.9999)),
        lambda: ou_oracle.frictionless_optimum_usd(STEP),
        lambda: ou_oracle.uniform_random_expected_usd(STEP),
    ],
    ids=["coarse_grid", "optimum_under_step", "random_under_step"],
)
def test_oracle_refuses_what_it_cannot_answer(refused: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"raise nodes above 301|target semantics only"):
        refused()
