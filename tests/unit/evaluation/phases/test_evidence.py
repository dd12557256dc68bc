"""Evidence of judged sessions: the three sessions worked out by hand, and what the reward charges at its limit."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from intraday_rl.env.actions import HOLD
from intraday_rl.env.rewards.trading_cost import LiteralTurnoverPenalty, TurnoverPenalty
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.phases.evidence import penalty_at_limit_usd, session_evidence
from intraday_rl.evaluation.phases.session_measures import Question, max_drawdown
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.rollout import roll_out
from tests.support.policies import ScriptedPolicy
from tests.unit.evaluation.hand_sessions import hand_recording, hand_rules, hand_tape
from tests.unit.evaluation.two_symbols import two_symbol_ledger, two_symbol_market


@pytest.fixture(scope="module")
def hand():
    recording = hand_recording()
    ledger = build_ledger(recording)
    return ledger, session_evidence(ledger, combine_by_date(ledger), recording.tape, recording.rules, None)


def test_evidence_is_that_of_the_hand_computed_sessions(hand):
    _, e = hand
    assert e.returns == pytest.approx(np.array([-11.0, -29.0, 17.0]) / 50_000, abs=1e-12)
    navs = [[17, 7, -8, -8, 2, -11], [3.8, 18, -12, -27.4, -29], [7, 17, 27, 17, 17, 17]]
    for session, path in enumerate(navs):
        assert e.paths[session, : len(path)] == pytest.approx(np.array(path) / 50_000, abs=1e-12)
    assert e.paths[:, -1] == pytest.approx(e.returns, abs=1e-12)
    assert e.round_trips.tolist() == [2, 1, 0]
    assert e.wins.tolist() == [1, 0, 0]
    assert e.flat.tolist() == e.complete.tolist() == [True, True, False]
    assert (e.num_symbols, e.count) == (1, 3)


def test_drawdown_of_the_paths_is_that_of_the_metrics(hand):
    """Net of session 0: peak 50,017; the low is 50,000 - 11 - 29 = 49,960 at the end of session 1."""
    _, e = hand
    assert max_drawdown(e, Question(None, 3, None)).value == pytest.approx(57 / 50_017)


def test_a_session_cut_short_is_not_complete(hand):
    ledger, _ = hand
    tape, rules = hand_tape(), hand_rules(hand_tape())
    short = ledger.sessions.assign(bars=[3, 5, 6], flat_at_end=True)
    cut = replace(ledger, sessions=short)
    assert session_evidence(cut, cut.frames, tape, rules, None).complete.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("term", "usd"),
    [
        (TurnoverPenalty(0.00005, 0.02, 50.0), 1.25),  # 50 x 0.00005 x 0.02 / 2 x 50,000
        (TurnoverPenalty(0.00005, 0.008, None), 1.25),  # auto: the cost does not depend on the limit
        (LiteralTurnoverPenalty(0.00005, 0.02, 50.0), 0.001),  # 0.00005 x 0.02^2 x 50,000
    ],
)
def test_penalty_at_its_pivot(term, usd):
    rules = SimpleNamespace(terms={"profit": object(), "turnover": term}, initial_capital_usd=50_000.0)
    assert penalty_at_limit_usd(rules) == pytest.approx(usd)
    assert penalty_at_limit_usd(SimpleNamespace(terms={"profit": object()}, initial_capital_usd=50_000.0)) is None


def test_several_symbols_are_judged_by_their_days():
    """The two days worked out in `two_symbols`: +1,046 and -502 on the capital of both accounts."""
    ledger, (tape, rules) = two_symbol_ledger(), two_symbol_market()
    e = session_evidence(ledger, combine_by_date(ledger), tape, rules, None)
    assert e.returns == pytest.approx(np.array([0.01046, -0.00502]), abs=1e-12)
    assert (e.num_symbols, e.count, e.flat.tolist()) == (2, 2, [True, True])
    assert e.paths[0, :5] == pytest.approx(np.array([-1, 598, 798, 797, 1046]) / 100_000, abs=1e-12)
    assert e.regimes.minutes.sum() == 0  # half an hour tells the first regime


def test_a_policy_that_never_trades_leaves_evidence_too():
    tape = hand_tape()
    recording = roll_out(tape, hand_rules(tape), np.arange(3), ScriptedPolicy([HOLD], [HOLD], [HOLD]), seed=0)
    ledger = build_ledger(recording)
    e = session_evidence(ledger, combine_by_date(ledger), tape, recording.rules, None)
    assert e.returns.tolist() == [0.0] * 3
    assert e.complete.tolist() == [True] * 3
    assert (e.round_trips.sum(), e.regimes.round_trips.sum()) == (0, 0)
