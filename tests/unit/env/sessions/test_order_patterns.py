"""What counts as an order, a change, a repeat, a loop and a spiral, along sessions under each action map (SPEC B55).

Every bar is at 100 and trading is free: only the orders count. A row of `ORDERS` is what one action brings: the action,
the position after it, whether it changed sides, the orders in a row on one side (0: no order), and the pattern.
"""

import numpy as np
import pytest

from intraday_rl.env.actions import BUY, HOLD, SELL, Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.risk import MaxRoundTrips, TradeStop
from intraday_rl.env.single_env import TradingEnv
from tests.support.full_rules import full_batch
from tests.support.tapes import make_tape
from tests.unit.env.sessions.hand_market import play

STEP = [
    (HOLD, 0, 0, 0, ""),  # waiting is no order
    (BUY, 100, 0, 1, ""),
    (BUY, 100, 0, 2, ""),  # no effect, and an order all the same
    (BUY, 100, 0, 3, "spiral"),
    (HOLD, 100, 0, 0, ""),
    (BUY, 100, 0, 4, "spiral"),  # holding in between does not forgive
    (SELL, 0, 1, 1, ""),
    (SELL, -100, 0, 2, ""),  # the same side, and it adds
    (SELL, -100, 0, 3, "spiral"),
    (BUY, 0, 1, 1, ""),  # first change after one that was none
    (SELL, -100, 1, 1, ""),
    (BUY, 0, 1, 1, "loop"),  # the third in a row
    (HOLD, 0, 0, 0, ""),
    (SELL, -100, 1, 1, "loop"),  # the fourth: holding in between does not break the row
    (SELL, -100, 0, 2, ""),
    (BUY, 0, 1, 1, ""),  # it was broken by an order on the same side
]
TARGET = [
    (HOLD, 0, 0, 0, ""),  # flat already: no order
    (BUY, 100, 0, 1, ""),
    (BUY, 100, 0, 0, ""),  # to stay long is no order
    (BUY, 100, 0, 0, ""),
    (HOLD, 0, 1, 1, ""),  # sells what was bought
    (SELL, -100, 0, 2, ""),
    (SELL, -100, 0, 0, ""),
    (BUY, 100, 1, 1, ""),  # from short to long in one order
    (SELL, -100, 1, 1, ""),
    (HOLD, 0, 1, 1, "loop"),
    (HOLD, 0, 0, 0, ""),
    (SELL, -100, 1, 1, "loop"),
]
CONTINUOUS = [
    (0.0, 0, 0, 0, ""),
    (0.2, 20, 0, 1, ""),
    (0.4, 40, 0, 2, ""),
    (0.41, 41, 0, 3, "spiral"),
    (0.41, 41, 0, 0, ""),
    (0.3, 30, 1, 1, ""),
    (0.1, 10, 0, 1, ""),  # less of the same position: neither adds nor is without effect
    (-0.05, -5, 0, 1, ""),  # turns to a smaller position
    (-0.2, -20, 0, 2, ""),
    (-0.201, -20, 0, 0, ""),  # in whole units the same
    (0.3, 30, 1, 1, ""),
    (0.29, 29, 1, 1, ""),
    (0.3, 30, 1, 1, "loop"),
]
SESSIONS = {
    "step": (DiscreteStep(), STEP),
    "target": (DiscreteTarget(), TARGET),
    "continuous": (Continuous(), CONTINUOUS),
}


def batch_of(actions, num_bars=24, **changes):
    return full_batch(make_tape([[{"close": 100.0} for _ in range(num_bars)]]), actions=actions, **changes)


def seen(steps):
    """Return what each step brought, as the rows of the tables above have it, without the action."""
    patterns = {0: "", 1: "loop", 2: "spiral"}
    return [
        (s["position"], s["changed"], s["repeats"] if s["bars_since_order"] == 0 else 0, patterns[s["pattern"]])
        for s in steps
    ]


@pytest.mark.parametrize("name", list(SESSIONS))
def test_orders_changes_and_repeats_along_a_session(name):
    actions, rows = SESSIONS[name]
    steps = play(batch_of(actions), [row[0] for row in rows])
    assert seen(steps) == [row[1:] for row in rows]


