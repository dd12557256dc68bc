"""`step` semantics (BUY one side up, SELL one down, HOLD keeps): one whole session by hand, every cost in play.

Capital 50,000 USD, so 1 bp of reward is 5.00 USD; market and prices in `hand_market`.

decided  action  order  fill price        cash                               position  NAV      reward
 row 0   BUY     +100   100.10 + 0.02     50,000 - 10,012 - 1 = 39,987       +100      50,017   +17 / 5 = +3.4
 row 1   BUY        0   (long already)    39,987                             +100      50,007   -10 / 5 = -2.0
 row 2   SELL    -100   100.30 - 0.02     39,987 + 10,028 - 1 = 50,014          0      50,014    +7 / 5 = +1.4
 row 3   SELL    -100   100.50 - 0.02     50,014 + 10,048 - 1 = 60,061       -100      50,011    -3 / 5 = -0.6
 row 4   HOLD       0   (keeps)           60,061                             -100      50,021   +10 / 5 = +2.0
 row 5   (exit)  +100   100.50 + 0.02     60,061 - 10,052 - 1 = 50,008          0      50,008   -13 / 5 = -2.6

Gross, at decision mids: +100 from 100.00 to 100.20 = +20, -100 from 100.50 to 100.40 = +10. Costs: spread 4, impact 4,
commission 4, latency 10 - 10 + 0 + 10 = 10. Net +8, which is the NAV's change.
"""

import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL, DiscreteStep
from tests.support.full_rules import full_batch
from tests.unit.env.sessions.hand_market import hand_execution, hand_tape, play

ACTIONS = [BUY, BUY, SELL, SELL, HOLD, HOLD]


@pytest.fixture(scope="module")
def played():
    batch = full_batch(hand_tape(), execution=hand_execution(), actions=DiscreteStep())
    return batch, play(batch, ACTIONS)


def test_session_cash_position_and_nav(played):
    steps = played[1]
    assert [s["cash"] for s in steps] == pytest.approx([39_987, 39_987, 50_014, 60_061, 60_061, 50_008], abs=1e-8)
    assert [s["position"] for s in steps] == [100, 100, 0, -100, -100, 0]
    assert [s["nav"] for s in steps] == pytest.approx([50_017, 50_007, 50_014, 50_011, 50_021, 50_008], abs=1e-8)


def test_session_rewards(played):
    assert [s["reward"] for s in played[1]] == pytest.approx([3.4, -2.0, 1.4, -0.6, 2.0, -2.6], abs=1e-9)


def test_session_fills(played):
    fills = [s["fill"] for s in played[1]]
    assert [f["quantity"] for f in fills] == [100, 0, -100, -100, 0, 100]
    assert [f["price"] for f in fills] == pytest.approx([100.12, 0, 100.28, 100.48, 0, 100.52], abs=1e-10)
    assert sum(f["latency_usd"] for f in fills) == pytest.approx(10.0, abs=1e-9)
    for kind in ("commission_usd", "spread_usd", "impact_usd"):
        assert sum(f[kind] for f in fills) == pytest.approx(4.0, abs=1e-9)


def test_session_totals(played):
    batch, steps = played
    info = batch.episode_infos([0])[0]
    assert info["session_return"] == pytest.approx(8 / 50_000, abs=1e-12)
    assert info["max_drawdown"] == pytest.approx(13 / 50_000, abs=1e-12)  # from 50,021 to 50,008
    assert info["turnover"] == pytest.approx((10_012 + 10_028 + 10_048 + 10_052) / 50_000, abs=1e-12)
    assert (info["round_trips"], info["in_market_bars"]) == (2, 4)
    assert (steps[-1]["terminated"], steps[-1]["truncated"]) == (1, 0)
