"""A policy under several seeds: figures by hand, their spread, and which seeds are taken."""

import io
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from intraday_rl.app.combining.seeds import execution_seeds, figures, report_seeds, spread_of
from intraday_rl.app.evaluate import parse
from intraday_rl.core import seeding
from intraday_rl.core.errors import ConfigError
from intraday_rl.env.actions import DiscreteTarget
from tests.support.policies import RowPolicy
from tests.support.tapes import COSTLY, make_execution, random_tape
from tests.unit.evaluation.hand_sessions import full_rules, hand_recording


def test_figures_of_the_hand_computed_sessions():
    """-11, -29 and +17 of 50,000; round trips +14.50, -25.50, -29; equity from its high of 50,017 down to 49,960."""
    found = figures(hand_recording())
    assert found["net_return"] == pytest.approx(-23 / 50_000, abs=1e-12)
    assert found["profit_factor"] == pytest.approx(14.5 / 54.5, abs=1e-9)
    assert found["hit_rate"] == pytest.approx(1 / 3, abs=1e-12)
    assert found["max_drawdown"] == pytest.approx(57 / 50_017, abs=1e-12)


def test_spread_by_hand():
    spread = spread_of([{"net_return": 0.01}, {"net_return": -0.02}, {"net_return": 0.04}])
    assert spread["net_return"] == {
        "mean": pytest.approx(0.01),
        "min": -0.02,
        "max": 0.04,
        "values": [0.01, -0.02, 0.04],
    }


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_spread_of_what_is_undefined_under_a_seed_is_none(undefined):
    spread = spread_of([{"profit_factor": 1.5}, {"profit_factor": undefined}])
    assert spread == {"profit_factor": {"mean": None, "min": None, "max": None, "values": [1.5, None]}}


def test_first_seed_is_the_runs_own_and_all_differ():
    seeds = execution_seeds(7, 20)
    assert seeds[0] == seeding.integer(7, "evaluation")
    assert len(set(seeds)) == 20
    assert execution_seeds(7, 3) == seeds[:3]
    assert not set(seeds) & set(execution_seeds(8, 20))


def test_report_writes_and_prints_every_seed(tmp_path):
    tape = random_tape(num_sessions=4, minutes=60)
    rules = full_rules(tape, execution=make_execution(**COSTLY), actions=DiscreteTarget())
    console = Console(record=True, width=120, file=io.StringIO())
    seeds = execution_seeds(0, 3)
    data = SimpleNamespace(tape=tape, rules=rules)
    report_seeds(console, RowPolicy(len(rules.layout.names)), data, np.arange(4), seeds, tmp_path)
    found = json.loads((tmp_path / "seeds.json").read_text())
    assert found["seeds"] == seeds
    assert list(found["metrics"]) == ["net_return", "profit_factor", "max_drawdown", "hit_rate"]
    row = found["metrics"]["net_return"]
    assert len(set(row["values"])) == 3
    assert (row["min"], row["max"]) == (min(row["values"]), max(row["values"]))
    said = console.export_text()
    assert "Under 3 seeds of execution noise" in said
    assert f"{row['mean']:.2%}" in said


@pytest.mark.parametrize("text", ["1", "0", "-3", "2.5", "five", "", "²"])
def test_seeds_that_are_no_number_of_seeds_are_refused(text):
    with pytest.raises(ConfigError, match="seeds must be a whole number >= 2") as caught:
        parse(["run=x", f"seeds={text}"])
    assert "\n" not in str(caught.value)


def test_seeds_are_asked_for_by_number():
    assert parse(["run=x", "seeds=5"]).seeds == 5
    assert parse(["run=x"]).seeds is None
