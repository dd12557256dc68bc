"""The VWAP expert, clause by clause, by hand.

Conventions: bars at a close of 100 with an ATR of 1 unless a test says otherwise. Orders pay half of a spread of 0.25
and fill at the next bar's open, which is its close here: an entry decided at bar 0 is filled in bar 1 at 100 +- 0.125,
and at that bar's close has been held for a minute.
"""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.experts import VwapReversion
from intraday_rl.core.errors import ConfigError, ParameterError
from intraday_rl.core.protocols import Rule
from intraday_rl.core.structs import view
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.evaluation.rollout import roll_out
from intraday_rl.market.spreads import QuotedSpread
from tests.support.tapes import make_batch, make_execution, make_rules, make_tape, random_tape

EXPERT = VwapReversion(
    entry_atr=1.5,
    rsi_low=35.0,
    rsi_high=65.0,
    spread_max_bps=50.0,
    last_entry_minutes=5,
    stop_atr=1.0,
    target_atr=2.0,
    min_hold_minutes=5,
    max_hold_minutes=30,
)
QUARTER = make_execution(spread=QuotedSpread(base_spread=0.25, multiple=1.0))
HALF_SPREAD = 0.125
BARS = 45


def sides(bars=None, gap=None, rsi=None, expert=EXPERT, **changes):
    """Return the sides that the expert wants at each decision of one session.

    Args:
        bars: bar -> what differs there.
        gap: bar -> (c - VWAP)/ATR; 0 elsewhere.
        rsi: bar -> RSI of 100; 50 elsewhere.
    """
    session = [{"close": 100.0} | (bars or {}).get(i, {}) for i in range(BARS)]
    tape = make_tape([session])
    signals = {"vwap_dev": np.zeros(BARS), "rsi14": np.zeros(BARS)}
    for i, value in (gap or {}).items():
        signals["vwap_dev"][i] = value
    for i, value in (rsi or {}).items():
        signals["rsi14"][i] = (value - 50.0) / 50.0
    rules = make_rules(tape, **({"execution": QUARTER} | changes))
    recording = roll_out(tape, rules, np.arange(1), expert.rule(signals), seed=0)
    return (recording.wanted[:, 0] / 100.0).tolist()


def held(bars=None, side=1, **changes):
    """Return the wanted sides of an account that enters at bar 0 and sees no entry afterwards."""
    return sides(bars, {0: -9.0 * side}, {0: 50.0 - 30.0 * side}, **changes)


def moved(first, gain, side=1, until=BARS):
    """Return bars from `first` on whose close is a gain of so much for an entry decided at bar 0 on the side."""
    return {i: {"close": 100.0 + side * (HALF_SPREAD + gain)} for i in range(first, until)}


def test_expert_is_a_rule_with_two_signals():
    assert EXPERT.signals == ("vwap_dev", "rsi14")
    assert isinstance(EXPERT.rule({}), Rule)


@pytest.mark.parametrize(
    ("gap", "rsi", "side"),
    [
        (-1.51, 34.9, 1),
        (-1.5, 34.9, 0),
        (-1.51, 35.0, 0),
        (1.51, 65.1, -1),
        (1.5, 65.1, 0),
        (1.51, 65.0, 0),
        (-1.51, 65.1, 0),
        (1.51, 34.9, 0),
        (np.nan, 34.9, 0),
        (-1.51, np.nan, 0),
    ],
)
def test_entry_needs_distance_and_rsi(gap, rsi, side):
    wanted = sides(None, {3: gap}, {3: rsi})
    assert wanted[:3] == [0, 0, 0]
    assert wanted[3] == side


@pytest.mark.parametrize(
    ("bar", "enters"),
    [
        ({"quoted_spread": 0.5}, True),  # 50 bps of 100
        ({"quoted_spread": 0.501}, False),
        ({"quoted_spread": 0.0}, False),
        ({"quoted_spread": 0.3, "mid": 50.0}, False),  # 60 bps of the mid
        ({"blackout": 1}, False),
    ],
)
def test_entry_filters(bar, enters):
    assert held({0: bar})[0] == (1 if enters else 0)
    assert held({0: bar}, side=-1)[0] == (-1 if enters else 0)


