import json
import math

import pytest

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps.definition import Constraint, Objective
from intraday_rl.sweeps.outcomes import Outcome, outcome_of, read_result

PF = Objective("profit_factor", "maximize", 10.0, 0.5)
DRAWDOWN = Objective("max_drawdown", "minimize", None, 0.05)
TRADES = Constraint("num_round_trips", 30.0, None)
NEVER_TRADED = {"profit_factor": None, "max_drawdown": 0.0, "num_round_trips": 0}


def traded(factor, trades=40, drawdown=0.02):
    return {"profit_factor": factor, "max_drawdown": drawdown, "num_round_trips": trades}


def test_values_are_means_over_the_seeds_and_violations_those_of_the_worst():
    outcome = outcome_of([traded(1.0, 40, 0.01), traded(2.0, 60, 0.03)], [PF, DRAWDOWN], [TRADES])
    assert outcome == Outcome((1.5, pytest.approx(0.02)), {"num_round_trips": -10.0})
    assert outcome.is_feasible


def test_cap_comes_before_the_mean():
    assert outcome_of([traded(30.0), traded(2.0)], [PF], [TRADES]).values == (6.0,)


@pytest.mark.parametrize("result", [traded(math.inf), traded(None) | {"pf_undefined": True}])
def test_infinity_counts_as_the_cap(result):
    assert outcome_of([result], [PF], [TRADES]).values == (10.0,)


def test_policy_that_never_trades_is_infeasible_with_the_reference():
    outcome = outcome_of([NEVER_TRADED], [PF, DRAWDOWN], [TRADES])
    assert outcome == Outcome((0.5, 0.0), {"num_round_trips": 30.0})
    assert not outcome.is_feasible


def test_seed_that_never_trades_makes_the_trial_infeasible_whatever_the_others_do():
    outcome = outcome_of([NEVER_TRADED, traded(1.5, 100)], [PF], [TRADES])
    assert outcome == Outcome((1.0,), {"num_round_trips": 30.0})
    assert not outcome.is_feasible


@pytest.mark.parametrize("value", [None, math.nan, "1.0", True, [1.0], {}], ids=repr)
def test_undefined_objective_of_a_policy_that_keeps_the_constraints_fails(value):
    with pytest.raises(SweepError, match="profit_factor must be a finite number, was "):
        outcome_of([traded(value)], [PF], [TRADES])


def test_missing_objective_fails_and_infinity_without_a_cap_too():
    with pytest.raises(SweepError, match="f must be a finite number, was None"):
        outcome_of([{}], [Objective("f", "minimize", None, 1.0)], [])
    with pytest.raises(SweepError, match="max_drawdown must be a finite number, was inf"):
        outcome_of([traded(1.0, drawdown=math.inf)], [DRAWDOWN], [TRADES])


@pytest.mark.parametrize("value", [None, math.nan, "40", [40]], ids=repr)
def test_undefined_constraint_is_broken(value):
    assert not outcome_of([traded(1.0, value)], [PF], [TRADES]).is_feasible


def test_infinite_constraint_has_a_finite_violation():
    results = [traded(1.0, math.inf), traded(1.0, -math.inf)]
    assert outcome_of(results, [PF], [TRADES]).violations == {"num_round_trips": 1_000_030.0}


def test_result_is_read_as_written(tmp_path):
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps({"a": 1, "b": None, "c": math.nan}))
    result = read_result(file)
    assert (result["a"], result["b"]) == (1, None)
    assert math.isnan(result["c"])


@pytest.mark.parametrize("text", ['{"a": 1', "[1]", "", "3", b"\xff"], ids=repr)
def test_what_is_no_json_object_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "metrics.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SweepError, match=r"metrics.json") as refusal:
        read_result(file)
    assert "\n" not in str(refusal.value)


def test_missing_result_is_named(tmp_path):
    with pytest.raises(SweepError, match=r"it wrote no metrics\.json"):
        read_result(tmp_path / "metrics.json")
