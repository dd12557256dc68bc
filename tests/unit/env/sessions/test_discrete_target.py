"""`target` semantics (SELL short, HOLD flat, BUY long): one whole session by hand, every cost in play.

Capital 50,000 USD, so 1 bp of reward is 5.00 USD; market and prices in `hand_market`. The reversal at row 2 is of 200
units: there V = 5,000, so that its impact is 0.05 sqrt(200 / 5,000) = 0.01 too, and its commission 0.005 * 200 = 1.00.

decided  action  order  fill price        cash                               position  NAV      reward
 row 0   BUY     +100   100.10 + 0.02     50,000 - 10,012 - 1 = 39,987       +100      50,017   +17 / 5 = +3.4
 row 1   BUY        0                     39,987                             +100      50,007   -10 / 5 = -2.0
 row 2   SELL    -200   100.30 - 0.02     39,987 + 20,056 - 1 = 60,042       -100      49,992   -15 / 5 = -3.0
 row 3   HOLD    +100   100.50 + 0.02     60,042 - 10,052 - 1 = 49,989          0      49,989    -3 / 5 = -0.6
 row 4   SELL    -100   100.50 - 0.02     49,989 + 10,048 - 1 = 60,036       -100      49,996    +7 / 5 = +1.4
 row 5   (exit)  +100   100.50 + 0.02     60,036 - 10,052 - 1 = 49,983          0      49,983   -13 / 5 = -2.6

Gross, at decision mids: +100 from 100.00 to 100.20 = +20, -100 from 100.20 to 100.50 = -30, -100 from 100.50 to 100.40
= +10: together 0. Costs: spread 1 + 2 + 1 + 1 + 1 = 6, impact 6, commission 5, latency 10 - 20 + 0 + 0 + 10 = 0. Net
-17, which is the NAV's change.
"""

import numpy as np
import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL
from intraday_rl.env.risk.base import SESSION_CLOSE
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.full_rules import full_batch
from tests.unit.env.sessions.hand_market import hand_execution, hand_tape, play

ACTIONS = [BUY, BUY, SELL, HOLD, SELL, SELL]
VOLUMES = (2_500.0, 2_500.0, 5_000.0, 2_500.0, 2_500.0, 2_500.0, 2_500.0, 2_500.0)


def new_batch():
    return full_batch(hand_tape(VOLUMES), execution=hand_execution())


@pytest.fixture(scope="module")
def steps():
    return play(new_batch(), ACTIONS)


def column(steps, name):
    return [step[name] for step in steps]


def fills(steps, name):
    return [step["fill"][name] for step in steps]


def test_session_cash_position_and_nav(steps):
    assert column(steps, "cash") == pytest.approx([39_987, 39_987, 60_042, 49_989, 60_036, 49_983], abs=1e-8)
    assert column(steps, "position") == [100, 100, -100, 0, -100, 0]
    assert column(steps, "nav") == pytest.approx([50_017, 50_007, 49_992, 49_989, 49_996, 49_983], abs=1e-8)


def test_session_rewards_are_basis_points_of_the_start(steps):
    assert column(steps, "reward") == pytest.approx([3.4, -2.0, -3.0, -0.6, 1.4, -2.6], abs=1e-9)
    assert sum(column(steps, "reward")) == pytest.approx(-17 / 5, abs=1e-9)


def test_session_fill_prices(steps):
    assert fills(steps, "ordered") == [100, 0, -200, 100, -100, 100]
    assert fills(steps, "quantity") == [100, 0, -200, 100, -100, 100]
    assert fills(steps, "price") == pytest.approx([100.12, 0, 100.28, 100.52, 100.48, 100.52], abs=1e-10)
    assert fills(steps, "reference_price") == pytest.approx([100.1, 0, 100.3, 100.5, 100.5, 100.5], abs=1e-10)
    assert fills(steps, "decision_mid") == [100.0, 100.3, 100.2, 100.5, 100.5, 100.4]


def test_session_costs_by_kind(steps):
    assert fills(steps, "commission_usd") == [1, 0, 1, 1, 1, 1]
    assert fills(steps, "spread_usd") == pytest.approx([1, 0, 2, 1, 1, 1], abs=1e-9)
    assert fills(steps, "impact_usd") == pytest.approx([1, 0, 2, 1, 1, 1], abs=1e-9)
    assert fills(steps, "latency_usd") == pytest.approx([10, 0, -20, 0, 0, 10], abs=1e-9)


def test_session_ends_flat_one_minute_before_the_close(steps):
    assert column(steps, "ended") == [0, 0, 0, 0, 0, 1]
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["truncated"]) == (6, 1, 0)
    assert column(steps, "closing") == [0, 0, 0, 0, 0, SESSION_CLOSE]


def test_session_totals():
    batch = new_batch()
    steps = play(batch, ACTIONS)
    assert column(steps, "entry_price") == pytest.approx([100.12, 100.12, 100.28, 0, 100.48, 0], abs=1e-10)
    info = batch.episode_infos([0])[0]
    assert info["episode"] == {"r": pytest.approx(-3.4, abs=1e-9), "l": 6}
    assert info["session"] == "2024-01-02"
    assert info["session_return"] == pytest.approx(-17 / 50_000, abs=1e-12)
    assert info["max_drawdown"] == pytest.approx(34 / 50_000, abs=1e-12)  # from 50,017 to 49,983
    # Traded: 10,012 + 20,056 + 10,052 + 10,048 + 10,052 = 60,220.
    assert info["turnover"] == pytest.approx(60_220 / 50_000, abs=1e-12)
    assert (info["round_trips"], info["in_market_bars"], info["flat_at_end"]) == (3, 4, True)
    assert info["episode_reward_parts"] == {"profit": pytest.approx(-3.4, abs=1e-9), "turnover": 0.0}


def test_session_is_the_same_through_the_vec_env():
    env = TradingVecEnv(new_batch())
    env.reset()
    rewards, dones = [], []
    for action in ACTIONS:
        _, reward, done, _ = env.step(np.array([action]))
        rewards.append(float(reward[0]))
        dones.append(bool(done[0]))
    assert rewards == pytest.approx([3.4, -2.0, -3.0, -0.6, 1.4, -2.6], abs=1e-6)
    assert dones == [False] * 5 + [True]