def test_no_entry_in_the_last_minutes():
    last = BARS - 1
    for bar, side in ((last - 5, 1), (last - 4, 0), (last - 3, 0)):
        assert sides(None, {bar: -9.0}, {bar: 20.0})[bar] == side


@pytest.mark.parametrize("side", [1, -1])
def test_stop_is_live_at_once(side):
    wanted = held(moved(2, -1.0, side), side)
    assert wanted[:4] == [side, side, 0, 0]


@pytest.mark.parametrize("side", [1, -1])
def test_stop_waits_for_the_whole_distance(side):
    assert held(moved(2, -0.99, side), side)[:10] == [side] * 10


def test_stop_looks_at_closes():
    """Orders are decided at closes: what came back before the close could not have been sold at the low."""
    assert held({2: {"low": 90.0, "high": 110.0}})[:6] == [1] * 6


@pytest.mark.parametrize("side", [1, -1])
def test_target_counts_from_the_fifth_minute(side):
    wanted = held(moved(2, 2.0, side), side)
    assert wanted[:6] == [side] * 5 + [0]  # bar 1 is the first minute, bar 5 the fifth


def test_target_that_is_gone_after_five_minutes_does_not_count():
    assert held(moved(2, 3.0, until=5))[:12] == [1] * 12
    assert held(moved(8, 1.99))[:20] == [1] * 20
    assert held(moved(8, 2.0))[:9] == [1] * 8 + [0]


@pytest.mark.parametrize("side", [1, -1])
def test_position_ends_after_thirty_minutes(side):
    assert held(None, side)[:32] == [side] * 30 + [0, 0]  # bar 30 is the thirtieth minute


@pytest.mark.parametrize(("before", "after"), [(1.0, 5.0), (2.0, 0.1)])
def test_atr_is_that_of_the_entry(before, after):
    atr = {0: {"atr": before, "close": 100.0}} | {i: {"atr": after, "close": 100.0} for i in range(1, BARS)}
    stopped = {i: atr[i] | bar for i, bar in moved(2, -before).items()}
    assert held(atr | stopped)[:3] == [1, 1, 0]
    nearly = {i: atr[i] | bar for i, bar in moved(2, -0.99 * before).items()}
    assert held(atr | nearly)[:5] == [1] * 5


def test_distance_counts_from_the_price_that_was_paid():
    assert held({1: {"close": 103.0}} | moved(2, 2.0))[:3] == [1, 1, 0]  # bought in bar 1 at 103.125


def test_stopped_side_may_be_taken_again_once_flat():
    signal = dict.fromkeys(range(6), -9.0), dict.fromkeys(range(6), 20.0)
    assert sides(moved(2, -1.0), *signal)[:6] == [1, 1, 0, 1, 1, 1]


def test_open_position_ignores_entries_of_the_other_side():
    assert sides(None, {0: -9.0, 4: 9.0}, {0: 20.0, 4: 80.0})[:8] == [1] * 8


def test_wanted_exit_stays_wanted_until_it_is_filled():
    """A minute without a trade fills nothing: the way out is asked for again, whatever entry there would be."""
    bars = moved(2, -1.0, until=3) | {3: {"traded": 0}}
    assert held(bars)[:6] == [1, 1, 0, 0, 0, 0]
    assert sides(bars, {0: -9.0, 3: -9.0}, {0: 20.0, 3: 20.0})[:6] == [1, 1, 0, 0, 0, 0]


def test_order_under_way_is_waited_for():
    assert held({1: {"traded": 0}})[:3] == [1, 1, 1]


