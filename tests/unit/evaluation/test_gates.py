import json
import math

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.gates import GateLimits, Trials, first_sessions, judge
from intraday_rl.metrics import summarize
from tests.support.builders import example_ledger

LIMITS = {
    "profit_factor_min": 1.25,
    "hit_rate_min": 0.55,
    "session_drawdown_max": 0.006,
    "slippage_budget_share_max": 0.7,
    "hold_minutes_min": 1.0,
    "hold_minutes_max": 15.0,
    "tail_drawdown_max": 0.01,
    "single_loss_max": 0.003,
    "round_trips_per_session_max": 20,
    "in_market_minutes_per_session_max": 180,
    "evidence_sessions_min": 20,
    "evidence_round_trips_min": 100,
    "deflated_sharpe_min": 0.95,
    "profit_factor_bound_min": 1.0,
    "notional_in_market_min": 0.5,
    "first_stage_sessions": 5,
}
ONE_TRIAL = {"num_trials": 1, "sharpe_variance": None, "counted_on": "2024-12-31"}

# A run that passes everything: 25 sessions, 250 round trips. With a Sharpe ratio of 0.15 a round trip, normal moments
# and one trial the standard error is sqrt((1 + 0.5 x 0.15^2) / 249) = 0.06373, so E2 is Phi(2.354) = 0.9907.
GOOD = {
    "num_sessions": 25,
    "num_accounts": 1,
    "num_round_trips": 250,
    "profit_factor": 1.6,
    "pf_undefined": False,
    "profit_factor_lower_bound": 1.2,
    "hit_rate": 0.58,
    "break_even_hit_rate": 0.46,
    "worst_session_drawdown": 0.004,
    "tail_drawdown": 0.005,
    "worst_trade_fraction": -0.001,
    "slippage_bps": 0.5,
    "hold_median_minutes": 6.0,
    "max_round_trips_per_session": 14,
    "max_in_market_minutes_per_session": 90,
    "mean_notional_in_market": 0.9,
    "round_trip_sharpe": 0.15,
    "round_trip_skewness": 0.0,
    "round_trip_kurtosis": 3.0,
    "worst_session_drawdown_in_gross_profit": 0.2,
    "tail_drawdown_in_gross_profit": 0.25,
    "worst_loss_in_gross_profit": 0.05,
}
# Five sessions of the same kind: no gate fails, but they are not evidence.
FIRST = GOOD | {"num_sessions": 5, "num_round_trips": 50, "profit_factor_lower_bound": 0.9}


def _judge(changes=None, *, first=FIRST, limits=None, trials=None, budget_bps=1.0):
    return judge(
        first,
        GOOD | (changes or {}),
        limits=GateLimits(**(LIMITS | (limits or {}))),
        trials=Trials(**(ONE_TRIAL | (trials or {}))),
        slippage_budget_bps=budget_bps,
    )


def _gate(gate_id, changes=None, **arguments):
    stage = _judge(changes, **arguments).stages[1]
    return next(gate for gate in stage.gates if gate.id == gate_id)


def test_judge_passes_a_run_that_holds_everything():
    judgement = _judge()
    assert judgement.verdict == "pass"
    assert judgement.explanation == "pass: all gates and guards hold (25 sessions, 250 round trips, 1 trials)"
    assert [gate.id for gate in judgement.stages[1].gates] == [f"G{number}" for number in range(1, 10)] + [
        "E1",
        "E2",
        "E3",
        "S1",
    ]


