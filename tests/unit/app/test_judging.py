"""Judging by hand: the three hand-computed sessions through ledger, audit, metrics, gates and baselines."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from intraday_rl.app.judging import Counted, cost_words, judge_bundle, refused, write_judgement
from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.gates import GateLimits, Trials
from tests.support.policies import ScriptedPolicy
from tests.unit.evaluation.hand_sessions import SCRIPTS, hand_rules, hand_tape
from tests.unit.evaluation.test_gates import LIMITS

CONFIG = {"seed": 0, "evaluation": {"bootstrap_seed": 0}}
ALONE = Counted(Trials(num_trials=1, sharpe_variance=None, counted_on="2024-12-31"), "this run alone")


class HandBundle(ScriptedPolicy):
    """The scripts of the hand-computed sessions as a bundle."""


def data_of(tape, **limits):
    plan = SimpleNamespace(gates=GateLimits(**(LIMITS | limits)))
    frozen = SimpleNamespace(slippage_budget_bps=20.0)
    return SimpleNamespace(tape=tape, rules=hand_rules(tape), plan=plan, frozen=frozen)


def judge_by_hand(tape=None, sessions=(0, 1, 2), comparisons=None, count=lambda metrics: ALONE, **limits):
    market = tape or hand_tape()
    bundle = HandBundle(*(SCRIPTS[s] for s in sessions))
    days = np.array(sessions, dtype=np.int64)
    return judge_bundle(bundle, data_of(market, **limits), days, CONFIG, comparisons or {}, count)


def test_judged_metrics_are_those_of_the_ledger():
    judged = judge_by_hand()
    assert judged.metrics["net_pnl_usd"] == pytest.approx(-23, abs=1e-8)
    assert judged.metrics["num_round_trips"] == 3
    assert judged.metrics["sessions_not_flat"] == 1
    assert judged.metrics["fill_rate"] == pytest.approx(700 / 800)  # the last exit was asked for and never filled
    assert judged.metrics["information_ratio"] is None  # no benchmark for this symbol


def test_judged_baselines_trade_the_same_sessions():
    judged = judge_by_hand()
    assert list(judged.baselines) == ["flat", "buy_and_hold"]
    assert judged.baselines["flat"]["net_pnl_usd"] == 0.0
    assert judged.baselines["buy_and_hold"]["num_sessions"] == 3
    # session 0: in at 100.12, out at 100.48; session 1: 60 at 200.12 and 40 at 200.32, out at 199.78; session 2: +17
    holder = 100 * (100.48 - 100.12) - 2 + (100 * 199.78 - 60 * 200.12 - 40 * 200.32) - 3 + 17
    assert judged.baselines["buy_and_hold"]["net_pnl_usd"] == pytest.approx(holder, abs=1e-8)
    assert list(judged.baseline_bars) == ["buy_and_hold"]  # a flat line needs no picture


def test_judged_beside_what_it_is_compared_with():
    scripts = [SCRIPTS[s] for s in (0, 1, 2)]
    judged = judge_by_hand(comparisons={"expert": HandBundle(*scripts)})
    assert list(judged.baselines) == ["flat", "buy_and_hold", "expert"]
    assert judged.baselines["expert"] == judged.metrics
    assert list(judged.baseline_bars) == ["buy_and_hold", "expert"]


def test_a_judgement_can_be_refused_whatever_the_gates_say():
    refusal = refused(judge_by_hand(), "the reason")
    assert (refusal.judgement.verdict, refusal.judgement.explanation) == ("fail", "fail: the reason")
    assert refusal.metrics == judge_by_hand().metrics


def test_judged_first_stage_is_the_first_sessions():
    judged = judge_by_hand(first_stage_sessions=2)
    first, whole = judged.judgement.stages
    assert (first.num_sessions, first.num_round_trips) == (2, 3)
    assert (whole.num_sessions, whole.num_round_trips) == (3, 3)


def test_judged_slippage_is_held_against_the_bundles_budget():
    judged = judge_by_hand(slippage_budget_share_max=0.5)
    assert judged.judgement.slippage_budget_bps == 20.0
    gate = next(gate for gate in judged.judgement.stages[1].gates if gate.id == "G4")
    moves = [
        12,
        -1e4 * 0.08 / 100.2,
        1e4 * 0.12 / 100.4,
        6,
        1e4 * 0.12 / 200.2,
        1e4 * 0.12 / 200.1,
        1e4 * 0.02 / 199.9,
        4,
    ]
    assert gate.value == pytest.approx(np.average(moves, weights=[100, 200, 100, 60, 40, 70, 30, 100]), abs=1e-9)
    assert gate.limit == "<= 10"


def test_judged_benchmark_is_spy_from_open_to_close_of_the_same_sessions():
    judged = judge_by_hand(replace(hand_tape(), symbols=("SPY",)))
    own = np.array([-11, -29, 17]) / 50_000
    spy = np.array([100.70 / 100.00, 199.80 / 200.00, 50.20 / 50.00]) - 1
    active = own - spy
    assert judged.metrics["information_ratio"] == pytest.approx(
        active.mean() / active.std(ddof=1) * np.sqrt(252), abs=1e-9
    )


def test_judged_benchmark_opens_at_the_first_trade():
    """No trade in a session's first minute: its prices are unknown, and the session still counts."""
    tape = replace(hand_tape(), symbols=("SPY",))
    for name in ("open", "high", "low", "close", "mid", "vwap"):
        tape.rows[name][8] = np.nan
    tape.rows["traded"][8] = 0
    tape.rows["open"][9] = 200.00
    tape = replace(tape, first_row=np.array([0, 9, 16]))
    judged = judge_by_hand(tape)
    own = judged.ledger.sessions["session_return"].to_numpy()
    active = own - (np.array([100.70 / 100.00, 199.80 / 200.00, 50.20 / 50.00]) - 1)
    assert judged.metrics["information_ratio"] == pytest.approx(
        active.mean() / active.std(ddof=1) * np.sqrt(252), abs=1e-9
    )