@pytest.mark.parametrize("actions", [DiscreteStep(), DiscreteTarget(), Continuous()])
def test_every_action_map_makes_the_same_trades(actions):
    tape = random_tape(num_sessions=4)
    rng = np.random.default_rng(3)
    signals = {"vwap_dev": 3.0 * rng.standard_normal(len(tape.rows)), "rsi14": rng.uniform(-1, 1, len(tape.rows))}
    recordings = [
        roll_out(tape, make_rules(tape, execution=QUARTER, actions=kind), np.arange(4), EXPERT.rule(signals), seed=0)
        for kind in (DiscreteTarget(), actions)
    ]
    assert {-100.0, 0.0, 100.0} <= set(recordings[0].target.ravel())
    assert recordings[1].target.tobytes() == recordings[0].target.tobytes()


def test_no_decision_reads_what_comes_later():
    tape = random_tape(num_sessions=3)
    rng = np.random.default_rng(4)
    signals = {"vwap_dev": 3.0 * rng.standard_normal(len(tape.rows)), "rsi14": rng.uniform(-1, 1, len(tape.rows))}
    rules = make_rules(tape, execution=QUARTER)
    whole = roll_out(tape, rules, np.arange(3), EXPERT.rule(signals), seed=0)
    for row in (70, 85, 100):  # of the second session, which begins at row 60
        rows = np.array(tape.rows)
        for name in ("open", "high", "low", "close", "vwap", "mid", "atr", "quoted_spread"):
            rows[name][row + 1 :] *= rng.uniform(0.5, 2.0)
        other = {name: np.concatenate([v[: row + 1], -v[row + 1 :]]) for name, v in signals.items()}
        changed = roll_out(replace(tape, rows=view(rows)), rules, np.arange(3), EXPERT.rule(other), seed=0)
        decisions = row - 60 + 1
        assert whole.wanted[:decisions, 1].tobytes() == changed.wanted[:decisions, 1].tobytes()
        assert whole.wanted[:, 1].tobytes() != changed.wanted[:, 1].tobytes()


def test_signals_of_another_market_are_refused():
    tape = make_tape([[{"close": 100.0}] * 5])
    rule = EXPERT.rule({"vwap_dev": np.zeros(5), "rsi14": np.zeros(4)})
    message = r"VwapReversion: rsi14 must have one value for each of 5 tape rows, had the shape \(4,\)"
    with pytest.raises(ConfigError, match=message):
        rule.bind(make_batch(tape))


def test_action_map_without_sides_is_refused(monkeypatch):
    tape = make_tape([[{"close": 100.0}] * 5])
    batch: BatchEnv = make_batch(tape)
    monkeypatch.delattr(DiscreteTarget, "towards")
    with pytest.raises(ConfigError, match=r"needs an action map that has `towards`, was DiscreteTarget"):
        EXPERT.rule({"vwap_dev": np.zeros(5), "rsi14": np.zeros(5)}).bind(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entry_atr": 0.0}, r"VwapReversion.entry_atr must be > 0 \(ATR\), was 0.0"),
        ({"stop_atr": -1.0}, "VwapReversion.stop_atr must be > 0"),
        ({"target_atr": np.nan}, "VwapReversion.target_atr must be > 0"),
        ({"rsi_low": 70.0}, r"VwapReversion.rsi_low must be in \[0.0, 65.0\]"),
        ({"rsi_high": 101.0}, r"VwapReversion.rsi_high must be in \[0.0, 100.0\]"),
        ({"spread_max_bps": 0.0}, "VwapReversion.spread_max_bps must be > 0"),
        ({"last_entry_minutes": -1}, "VwapReversion.last_entry_minutes must be >= 0"),
        ({"min_hold_minutes": -1}, "VwapReversion.min_hold_minutes must be >= 0"),
        ({"max_hold_minutes": 4}, "VwapReversion.max_hold_minutes must be >= 5"),
        ({"min_hold_minutes": 0, "max_hold_minutes": 0}, "VwapReversion.max_hold_minutes must be >= 1"),
    ],
)
def test_impossible_parameters_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        EXPERT._replace(**changes).check()