@pytest.mark.parametrize("name", list(SESSIONS))
def test_patterns_are_flagged_in_every_info_and_as_a_share_of_the_bars(name):
    actions, rows = SESSIONS[name]
    env = TradingEnv(batch_of(actions, num_bars=len(rows) + 2))  # flat one minute before the close
    env.reset()
    infos = [env.step(np.array([row[0]]) if name == "continuous" else row[0])[4] for row in rows]
    # The last order is decided when the session has to be flat: it is watched, and not sent.
    assert [info["action_pattern"] for info in infos] == [row[4] for row in rows]
    share = sum(row[4] != "" for row in rows) / len(rows)
    assert 0.0 < share < 0.5
    assert infos[-1]["pattern_frequency"] == pytest.approx(share, rel=1e-12)


def test_patterns_of_a_batch_are_each_account_s_own():
    batch = full_batch(make_tape([[{"close": 100.0} for _ in range(8)]]), 3, actions=DiscreteStep())
    observations = batch.reset()
    assert batch.patterns() == [""] * 3
    for actions in ((BUY, BUY, HOLD), (SELL, BUY, HOLD), (BUY, BUY, HOLD), (SELL, HOLD, HOLD)):
        batch.step(np.array(actions), observations)
        batch_patterns = batch.patterns()
        if actions == (BUY, BUY, HOLD):
            last_buys = batch_patterns
    assert last_buys == ["", "spiral", ""]
    assert batch_patterns == ["loop", "", ""]


@pytest.mark.parametrize("actions", [DiscreteStep(), DiscreteTarget()])
@pytest.mark.parametrize(("held", "changed"), [(1, 1), (9, 1), (10, 0), (11, 0)])
def test_order_of_the_other_side_is_a_change_within_ten_bars(actions, held, changed):
    # A BUY, so many bars without an order, a SELL: 10 bars later with 9 in between.
    waiting = HOLD if isinstance(actions, DiscreteStep) else BUY
    last = play(batch_of(actions), [BUY, *[waiting] * held, SELL])[-1]
    assert (last["changed"], last["repeats"], last["side"]) == (changed, 1, -1)


def test_changes_in_a_row_are_forgotten_after_ten_bars():
    steps = play(batch_of(DiscreteStep(), 40), [BUY, SELL, BUY, *[HOLD] * 10, SELL, BUY, SELL, BUY])
    assert [step["changes"] for step in steps] == [0, 1, 2, *[2] * 10, 0, 1, 2, 3]
    assert [step["pattern"] for step in steps] == [0] * 16 + [1]


def test_repeats_are_not_forgotten_with_time():
    steps = play(batch_of(DiscreteStep(), 40), [BUY, BUY, *[HOLD] * 15, BUY])
    assert (steps[-1]["repeats"], steps[-1]["pattern"]) == (3, 2)


def test_first_order_of_a_session_follows_none():
    batch = batch_of(DiscreteStep(), 5)
    steps = play(batch, [HOLD, BUY, BUY, SELL])
    assert [step["ended"] for step in steps] == [0, 0, 1, 0]
    assert (steps[3]["changed"], steps[3]["repeats"], steps[3]["pattern_bars"]) == (0, 1, 0)


def test_orders_that_a_rule_refuses_are_orders():
    # One round trip is allowed. The second BUY and those after it change nothing, and are given all the same.
    entries = {"round_trips": MaxRoundTrips(round_trips=1)}
    steps = play(batch_of(DiscreteTarget(), entries=entries), [BUY, HOLD, BUY, BUY, BUY, HOLD])
    assert seen(steps) == [(100, 0, 1, ""), (0, 1, 1, ""), (0, 1, 1, ""), (0, 0, 2, ""), (0, 0, 3, "spiral"),
                           (0, 0, 0, "")]  # fmt: skip
    assert [step["interventions"] for step in steps] == [0, 0, 1, 2, 3, 3]


def test_exit_by_rule_is_no_order_of_the_agent_s():
    # Bought at 100 with an ATR of 1: stopped at 98. The agent's next BUY is one on the same side as the one before.
    tape = make_tape([[{"close": close} for close in (100, 100, 98, 98, 98, 98, 98, 98)]])
    batch = full_batch(tape, actions=DiscreteStep(), exits={"stop": TradeStop(atr_multiple=1.0)})
    steps = play(batch, [BUY, HOLD, HOLD, HOLD, BUY])
    assert [step["position"] for step in steps] == [100, 100, 0, 0, 100]
    assert [step["changed"] for step in steps] == [0] * 5
    assert [step["side"] for step in steps] == [1] * 5
    assert steps[-1]["repeats"] == 2