def test_judged_with_the_trials_that_are_counted_once_its_metrics_are_known():
    told = []

    def count(metrics):
        told.append(metrics)
        return Counted(ALONE.trials, "elsewhere")

    judged = judge_by_hand(count=count)
    assert told == [judged.metrics]
    assert judged.trials_counted == "elsewhere"


def test_judging_no_usable_session_is_refused():
    with pytest.raises(ParameterError, match="usable sessions"):
        judge_by_hand(sessions=())


def test_judging_twice_gives_the_same():
    first, second = judge_by_hand(), judge_by_hand()
    assert first.metrics == second.metrics
    assert first.baselines == second.baselines
    assert first.judgement.to_json() == second.judgement.to_json()


def test_written_judgement_is_what_was_judged(tmp_path):
    judged = judge_by_hand()
    write_judgement(tmp_path / "a" / "b", judged, "the sessions of the test")
    folder = tmp_path / "a" / "b"
    assert json.loads((folder / "metrics.json").read_text()) == judged.metrics
    assert json.loads((folder / "baselines.json").read_text()) == judged.baselines
    gates = json.loads((folder / "gates.json").read_text())
    assert (gates["num_trials"], gates["trials_counted_on"]) == (1, "2024-12-31")
    assert (gates["trials_counted"], gates["judged_on"]) == ("this run alone", "the sessions of the test")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "trades.parquet"), judged.ledger.trades)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "fills.parquet"), judged.ledger.fills)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "equity.parquet"), judged.ledger.bars)


def test_cost_words_name_every_parameter_with_its_value():
    tape = hand_tape()
    market = SimpleNamespace(instrument=SimpleNamespace(name="equity"))
    words = cost_words(SimpleNamespace(rules=hand_rules(tape), markets=[market]))
    for word in (
        "equity",
        "low_ms 15000",
        "base_spread 0.02",
        "per_unit_usd 0.005",
        "order_minimum_usd 1",
        "coefficient 1",
    ):
        assert word in words
    assert "\n" not in words
