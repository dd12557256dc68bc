"""The validator's numbers by hand, on three sessions, on one that never trades, and on one that only wins."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from intraday_rl.env.actions import BUY, HOLD
from intraday_rl.evaluation import validation
from intraday_rl.evaluation.validation import make_validator
from tests.support.policies import RowPolicy, ScriptedPolicy
from tests.support.tapes import COSTLY, make_execution, make_tape, random_tape
from tests.unit.evaluation.hand_sessions import SCRIPTS, full_rules, hand_rules, hand_tape


def validate(policy, sessions=(0, 1, 2), seed=0):
    tape = hand_tape()
    return make_validator(tape, hand_rules(tape), np.array(sessions), seed)(policy)


def test_validation_of_the_hand_computed_sessions():
    """Sessions -11, -29 and +17 of 50,000; round trips +14.50, -25.50 and -29 (the third session closed none)."""
    numbers = validate(ScriptedPolicy(*SCRIPTS))
    assert numbers["net_return"] == pytest.approx(-23 / 50_000, abs=1e-12)
    assert numbers["net_pnl_usd"] == pytest.approx(-23, abs=1e-8)
    returns = np.array([-11, -29, 17]) / 50_000
    assert numbers["sharpe_ratio"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(252), abs=1e-9)
    # mean -23 / 3; deviations -10/3, -64/3, 74/3: variance (100 + 4,096 + 5,476) / 18, error of the mean 13.3832
    assert numbers["t_statistic"] == pytest.approx(-23 / 3 / 13.3832, abs=1e-5)
    assert numbers["profit_factor"] == pytest.approx(14.5 / 54.5, abs=1e-9)
    assert numbers["hit_rate"] == pytest.approx(1 / 3, abs=1e-12)
    assert numbers["worst_session_drawdown"] == pytest.approx(47 / 50_000, abs=1e-12)
    assert numbers["round_trips_per_session"] == pytest.approx(1.0)
    assert numbers["turnover_per_session"] == pytest.approx((0.8024 + 0.8003 + 0.10004) / 3, abs=1e-12)
    assert numbers["exposure"] == pytest.approx(16 / 19, abs=1e-12)


def test_validation_of_a_policy_that_never_trades():
    numbers = validate(ScriptedPolicy([HOLD], [HOLD], [HOLD]))
    for name in (
        "net_return",
        "net_pnl_usd",
        "worst_session_drawdown",
        "round_trips_per_session",
        "turnover_per_session",
        "exposure",
    ):
        assert numbers[name] == 0.0, name
    for name in ("sharpe_ratio", "t_statistic", "profit_factor", "hit_rate"):
        assert math.isnan(numbers[name]), name


def test_validation_of_a_policy_that_only_wins():
    tape = make_tape([[{"close": 100.0 + i, "open": 100.0 + i} for i in range(8)]])
    numbers = make_validator(tape, full_rules(tape), np.array([0]), 0)(ScriptedPolicy([BUY]))
    assert numbers["profit_factor"] == math.inf
    assert numbers["hit_rate"] == 1.0
    assert numbers["worst_session_drawdown"] == 0.0


def test_validation_gives_plain_numbers():
    assert all(type(value) is float for value in validate(ScriptedPolicy(*SCRIPTS)).values())
    assert all(type(value) is float for value in validate(ScriptedPolicy([HOLD], [HOLD], [HOLD])).values())


def test_validation_judges_its_sessions_only():
    assert validate(ScriptedPolicy(SCRIPTS[1]), sessions=(1,))["net_pnl_usd"] == pytest.approx(-29, abs=1e-8)


def test_validation_twice_gives_the_same_numbers_and_its_seed_matters():
    tape = random_tape(num_sessions=4, minutes=60)
    rules = full_rules(tape, execution=make_execution(**COSTLY))
    policy = RowPolicy(len(rules.layout.names))
    validator = make_validator(tape, rules, np.arange(4), 5)
    first = validator(policy)
    assert first == validator(policy)
    assert first != make_validator(tape, rules, np.arange(4), 6)(policy)


def test_validation_tells_who_was_judged_and_how_trials_are_compared(monkeypatch):
    """Round trips +14.50, -25.50, -29 and sessions -11, -29, +17, each session beginning with 50,000."""
    tape, told = hand_tape(), []
    policy = ScriptedPolicy(*SCRIPTS)
    make_validator(tape, hand_rules(tape), np.arange(3), 0, lambda *judged: told.append(judged))(policy)
    ((judged, ratios),) = told
    assert judged is policy
    # mean -40 / 3; deviations 167/6, -73/6, -94/6: variance (27,889 + 5,329 + 8,836) / 72 = 584.083
    assert math.isnan(ratios.round_trip)  # of three round trips it says nothing
    monkeypatch.setattr(validation, "FEWEST_ROUND_TRIPS", 3)
    make_validator(tape, hand_rules(tape), np.arange(3), 0, lambda *judged: told.append(judged))(policy)
    assert told[1][1].round_trip == pytest.approx(-40 / 3 / math.sqrt(42_054 / 72), abs=1e-9)
    assert ratios.session == pytest.approx(-23 / 3 / math.sqrt(9_672 / 18), abs=1e-9)


def test_validation_of_a_policy_that_never_trades_has_no_sharpe_ratios():
    tape, told = hand_tape(), []
    make_validator(tape, hand_rules(tape), np.arange(3), 0, lambda *judged: told.append(judged))(
        ScriptedPolicy([HOLD], [HOLD], [HOLD])
    )
    assert [math.isnan(ratio) for ratio in told[0][1]] == [True, True]


def test_every_number_of_a_validation_is_named_where_mlflow_is_explained():
    page = (Path(__file__).resolve().parents[3] / "docs" / "tracking.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `validation/<key>` .*$", page, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(validate(ScriptedPolicy(*SCRIPTS)))