@pytest.mark.parametrize(
    ("gate_id", "key", "at_limit", "beyond"),
    [
        ("G1", "profit_factor", 1.25, 1.2499),
        ("G2", "hit_rate", 0.55, 0.5499),
        ("G3", "worst_session_drawdown", 0.006, 0.00601),
        ("G4", "slippage_bps", 0.7, 0.701),
        ("G5", "hold_median_minutes", 1.0, 0.99),
        ("G5", "hold_median_minutes", 15.0, 15.1),
        ("G6", "tail_drawdown", 0.00999, 0.01),  # equality fails: the gate is strict
        ("G7", "worst_trade_fraction", -0.003, -0.00301),
        ("G8", "max_round_trips_per_session", 20, 21),
        ("G9", "max_in_market_minutes_per_session", 180, 181),
    ],
)
def test_gate_fails_just_beyond_its_limit(gate_id, key, at_limit, beyond):
    assert _gate(gate_id, {key: at_limit}).verdict == "pass"
    assert _gate(gate_id, {key: beyond}).verdict == "fail"
    judgement = _judge({key: beyond})
    assert judgement.verdict == "fail"
    assert judgement.explanation.startswith(f"fail: {gate_id} ")


def test_gates_do_not_decide_by_the_rounding_of_a_sum():
    assert 0.7 * 3.0 < 2.1  # in floating point
    assert _gate("G4", {"slippage_bps": 2.1}, budget_bps=3.0).verdict == "pass"
    assert _gate("G3", {"worst_session_drawdown": 0.006 * (1 + 1e-15)}).verdict == "pass"
    assert _gate("G6", {"tail_drawdown": 0.01 * (1 - 1e-15)}).verdict == "fail"


def test_gates_report_value_and_limit_in_one_unit():
    gate = _gate("G3")
    assert (gate.value, gate.limit) == (0.004, "<= 0.006")
    assert gate.reason == "worst session drawdown is 0.400%, limit <= 0.600% (0.20 x the sum of wins)"
    assert _gate("G4", budget_bps=2.0).limit == "<= 1.4"
    assert _gate("G2").reason == "hit rate is 58.00%, limit >= 55.00%, break-even 46.00%"


def test_negative_slippage_passes():
    assert _gate("G4", {"slippage_bps": -0.2}, budget_bps=0.0).verdict == "pass"


def test_slippage_gate_without_a_budget_lacks_evidence():
    assert _gate("G4", budget_bps=None).verdict == "not enough evidence"
    judgement = _judge(budget_bps=None)
    assert judgement.verdict == "not enough evidence"
    assert "G4 there is no slippage budget" in judgement.explanation


def test_infinite_profit_factor_passes_only_with_enough_evidence():
    wins_only = {"profit_factor": None, "pf_undefined": True, "profit_factor_lower_bound": None}
    assert _gate("G1", wins_only).verdict == "pass"
    assert _gate("E3", wins_only).verdict == "pass"
    assert _judge(wins_only).verdict == "pass"
    few = wins_only | {"num_round_trips": 99}
    assert _gate("G1", few).verdict == "not enough evidence"
    assert _judge(few).verdict == "not enough evidence"


def test_worst_trade_that_won_is_no_loss():
    gate = _gate("G7", {"worst_trade_fraction": 0.0002})
    assert (gate.value, gate.verdict) == (0.0, "pass")


def test_run_without_trades_fails():
    undefined = ["profit_factor", "profit_factor_lower_bound", "hit_rate", "break_even_hit_rate", "slippage_bps"]
    undefined += ["hold_median_minutes", "worst_trade_fraction", "mean_notional_in_market", "round_trip_sharpe"]
    undefined += ["round_trip_skewness", "round_trip_kurtosis", "worst_loss_in_gross_profit"]
    nothing = dict.fromkeys(undefined)
    nothing |= {"num_round_trips": 0, "max_round_trips_per_session": 0, "max_in_market_minutes_per_session": 0}
    judgement = _judge(nothing)
    assert judgement.verdict == "fail"
    assert "G1 profit factor is undefined: no round trips" in judgement.explanation
    verdicts = {gate.id: gate.verdict for gate in judgement.stages[1].gates}
    assert [verdicts[f"G{number}"] for number in (1, 2, 4, 5)] == ["fail"] * 4
    assert [verdicts[guard] for guard in ("E1", "E2", "E3", "S1")] == ["not enough evidence"] * 4


