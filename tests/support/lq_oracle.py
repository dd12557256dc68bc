"""Independent optimum of the linear-quadratic market of Garleanu and Pedersen (2013): Riccati recursion, Monte Carlo.

Conventions:
    The deviation of the mid from its mean is x, in USD per share: x_{t+1} = phi x_t + sigma eps, x_0 stationary.
    A session has T decisions, t = 0 .. T - 1, starts flat and is forced flat at x_T. That exit pays its cost too.
    The position q is any number of lots. With dq = q_t - q_{t-1} a bar is worth
        q_t (x_{t+1} - x_t) - (cost / 2) dq^2 - (risk_aversion / 2) sigma^2 q_t^2,
    the forced exit -(cost / 2) q_{T-1}^2. P&L is the same without the term of risk.
    A policy is a function (t, x, q) -> position, vectorised over sessions; q is the position held.
    All values are USD per share of a lot and session. Nothing here imports the package under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Policy = Callable[[int, Floats, Floats], Floats]


@dataclass(frozen=True)
class LqProblem:
    """Parameters of the market and of the trader.

    Attributes:
        phi: autoregression per bar, in [0, 1).
        sigma_usd: innovation per bar, USD per share, > 0.
        cost_usd: lambda, USD per share and squared lot traded (twice the charge), >= 0.
        risk_aversion: gamma, per USD per share, > 0.
        decisions: number T of decisions per session.
    """

    phi: float
    sigma_usd: float
    cost_usd: float
    risk_aversion: float
    decisions: int

    @property
    def variance_usd(self) -> float:
        """Variance of x in the stationary law."""
        return self.sigma_usd**2 / (1.0 - self.phi**2)

    @property
    def charge_usd(self) -> float:
        """Twice the charge on a lot held for a bar: gamma sigma^2."""
        return self.risk_aversion * self.sigma_usd**2


MARKET = LqProblem(phi=0.9, sigma_usd=0.05, cost_usd=0.02, risk_aversion=4.0, decisions=385)


@dataclass(frozen=True)
class LqSolution:
    """Optimal value and policy of a problem.

    Attributes:
        problem: the solved problem.
        value_usd: expected utility of a session from a flat start, averaged over the stationary x_0.
        keep: how much of the position held is kept, by decision, (T,).
        aim: lots per USD of deviation that are added, by decision, (T,).
    """

    problem: LqProblem
    value_usd: float
    keep: Floats
    aim: Floats

    def policy(self, t: int, x: Floats, q: Floats) -> Floats:
        """Return the optimal position."""
        return self.keep[t] * q + self.aim[t] * x


@dataclass(frozen=True)
class SimulatedSessions:
    """Outcome of a Monte Carlo run, one entry per session, (num_sessions,), and the largest position, lots."""

    utility_usd: Floats
    pnl_usd: Floats
    largest: float


def solve(problem: LqProblem) -> LqSolution:
    """Return the optimum by the finite-horizon Riccati recursion.

    With V_t(q, x) = -a q^2 / 2 + b q x + c x^2 / 2 + d before the decision, the best position is (lambda q + m x) / D,
    m = phi b - (1 - phi), D = lambda + gamma sigma^2 + a, all of t + 1; at the end a = lambda, b = c = d = 0.
    Source: Garleanu, Pedersen (2013), Journal of Finance 68, proposition 1, for one asset and a finite horizon.
    """
    phi, cost = problem.phi, problem.cost_usd
    a, b, c, d = cost, 0.0, 0.0, 0.0
    keep, aim = np.empty(problem.decisions), np.empty(problem.decisions)
    for t in reversed(range(problem.decisions)):
        slope, total = phi * b - (1.0 - phi), cost + problem.charge_usd + a
        keep[t], aim[t] = cost / total, slope / total
        d += c * problem.sigma_usd**2 / 2.0
        a, b, c = cost - cost**2 / total, cost * slope / total, slope**2 / total + c * phi**2
    return LqSolution(problem, c * problem.variance_usd / 2.0 + d, keep, aim)


def expected_pnl_usd(solution: LqSolution) -> float:
    """Return the expected P&L of the optimal policy: its utility and the charge on E[q^2], by recursion of moments."""
    problem = solution.problem
    square, product, charged = 0.0, 0.0, 0.0  # E[q^2] and E[q x] before the decision
    for keep, aim in zip(solution.keep, solution.aim, strict=True):
        square = keep**2 * square + 2.0 * keep * aim * product + aim**2 * problem.variance_usd
        product = problem.phi * (keep * product + aim * problem.variance_usd)
        charged += problem.charge_usd / 2.0 * square
    return solution.value_usd + float(charged)


def markowitz_rule(problem: LqProblem) -> Policy:
    """Return the policy that is blind to the cost: expected gain over gamma times variance."""

    def rule(t: int, x: Floats, q: Floats) -> Floats:
        return -(1.0 - problem.phi) * x / problem.charge_usd

    return rule


def markowitz_expected_usd(problem: LqProblem) -> float:
    """Return the expected utility of `markowitz_rule` in closed form: k = (1 - phi) / (gamma sigma^2) lots per USD.

    E[dq^2] is k^2 var at the entry and at the exit, and 2 k^2 var (1 - phi) between two decisions.
    """
    lots = (1.0 - problem.phi) / problem.charge_usd
    held = lots * (1.0 - problem.phi) - problem.charge_usd * lots**2 / 2.0
    traded = lots**2 * (2.0 + 2.0 * (1.0 - problem.phi) * (problem.decisions - 1))
    return problem.variance_usd * (problem.decisions * held - problem.cost_usd / 2.0 * traded)


def simulate(problem: LqProblem, policy: Policy, num_sessions: int, rng: np.random.Generator) -> SimulatedSessions:
    """Return what the policy earns in independent sessions."""
    x = math.sqrt(problem.variance_usd) * rng.standard_normal(num_sessions)
    q, pnl, risk = np.zeros(num_sessions), np.zeros(num_sessions), np.zeros(num_sessions)
    largest = 0.0
    for t in range(problem.decisions):
        wanted = policy(t, x, q)
        following = problem.phi * x + problem.sigma_usd * rng.standard_normal(num_sessions)
        pnl += wanted * (following - x) - problem.cost_usd / 2.0 * (wanted - q) ** 2
        risk += problem.charge_usd / 2.0 * wanted**2
        x, q = following, wanted
        largest = max(largest, float(np.abs(q).max()))
    pnl -= problem.cost_usd / 2.0 * q**2
    return SimulatedSessions(pnl - risk, pnl, largest)
