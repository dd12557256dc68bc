"""The linear-quadratic market: the environment pays what the Riccati recursion says, in utility and in profit.

Conventions: USD per share of a lot of 100 shares and session. Whole shares instead of lots in any fraction, and at most
four lots, change less than a thousandth of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from intraday_rl.app.build import Plan, build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.market_data import MarketData, load_market_data
from intraday_rl.evaluation.rollout import Recording, roll_out
from tests.support.lq_oracle import (
    MARKET,
    Policy,
    expected_pnl_usd,
    markowitz_rule,
    solve,
)
from tests.support.oracle_policies import mean_and_error

pytestmark = pytest.mark.slow

SESSIONS = 1500
LOTS = 4.0  # the most that may be held
SESSION_MINUTES = 390


@dataclass(frozen=True)
class LotsPolicy:
    """An oracle's rule (t, x, q) -> lots as a policy of the environment; the position is the observed one."""

    rule: Policy

    def predict(self, observation: npt.NDArray[np.float32], state: Any = None, episode_start: Any = None) -> Any:
        """Return actions for observations of (level deviation in stationary sd, time left, position)."""
        x = observation[:, 0].astype(np.float64) * np.sqrt(MARKET.variance_usd)
        t = round(SESSION_MINUTES * (1.0 - float(observation[0, 1]))) - 1
        lots = self.rule(min(t, MARKET.decisions - 1), x, observation[:, 2].astype(np.float64) * LOTS)
        return np.clip(lots / LOTS, -1.0, 1.0), state


@cache
def market() -> tuple[Plan, MarketData]:
    plan = build_plan(compose(["experiment=lq_oracle", f"data.source.num_sessions={SESSIONS + 1}", "tracking=none"]))
    return plan, load_market_data(plan)


def play(rule: Policy) -> Recording:
    """Let the rule trade all sessions but the first, which warms the features up."""
    plan, data = market()
    return roll_out(data.tape, plan.rules, data.all_sessions()[1:], LotsPolicy(rule), seed=0)


def utilities(recording: Recording) -> npt.NDArray[np.float64]:
    """Return the reward of each session, which is in basis points of 50,000 USD."""
    return np.asarray(recording.final["episode_reward"] * 5.0 / 100.0)


def profits(recording: Recording) -> npt.NDArray[np.float64]:
    return np.asarray((recording.final["nav"] - recording.final["start_nav"]) / 100.0)


@pytest.mark.parametrize(
    ("make_rule", "published"), [(lambda: solve(MARKET).policy, 2.0840), (lambda: markowitz_rule(MARKET), 1.4975)]
)
def test_environment_pays_the_utility_of_the_oracle(make_rule: Callable[[], Policy], published: float) -> None:
    mean, error = mean_and_error(utilities(play(make_rule())))
    assert abs(mean - published) < 3 * error
    assert error < 0.02


def test_environment_pays_the_profit_of_the_oracle() -> None:
    recording = play(solve(MARKET).policy)
    mean, error = mean_and_error(profits(recording))
    assert abs(mean - expected_pnl_usd(solve(MARKET))) < 3 * error
    assert abs(mean - 3.909) < 3 * error
    assert (recording.length == 386).all()  # 385 decisions of the agent, then the forced exit
    assert (recording.final["position"] == 0.0).all()


def test_session_by_hand() -> None:
    """Utility and profit of one session from its positions and closes, share by share."""
    recording = play(solve(MARKET).policy)
    tape, session = recording.tape, 7
    held = np.r_[0.0, recording.position[:386, session]]
    first = int(recording.first_bar[session])
    close = tape.rows["close"][first : first + 387]
    # a fill at the open of a bar is at the close before it; 1e-4 USD a share and share traded
    gain = float((held[1:] * np.diff(close)).sum()) - 1e-4 * float((np.diff(held) ** 2).sum())
    risk = 2_000.0 / 2.0 * 0.05**2 / 50_000.0 * float((held**2).sum())
    assert held[-1] == 0.0
    assert abs(held).max() > 100.0
    assert profits(recording)[session] * 100.0 == pytest.approx(gain, abs=1e-6)
    assert utilities(recording)[session] * 100.0 == pytest.approx(gain - risk, abs=1e-6)
    costs = recording.fills[:, session]
    assert costs["impact_usd"].sum() == pytest.approx(1e-4 * float((np.diff(held) ** 2).sum()), rel=1e-9)
    assert not any(costs[name].any() for name in ("spread_usd", "commission_usd", "latency_usd"))


def test_a_continuous_order_meets_no_limit() -> None:
    """The largest size clips less than one decision in a thousand, so the optimum is that of the oracle."""
    recording = play(solve(MARKET).policy)
    assert (np.abs(recording.wanted[np.isfinite(recording.wanted)]) >= 400.0).mean() < 1e-3
    np.testing.assert_array_equal(
        recording.target[:385][np.isfinite(recording.target[:385])],
        recording.wanted[:385][np.isfinite(recording.target[:385])],
    )
