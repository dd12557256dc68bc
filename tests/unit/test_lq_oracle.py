"""The linear-quadratic oracle against the published figures, hand arithmetic and its own Monte Carlo.

Conventions: USD per share of a lot and session. Published figures carry half a unit of their last digit, and those that
are Monte Carlo means of their own their standard error.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.support import lq_oracle
from tests.support.lq_oracle import MARKET, LqSolution, SimulatedSessions, markowitz_rule, simulate, solve

SESSIONS = 20_000
PUBLISHED_ERROR = 0.0024


@cache
def solution() -> LqSolution:
    return solve(MARKET)


@cache
def optimal_sessions() -> SimulatedSessions:
    return simulate(MARKET, solution().policy, SESSIONS, np.random.default_rng(1))


def error(values: lq_oracle.Floats) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size))


def test_optimum_equals_the_published_value() -> None:
    assert solution().value_usd == pytest.approx(2.0840, abs=0.00005)


def test_policy_in_mid_session_is_the_published_one() -> None:
    # lambda^2 = a (lambda + gamma sigma^2 + a) has a = 0.01: keep 0.02 / 0.04, b = -1 / 11, aim -1 / 0.22.
    assert solution().keep[192] == pytest.approx(0.5, abs=1e-12)
    assert solution().aim[192] == pytest.approx(-4.545, abs=0.0005)
    assert solution().aim[192] == pytest.approx(-1.0 / 0.22, abs=1e-9)


def test_last_decision_by_hand() -> None:
    # Left are -0.1 x q - 0.01 (q - q0)^2 - 0.005 q^2 - 0.01 q^2, largest at q = (0.02 q0 - 0.1 x) / 0.05.
    assert solution().keep[-1] == pytest.approx(0.4, abs=1e-12)
    assert solution().aim[-1] == pytest.approx(-2.0, abs=1e-12)


def test_single_decision_earns_the_parabola() -> None:
    # Its largest value from flat is (0.1 x)^2 / (4 * 0.025) = 0.1 x^2; E[x^2] = 0.0025 / 0.19.
    assert solve(replace(MARKET, decisions=1)).value_usd == pytest.approx(0.1 * 0.0025 / 0.19, rel=1e-12)


def test_optimal_policy_earns_its_value() -> None:
    utility = optimal_sessions().utility_usd
    assert utility.mean() == pytest.approx(solution().value_usd, abs=3 * error(utility))
    assert utility.mean() == pytest.approx(2.0847, abs=3 * math.hypot(error(utility), PUBLISHED_ERROR))


def test_optimal_policy_earns_the_published_pnl() -> None:
    pnl = optimal_sessions().pnl_usd
    expected = lq_oracle.expected_pnl_usd(solution())
    assert expected == pytest.approx(3.909, abs=PUBLISHED_ERROR + 0.0005)
    assert pnl.mean() == pytest.approx(expected, abs=3 * error(pnl))


def test_cost_blind_policy_earns_the_published_value() -> None:
    utility = simulate(MARKET, markowitz_rule(MARKET), SESSIONS, np.random.default_rng(2)).utility_usd
    expected = lq_oracle.markowitz_expected_usd(MARKET)
    assert expected == pytest.approx(1.4975, abs=PUBLISHED_ERROR)
    assert utility.mean() == pytest.approx(expected, abs=3 * error(utility))


def test_no_other_line_is_better() -> None:
    """Policies near the best one earn less on the same noise."""
    best = optimal_sessions().utility_usd
    for keep, aim in ((0.45, -4.545), (0.55, -4.545), (0.5, -4.1), (0.5, -5.0), (0.0, -9.09)):
        line = simulate(MARKET, lambda t, x, q, k=keep, a=aim: k * q + a * x, SESSIONS, np.random.default_rng(1))
        gap = best - line.utility_usd
        assert gap.mean() > 3 * error(gap)


def test_free_trading_is_markowitz() -> None:
    free = replace(MARKET, cost_usd=0.0)
    # Each bar earns (1 - phi)^2 x^2 / (2 gamma sigma^2) = 0.5 E[x^2].
    assert solve(free).value_usd == pytest.approx(385 * 0.5 * 0.0025 / 0.19, rel=1e-12)
    assert solve(free).value_usd == pytest.approx(lq_oracle.markowitz_expected_usd(free), rel=1e-12)


def test_simulation_equals_hand_accounting() -> None:
    problem = replace(MARKET, decisions=2)
    path: list[float] = []

    def scripted(t: int, x: lq_oracle.Floats, q: lq_oracle.Floats) -> lq_oracle.Floats:
        path.append(float(x[0]))
        return np.array([1.0, -2.0][t : t + 1])

    outcome = simulate(problem, scripted, 1, np.random.default_rng(3))
    path.append(0.9 * path[-1] + 0.05 * float(np.random.default_rng(3).standard_normal(3)[2]))
    moves = 1.0 * (path[1] - path[0]) - 2.0 * (path[2] - path[1])
    paid = 0.01 * (1.0 + 9.0 + 4.0)  # into 1, to -2, out
    assert outcome.pnl_usd[0] == pytest.approx(moves - paid, abs=1e-12)
    assert outcome.utility_usd[0] == pytest.approx(moves - paid - 0.005 * (1.0 + 4.0), abs=1e-12)
    assert outcome.largest == 2.0
