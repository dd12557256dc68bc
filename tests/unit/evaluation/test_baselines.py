"""Baselines: flat never trades, buy and hold trades twice, under every action map."""

import numpy as np
import pytest

from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.risk import MaxNotional, MaxUnits
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.baselines import ConstantPolicy, baselines
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.rollout import roll_out
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape
from tests.unit.evaluation.hand_sessions import full_rules

MAPS = [DiscreteStep(), DiscreteTarget(), Continuous()]
by_map = pytest.mark.parametrize("actions", MAPS, ids=lambda a: type(a).__name__)


def ledger_of(name, tape, rules, sessions):
    return build_ledger(roll_out(tape, rules, np.asarray(sessions), baselines(rules.actions)[name], seed=0))


@by_map
def test_baselines_are_flat_and_buy_and_hold(actions):
    assert list(baselines(actions)) == ["flat", "buy_and_hold"]


def test_constant_policy_gives_one_action_for_each_observation_and_hands_the_state_back():
    actions, state = ConstantPolicy(2).predict(np.zeros((5, 3), dtype=np.float32), "state")
    assert (list(actions), state) == ([2] * 5, "state")


@by_map
def test_flat_never_trades(actions):
    tape = random_tape(num_sessions=3)
    ledger = ledger_of("flat", tape, full_rules(tape, execution=make_execution(**COSTLY), actions=actions), range(3))
    assert len(ledger.fills) == 0
    assert list(ledger.sessions["end_nav"]) == [50_000.0] * 3
    assert not ledger.sessions["orders"].any()


@by_map
def test_buy_and_hold_by_hand(actions):
    """100 units at the open of row 1, out at the open of row 4 (flat one minute before the close of row 5): 3 x 100."""
    prices = [100.0, 101.0, 99.0, 103.0, 104.0, 104.0]
    tape = make_tape([[{"close": c, "open": prices[max(i - 1, 0)]} for i, c in enumerate(prices)]])
    ledger = ledger_of("buy_and_hold", tape, full_rules(tape, actions=actions), [0])
    assert list(ledger.fills["quantity"]) == [100, -100]
    assert list(ledger.fills["price"]) == [100.0, 103.0]
    assert list(ledger.trades["net_pnl"]) == pytest.approx([300.0], abs=1e-9)


@by_map
def test_buy_and_hold_holds_while_its_allowed_size_moves(actions):
    """The size limit follows price and NAV; a holder neither adds nor trims: one entry, one exit a session."""
    tape = random_tape(num_sessions=4)
    tape.rows["traded"], tape.rows["volume"] = 1, 1e6
    limits = {"units": MaxUnits(units=10_000), "notional": MaxNotional(nav_multiple=1.0)}
    rules = full_rules(tape, execution=make_execution(**COSTLY), actions=actions, limits=limits)
    ledger = ledger_of("buy_and_hold", tape, rules, range(4))
    audit(ledger)
    assert list(ledger.fills.groupby("session").size()) == [2] * 4
    assert list(ledger.trades["direction"]) == [1] * 4
    assert list(ledger.sessions["flat_at_end"]) == [True] * 4
    assert list(ledger.sessions["in_market_minutes"]) == [57] * 4  # rows 1 to 57; out in row 58 of 0 to 59