def test_drawdown_gates_without_sessions_lack_evidence():
    assert _gate("G3", {"worst_session_drawdown": None}).verdict == "not enough evidence"
    assert _gate("G6", {"tail_drawdown": None}).verdict == "not enough evidence"


def test_break_even_trades_only_fail_the_profit_factor():
    gate = _gate("G1", {"profit_factor": None})
    assert (gate.verdict, gate.reason) == ("fail", "profit factor is undefined")


@pytest.mark.parametrize(("sessions", "round_trips", "enough"), [(20, 100, True), (19, 100, False), (20, 99, False)])
def test_evidence_needs_sessions_and_round_trips(sessions, round_trips, enough):
    changes = {"num_sessions": sessions, "num_round_trips": round_trips, "round_trip_sharpe": 0.5}
    assert _judge(changes).verdict == ("pass" if enough else "not enough evidence")


def test_deflated_sharpe_guard_of_the_papers_example():
    # annual 2.5 over 1250 days, skewness -3, kurtosis 10, 100 trials with an annual variance of 0.5: 0.9004
    changes = {
        "num_round_trips": 1250,
        "round_trip_sharpe": 2.5 / math.sqrt(250),
        "round_trip_skewness": -3.0,
        "round_trip_kurtosis": 10.0,
    }
    chosen = _gate("E2", changes, trials={"num_trials": 100, "sharpe_variance": 0.5 / 250})
    assert chosen.value == pytest.approx(0.900397, abs=1e-6)
    assert chosen.verdict == "not enough evidence"
    assert _gate("E2", changes).verdict == "pass"  # the same returns as a single trial


def test_deflated_sharpe_guard_of_one_trial_compares_with_zero():
    # (0.15 - 0) / sqrt((1 + 0.5 x 0.15^2) / 249) = 2.35379; table of the normal distribution: 0.9907
    assert _gate("E2").value == pytest.approx(0.9907, abs=5e-5)


def test_deflated_sharpe_guard_of_several_accounts_is_that_of_days():
    # 25 days at 0.4: 0.4 / sqrt((1 + 0.5 x 0.4^2) / 24) = 1.88562; table of the normal distribution: 0.9703
    days = {"num_accounts": 3, "session_sharpe": 0.4, "session_skewness": 0.0, "session_kurtosis": 3.0}
    assert _gate("E2", days).value == pytest.approx(0.9703, abs=5e-5)
    undefined = _gate("E2", days | {"session_sharpe": None})
    assert undefined.reason == "the deflated Sharpe ratio is undefined: too few or equal sessions"


def test_deflated_sharpe_guard_needs_the_variance_of_several_trials():
    gate = _gate("E2", trials={"num_trials": 2})
    assert gate.verdict == "not enough evidence"
    assert gate.reason == "the variance of the Sharpe ratios of 2 trials is unknown"


def test_deflated_sharpe_guard_is_undefined_for_equal_round_trips():
    equal = dict.fromkeys(("round_trip_sharpe", "round_trip_skewness", "round_trip_kurtosis"))
    assert _gate("E2", equal).verdict == "not enough evidence"


def test_profit_factor_bound_must_exceed_one():
    assert _gate("E3", {"profit_factor_lower_bound": 1.01}).verdict == "pass"
    assert _gate("E3", {"profit_factor_lower_bound": 1.0}).verdict == "not enough evidence"
    assert _judge({"profit_factor_lower_bound": 1.0}).verdict == "not enough evidence"


def test_size_guard_asks_for_the_size_of_the_next_stage():
    assert _gate("S1", {"mean_notional_in_market": 0.5}).verdict == "pass"
    small = _judge({"mean_notional_in_market": 0.1})
    assert small.verdict == "not enough evidence"
    assert "S1 mean position is 10.0% of NAV, the next stage's is 50.0%" in small.explanation
    assert _judge({"mean_notional_in_market": 0.1}, limits={"notional_in_market_min": 0.0}).verdict == "pass"


