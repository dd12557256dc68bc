"""Independent optimum of the one-asset OU market: dynamic program, closed forms and plain Monte Carlo.

Conventions:
    The deviation of the mid from its mean is x, in USD per share: x_{t+1} = phi x_t + sigma eps.
    x_0 is stationary with sd = sigma / sqrt(1 - phi^2).
    A session has T decisions, t = 0 .. T - 1, starts flat and is forced flat at x_T. That exit pays the cost too.
    The position q is -1, 0 or 1 share. The reward of a bar is q_t (x_{t+1} - x_t) - cost |q_t - q_{t-1}|.
    With a fill delay of k bars the target decided at x_t is held from x_{t+k}.
    Targets that could fill only at x_T or later are void.
    A policy is a function (t, x, q) -> target, vectorised over sessions; q is the last ordered target.
    All values are USD per share per session. Nothing here imports the package under test.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Policy = Callable[[int, Floats, Integers], npt.ArrayLike]

TARGETS: Integers = np.array([-1, 0, 1], dtype=np.int64)
DEFAULT_NODES = 301
GRID_HALF_WIDTH_SD = 6.0
# A coarser grid inflates the one-step variance by spacing^2 / 12, that is by more than 2 % of sigma^2.
MAX_SPACING_SIGMA = 0.5
# Favours the present position where two targets are worth the same.
TIE_BREAK_USD = 1e-12


@dataclass(frozen=True)
class OuProblem:
    """Parameters of the market and of the trading rules.

    Attributes:
        phi: autoregression per bar, in [0, 1).
        sigma_usd: innovation per bar, USD per share, > 0.
        cost_usd: cost per share per unit of position traded, >= 0.
        decisions: number T of decisions per session, > fill_delay_bars.
        semantics: `target` reaches any position at once, `step` moves by at most one unit per bar.
        fill_delay_bars: bars between the decision and its fill, >= 0.

    Raises:
        ValueError: a parameter is outside its range.
    """

    phi: float
    sigma_usd: float
    cost_usd: float
    decisions: int
    semantics: Literal["target", "step"]
    fill_delay_bars: int

    def __post_init__(self) -> None:
        laws = {
            "phi must be in [0, 1)": 0.0 <= self.phi < 1.0,
            "sigma_usd must be > 0": self.sigma_usd > 0.0,
            "cost_usd must be >= 0": self.cost_usd >= 0.0,
            "semantics must be target or step": self.semantics in ("target", "step"),
            "fill_delay_bars must be in [0, decisions)": 0 <= self.fill_delay_bars < self.decisions,
        }
        for law, holds in laws.items():
            if not holds:
                raise ValueError(f"OuProblem.{law}, was {self}")

    @property
    def stationary_sd_usd(self) -> float:
        """Standard deviation of x in the stationary law."""
        return self.sigma_usd / math.sqrt(1.0 - self.phi**2)

    @property
    def max_change(self) -> int:
        """Largest move of the target in one bar."""
        return 2 if self.semantics == "target" else 1

    @property
    def earning_bars(self) -> int:
        """Bars over which a position can be held."""
        return self.decisions - self.fill_delay_bars


# The published market: half-spread 0.015 plus 0.005 commission.
MARKET_A = OuProblem(phi=0.9, sigma_usd=0.05, cost_usd=0.02, decisions=385, semantics="target", fill_delay_bars=0)


@dataclass(frozen=True)
class SimulatedSessions:
    """Outcome of a Monte Carlo run, one entry per session.

    Attributes:
        pnl_usd: net P&L, (num_sessions,).
        units_traded: sum of |dq| including the forced exit, (num_sessions,).
    """

    pnl_usd: Floats
    units_traded: Integers


@dataclass(frozen=True)
class OuSolution:
    """Optimal value and policy of a problem.

    Attributes:
        problem: the solved problem.
        value_usd: expected P&L of a session from a flat start, averaged over the stationary x_0.
        grid_usd: nodes of x, uniform, (nodes,).
        target_value_usd: value of each target of TARGETS from t on, before the cost of reaching it, (T, nodes, 3).
    """

    problem: OuProblem
    value_usd: float
    grid_usd: Floats
    target_value_usd: Floats

    def policy(self, t: int | Integers, x: npt.ArrayLike, q: npt.ArrayLike) -> Integers:
        """Return the optimal target; the value of each target is interpolated linearly between nodes.

        Args:
            t: decision index, 0 .. T - 1, scalar or of the shape of x.
            x: deviation in USD per share; beyond the grid the nearest edge is used.
            q: last ordered target in {-1, 0, 1}.
        """
        times, deviations, positions = np.broadcast_arrays(t, np.asarray(x, dtype=np.float64), q)
        spacing = self.grid_usd[1] - self.grid_usd[0]
        place = np.clip((deviations - self.grid_usd[0]) / spacing, 0.0, self.grid_usd.size - 1.0)
        left = np.minimum(place.astype(np.int64), self.grid_usd.size - 2)
        weight = (place - left)[..., None]
        values = (1.0 - weight) * self.target_value_usd[times, left] + weight * self.target_value_usd[times, left + 1]
        best: Integers = TARGETS[np.argmax(values - _switch_cost(self.problem)[positions + 1], axis=-1)]
        return best

    def simulate(self, policy: Policy, num_sessions: int, rng: np.random.Generator) -> Floats:
        """Return the P&L per session of a policy in this problem, (num_sessions,)."""
        return simulate_sessions(self.problem, policy, num_sessions, rng).pnl_usd


def solve(problem: OuProblem, nodes: int = DEFAULT_NODES) -> OuSolution:
    """Return the optimum by backward induction on (t, x, q) with exact normal bin probabilities.

    Args:
        problem: the market and its rules.
        nodes: number of grid nodes over +-6 stationary sd; the edge cells absorb the tails.

    Raises:
        ValueError: the grid is too coarse for sigma.

    Source: Bellman (1957), Dynamic Programming; the chain is that of Tauchen (1986), Economics Letters 20, 177-181.
    """
    sd = problem.stationary_sd_usd
    grid = np.linspace(-GRID_HALF_WIDTH_SD * sd, GRID_HALF_WIDTH_SD * sd, nodes)
    if grid[1] - grid[0] > MAX_SPACING_SIGMA * problem.sigma_usd:
        raise ValueError(f"solve: grid spacing must be <= {MAX_SPACING_SIGMA} sigma, raise nodes above {nodes}")
    transition = _bin_probabilities(grid, problem.phi * grid, problem.sigma_usd)
    # E[x_{t+k+1} - x_{t+k} | x_t], exact, so only the law of the next state is discretised.
    drift = -(1.0 - problem.phi) * problem.phi**problem.fill_delay_bars * grid
    gain = drift[:, None] * TARGETS
    switch_cost = _switch_cost(problem)
    forced_exit = -problem.cost_usd * np.abs(TARGETS)
    # Row q of `value` is the worth of having last ordered TARGETS[q], before the present decision.
    value = np.broadcast_to(forced_exit, (nodes, 3))
    target_value = np.empty((problem.decisions, nodes, 3))
    target_value[problem.earning_bars :] = forced_exit
    for t in reversed(range(problem.earning_bars)):
        target_value[t] = gain + transition @ value
        value = np.max(target_value[t][:, None, :] - switch_cost, axis=2)
    start = _bin_probabilities(grid, np.zeros(1), sd)[0]
    return OuSolution(problem, float(start @ value[:, 1]), grid, target_value)


def simulate_sessions(
    problem: OuProblem, policy: Policy, num_sessions: int, rng: np.random.Generator
) -> SimulatedSessions:
    """Return P&L and traded units of independent sessions, drawn step by step without any grid.

    Targets beyond the reach of `step` semantics are cut to one unit per bar.
    """
    x = problem.stationary_sd_usd * rng.standard_normal(num_sessions)
    held = np.zeros(num_sessions, dtype=np.int64)
    ordered = held
    pending = deque([held] * problem.fill_delay_bars)
    pnl = np.zeros(num_sessions)
    units = np.zeros(num_sessions, dtype=np.int64)
    for t in range(problem.decisions):
        wanted = np.asarray(policy(t, x, ordered), dtype=np.int64)
        ordered = ordered + np.clip(wanted - ordered, -problem.max_change, problem.max_change)
        pending.append(ordered)
        position = pending.popleft()
        following = problem.phi * x + problem.sigma_usd * rng.standard_normal(num_sessions)
        pnl += position * (following - x)
        units += np.abs(position - held)
        x, held = following, position
    units += np.abs(held)
    return SimulatedSessions(pnl - problem.cost_usd * units, units)


def do_nothing_rule(t: int, x: Floats, q: Integers) -> Integers:
    """Stay flat."""
    return np.zeros_like(q)


def buy_and_hold_rule(t: int, x: Floats, q: Integers) -> Integers:
    """Hold one share from the first fill to the forced exit."""
    return np.ones_like(q)


def reversion_rule(t: int, x: Floats, q: Integers) -> Floats:
    """Hold -sign(x), blind to the cost."""
    return -np.sign(x)


def momentum_rule(t: int, x: Floats, q: Integers) -> Floats:
    """Hold sign(x), the mirror of the reversion rule."""
    return np.sign(x)


def threshold_rule(enter_usd: float, exit_usd: float) -> Policy:
    """Return the rule that goes to -sign(x) beyond +-enter and leaves once x is back within exit of zero, or across."""

    def rule(t: int, x: Floats, q: Integers) -> npt.ArrayLike:
        keep = np.where(-q * x > exit_usd, q, 0)
        return np.where(np.abs(x) > enter_usd, -np.sign(x), keep)

    return rule


def flip_rule(band_usd: float) -> Policy:
    """Return the rule that goes to -sign(x) beyond +-band and keeps its position within."""

    def rule(t: int, x: Floats, q: Integers) -> npt.ArrayLike:
        return np.where(np.abs(x) > band_usd, -np.sign(x), q)

    return rule


def uniform_random_rule(rng: np.random.Generator) -> Policy:
    """Return the rule that draws each target uniformly from -1, 0, 1."""

    def rule(t: int, x: Floats, q: Integers) -> Integers:
        return rng.integers(-1, 2, size=q.shape)

    return rule


def do_nothing_expected_usd(problem: OuProblem) -> float:
    """Return the expected P&L of the do-nothing rule."""
    return 0.0


def buy_and_hold_expected_usd(problem: OuProblem) -> float:
    """Return the expected P&L of buy and hold: E[x_T - x_k] = 0, so two units of cost remain."""
    return -2.0 * problem.cost_usd


def buy_and_hold_sd_usd(problem: OuProblem) -> float:
    """Return the sd of buy and hold, from Var(x_T - x_k) = 2 sd^2 (1 - phi^(T - k))."""
    return problem.stationary_sd_usd * math.sqrt(2.0 * (1.0 - problem.phi**problem.earning_bars))


def frictionless_optimum_usd(problem: OuProblem) -> float:
    """Return the optimum at zero cost under `target` semantics: (1 - phi) phi^k E|x| (T - k).

    The stationary E|x| is sd sqrt(2 / pi).
    """
    _require_target_semantics(problem)
    mean_absolute = problem.stationary_sd_usd * math.sqrt(2.0 / math.pi)
    return (1.0 - problem.phi) * problem.phi**problem.fill_delay_bars * mean_absolute * problem.earning_bars


def sign_rule_expected_usd(problem: OuProblem, direction: Literal[-1, 1]) -> float:
    """Return the expected P&L of holding direction * sign(x).

    A sign change has probability arccos(phi) / pi and trades two units. Entry and exit trade one each.
    Source: Sheppard (1899), the orthant law of the bivariate normal.
    """
    gross = -direction * frictionless_optimum_usd(problem)
    changes = (problem.earning_bars - 1) * math.acos(problem.phi) / math.pi
    return gross - problem.cost_usd * (2.0 * changes + 2.0)


def uniform_random_expected_usd(problem: OuProblem) -> float:
    """Return the expected P&L of uniform random targets.

    Mean |dq| is 8/9 between two targets and 2/3 from or to flat.
    """
    _require_target_semantics(problem)
    return -problem.cost_usd * ((problem.earning_bars - 1) * 8.0 / 9.0 + 4.0 / 3.0)


def _switch_cost(problem: OuProblem) -> Floats:
    """Return the cost of going from TARGETS[row] to TARGETS[column]; infinite where the semantics forbid it, (3, 3)."""
    change = np.abs(TARGETS[:, None] - TARGETS)
    cost: Floats = np.where(change <= problem.max_change, problem.cost_usd * change, np.inf)
    cost[change == 0] = -TIE_BREAK_USD
    return cost


def _bin_probabilities(grid: Floats, means: Floats, sd: float) -> Floats:
    """Return the probability of each grid cell under N(mean, sd^2), (means, nodes); cells meet midway between nodes."""
    edges = 0.5 * (grid[1:] + grid[:-1])
    complement = np.vectorize(math.erfc, otypes=[np.float64])
    below = 0.5 * complement((means[:, None] - edges) / (sd * math.sqrt(2.0)))
    probabilities: Floats = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return probabilities


def _require_target_semantics(problem: OuProblem) -> None:
    if problem.semantics != "target":
        raise ValueError(f"closed forms hold under target semantics only, was {problem.semantics}")
