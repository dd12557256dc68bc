"""Box(-1, 1): one whole session of a micro future by hand, every cost in play.

Four contracts at most, 5 USD a point, capital 50,000 USD (1 bp = 5.00 USD). Latency 15 s (u = 1/4), spread 0.25 (half
0.125), impact 2 sqrt(q / V), commission 0.62 a contract without a minimum. V is chosen at each decision such that the
impact is 0.2: an order fills at its reference price +- 0.325.

row  open   vwap   close   V    reference
 0                 5,000   400
 1   5,000  5,004  5,002   300  5,001
 2   5,002  4,998  4,999   300  5,001
 3   4,999  4,999  4,990   200  4,999
 4   4,990  4,986  4,992        4,989
 5                 4,992
 6                 4,992
 7                 4,992

decided  action  target  order  price      cash                                          NAV
 row 0   +1.00     +4     +4    5,001.325  50,000 - 20 * 5,001.325 - 2.48 = -50,028.98   + 20 * 5,002 = 50,011.02
 row 1   +0.25     +1     -3    5,000.675  -50,028.98 + 75,010.125 - 1.86 = 24,979.285   + 5 * 4,999 = 49,974.285
 row 2   -0.60     -2     -3    4,998.675  24,979.285 + 74,980.125 - 1.86 = 99,957.55    - 10 * 4,990 = 50,057.55
 row 3   +0.10      0     +2    4,989.325  99,957.55 - 49,893.25 - 1.24 = 50,063.06      50,063.06
 row 4    0.00      0      0
 row 5   (exit)     0      0    nothing is held: the session is over at row 6

Rewards: +11.02 / 5, -36.735 / 5, +83.265 / 5, +5.51 / 5, 0, 0.
Costs, fills in turn: spread 2.50, 1.875, 1.875, 1.25; impact 4, 3, 3, 2; commission 2.48, 1.86, 1.86, 1.24; latency
20 * (5,001 - 5,000) = 20, -15 * (5,001 - 5,002) = +15, -15 * (4,999 - 4,999) = 0, 10 * (4,989 - 4,990) = -10.
"""

import pytest

from intraday_rl.env.actions import Continuous
from intraday_rl.env.risk import MaxUnits
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import QuotedSpread
from tests.support.full_rules import full_batch
from tests.support.tapes import make_execution, make_fill, make_tape
from tests.unit.env.sessions.hand_market import play

PRICES = [
    (5_000, 5_000, 5_000, 400),
    (5_000, 5_004, 5_002, 300),
    (5_002, 4_998, 4_999, 300),
    (4_999, 4_999, 4_990, 200),
    (4_990, 4_986, 4_992, 400),
    (4_992, 4_992, 4_992, 400),
    (4_992, 4_992, 4_992, 400),
    (4_992, 4_992, 4_992, 400),
]
ACTIONS = [1.0, 0.25, -0.6, 0.1, 0.0, 0.0]


def new_batch():
    bars = [
        {
            "open": opened,
            "vwap": vwap,
            "close": close,
            "low": 4_900.0,
            "high": 5_100.0,
            "volatility": 2.0,
            "typical_volume": volume,
        }
        for opened, vwap, close, volume in PRICES
    ]
    execution = make_execution(
        contract=Contract(multiplier=5.0),
        latency=UniformLatency(15_000.0, 15_000.0),
        spread=QuotedSpread(base_spread=0.25, multiple=1.0),
        impact=SquareRootImpact(coefficient=1.0),
        fill=make_fill(max_volume_fraction=0.1),
        commission=PerUnitCommission(per_unit_usd=0.62, order_minimum_usd=0.0, cap_fraction=1.0),
    )
    limits = {"units": MaxUnits(units=4)}
    return full_batch(make_tape([bars]), execution=execution, actions=Continuous(), limits=limits)


@pytest.fixture(scope="module")
def played():
    batch = new_batch()
    return batch, play(batch, ACTIONS)


def test_session_cash_position_and_nav(played):
    steps = played[1]
    assert [s["position"] for s in steps] == [4, 1, -2, 0, 0, 0]
    assert [s["cash"] for s in steps] == pytest.approx(
        [-50_028.98, 24_979.285, 99_957.55, 50_063.06, 50_063.06, 50_063.06], abs=1e-8
    )
    assert [s["nav"] for s in steps] == pytest.approx(
        [50_011.02, 49_974.285, 50_057.55, 50_063.06, 50_063.06, 50_063.06], abs=1e-8
    )


def test_session_rewards(played):
    assert [s["reward"] for s in played[1]] == pytest.approx([2.204, -7.347, 16.653, 1.102, 0.0, 0.0], abs=1e-9)


def test_session_costs_by_kind(played):
    fills = [s["fill"] for s in played[1]]
    assert [f["price"] for f in fills[:4]] == pytest.approx([5_001.325, 5_000.675, 4_998.675, 4_989.325], abs=1e-9)
    assert [f["spread_usd"] for f in fills[:4]] == pytest.approx([2.5, 1.875, 1.875, 1.25], abs=1e-9)
    assert [f["impact_usd"] for f in fills[:4]] == pytest.approx([4.0, 3.0, 3.0, 2.0], abs=1e-9)
    assert [f["commission_usd"] for f in fills[:4]] == pytest.approx([2.48, 1.86, 1.86, 1.24], abs=1e-9)
    assert [f["latency_usd"] for f in fills[:4]] == pytest.approx([20.0, 15.0, 0.0, -10.0], abs=1e-9)


def test_session_totals(played):
    batch, steps = played
    info = batch.episode_infos([0])[0]
    assert info["round_trips"] == 2  # the reversal at row 3 ends the first
    traded = 20 * 5_001.325 + 15 * 5_000.675 + 15 * 4_998.675 + 10 * 4_989.325
    assert info["turnover"] == pytest.approx(traded / 50_000, rel=1e-12)
    assert [s["entry_price"] for s in steps[:4]] == pytest.approx([5_001.325, 5_001.325, 4_998.675, 0.0], abs=1e-9)
    assert (steps[-1]["bar"], steps[-1]["terminated"], steps[-1]["truncated"]) == (6, 1, 0)