def test_failure_outweighs_missing_evidence():
    assert _judge({"hit_rate": 0.4, "num_round_trips": 10}).verdict == "fail"


def test_first_stage_never_passes_on_five_sessions():
    stage = _judge().stages[0]
    assert (stage.stage, stage.num_sessions, stage.verdict) == ("1a", 5, "not enough evidence")
    assert all(gate.verdict == "pass" for gate in stage.gates if gate.id.startswith("G"))


def test_first_stage_is_reported_but_does_not_decide():
    judgement = _judge(first=FIRST | {"hit_rate": 0.5})
    assert judgement.stages[0].verdict == "fail"
    assert judgement.verdict == "pass"


def test_judgement_is_plain_json_with_the_count_of_trials():
    judgement = _judge({"profit_factor": None}, trials={"num_trials": 3, "sharpe_variance": 0.001})
    content = json.loads(json.dumps(judgement.to_json(), allow_nan=False))
    assert content["verdict"] == judgement.verdict
    assert (content["num_trials"], content["trials_sharpe_variance"]) == (3, 0.001)
    assert content["trials_counted_on"] == "2024-12-31"
    assert [stage["stage"] for stage in content["stages"]] == ["1a", "1b"]
    assert content["stages"][1]["gates"][0] == {
        "id": "G1",
        "name": "profit factor",
        "value": None,
        "limit": ">= 1.25",
        "verdict": "fail",
        "reason": "profit factor is undefined",
    }
    assert content["limits"] == LIMITS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hit_rate_min", 55.0),
        ("session_drawdown_max", 0.0),
        ("hold_minutes_max", 0.5),
        ("profit_factor_min", -1.0),
        ("deflated_sharpe_min", 0.05),
        ("first_stage_sessions", 0),
        ("notional_in_market_min", math.nan),
    ],
)
def test_limits_refuse_impossible_values(name, value):
    with pytest.raises(ParameterError, match=f"GateLimits.{name} must be"):
        _judge(limits={name: value})


def test_trials_and_budget_refuse_impossible_values():
    with pytest.raises(ParameterError, match="num_trials must be >= 1, was 0"):
        _judge(trials={"num_trials": 0})
    with pytest.raises(ParameterError, match="sharpe_variance must be >= 0"):
        _judge(trials={"sharpe_variance": -0.1})
    with pytest.raises(ParameterError, match=r"slippage_budget_bps must be >= 0 \(bps\)"):
        _judge(budget_bps=-1.0)


def test_first_sessions_cuts_every_frame():
    frames = first_sessions(tuple(example_ledger()), 2)
    assert [set(frame["session"]) for frame in frames] == [{0, 1}] * 4
    assert [len(frame) for frame in frames] == [2, 2, 4, 12]
    assert [len(frame) for frame in first_sessions(tuple(example_ledger()), 9)] == [3, 3, 7, 18]


def test_judge_reads_the_summary_of_a_real_ledger():
    ledger = example_ledger()
    summaries = [
        summarize(*frames, rng=np.random.default_rng(0)) for frames in (first_sessions(tuple(ledger), 2), ledger)
    ]
    judgement = judge(*summaries, limits=GateLimits(**LIMITS), trials=Trials(**ONE_TRIAL), slippage_budget_bps=1.0)
    # profit factor 30.4 / 53.7 = 0.566, a session loses 0.107 % on a position of 20 % of NAV
    assert judgement.verdict == "fail"
    assert "G1 profit factor is 0.566" in judgement.explanation
    assert judgement.stages[0].gates[0].verdict == "not enough evidence"  # two sessions that only won


SHARES, COST_USD, STEP_USD, BRACKET_USD, HOLD = 30, 0.02, 0.225, 0.72, 12
TRADES_A_SESSION, BARS = 12, 390


def _bracket_ledger(rng, num_sessions, drift_usd):
    """Return a ledger of trades with symmetric brackets and a time exit in a random walk with a favourable drift."""
    paths = (drift_usd + STEP_USD * rng.standard_normal((num_sessions * TRADES_A_SESSION, HOLD))).cumsum(axis=1)
    out = np.abs(paths) >= BRACKET_USD
    last = np.where(out.any(axis=1), out.argmax(axis=1), HOLD - 1)
    marks = np.where(np.arange(HOLD) > last[:, None], np.take_along_axis(paths, last[:, None], axis=1), paths)
    trade_nav = SHARES * (marks - COST_USD)
    bar_pnl = np.zeros((num_sessions, BARS))
    steps = np.diff(trade_nav, axis=1, prepend=0.0).reshape(num_sessions, TRADES_A_SESSION, HOLD)
    for trade in range(TRADES_A_SESSION):
        bar_pnl[:, 20 + 30 * trade : 20 + 30 * trade + HOLD] = steps[:, trade]
    nav = 50_000.0 + bar_pnl.cumsum(axis=1)
    number = np.arange(num_sessions)
    net = bar_pnl.sum(axis=1)
    path = np.concatenate([np.full((num_sessions, 1), 50_000.0), nav], axis=1)
    held = (last + 1).reshape(num_sessions, TRADES_A_SESSION).sum(axis=1)
    sessions = pd.DataFrame({"session": number, "start_nav": 50_000.0, "net_pnl": net, "round_trips": TRADES_A_SESSION})
    sessions = sessions.assign(
        max_drawdown=(np.maximum.accumulate(path, axis=1) - path).max(axis=1) / 50_000.0,
        in_market_minutes=held,
        bars=BARS,
        mean_absolute_exposure=0.3 * held / BARS,
        traded_notional=2.0 * TRADES_A_SESSION * SHARES * 500.0,
        flat_at_end=True,
        **dict.fromkeys(("commission_usd", "spread_usd", "impact_usd", "latency_usd"), 0.0),
    )
    trades = pd.DataFrame({"session": np.repeat(number, TRADES_A_SESSION), "net_pnl": trade_nav[:, -1]})
    trades = trades.assign(minutes_held=last + 1.0, initial_risk_usd=SHARES * BRACKET_USD)
    fills = pd.DataFrame({"session": number, "quantity": 1.0, "slippage_bps": 0.2, "reason": "agent"})
    bars = pd.DataFrame({"session": np.repeat(number, BARS), "nav": nav.ravel()})
    return sessions, trades, fills, bars.assign(equity=50_000.0 + bar_pnl.ravel().cumsum())


def _passes(summaries, num_trials, sharpe_variance):
    limits = GateLimits(**(LIMITS | {"notional_in_market_min": 0.25}))
    trials = Trials(num_trials=num_trials, sharpe_variance=sharpe_variance, counted_on="2024-12-31")
    return [
        judge(summary, summary, limits=limits, trials=trials, slippage_budget_bps=1.0).verdict == "pass"
        for summary in summaries
    ]


def _summaries(seed, count, num_sessions, drift_usd):
    rng = np.random.default_rng(seed)
    return [summarize(*_bracket_ledger(rng, num_sessions, drift_usd), rng=rng) for _ in range(count)]


@pytest.mark.slow
def test_ladder_refuses_worthless_candidates():
    summaries = _summaries(0, 500, 20, 0.0)
    variance = float(np.var([summary["round_trip_sharpe"] for summary in summaries], ddof=1))
    deflated = sum(_passes(summaries, 500, variance))
    assert deflated <= 5
    # Judged as if each were the only trial, more get through by chance.
    assert sum(_passes(summaries, 1, None)) > deflated


@pytest.mark.slow
def test_ladder_passes_candidates_with_a_strong_edge():
    summaries = _summaries(1, 60, 60, 0.024)
    assert np.mean([summary["profit_factor"] for summary in summaries]) == pytest.approx(1.92, abs=0.1)
    null_variance = 1.0 / (60 * TRADES_A_SESSION)  # of the Sharpe ratio of that many worthless round trips
    assert np.mean(_passes(summaries, 30, null_variance)) >= 0.95
