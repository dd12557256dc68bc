"""The table: its columns, its rows, and that it is written whole."""

import csv

import pytest

from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.records import FAILED, INFEASIBLE
from intraday_rl.sweeps.results.table import write_table
from tests.unit.sweeps.results.sweeps import OBJECTIVES, record, results_of, write_run

F1_F2 = (Objective("f1", "minimize", None, 1.1), Objective("f2", "minimize", None, 1.1))


def table(results, folder):
    write_table(results, folder / "pareto.csv")
    with (folder / "pareto.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_trial_has_a_row_in_the_order_of_numbers(tmp_path):
    records = [
        record(2, None, FAILED, reason='exit status 1: "bad", really\nlast line'),
        record(1, (0.25, 0.5)),
        record(0, (0.5, 0.75)),
    ]
    rows = table(results_of(records, F1_F2), tmp_path)
    assert list(rows[0])[:8] == [
        *("number", "state", "feasible", "on_front", "contribution", "net_return_on_validation", "f1", "f2"),
    ]
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert [row["on_front"] for row in rows] == ["False", "True", ""]
    assert [row["f2"] for row in rows] == ["0.75", "0.5", ""]
    assert float(rows[1]["contribution"]) == pytest.approx(0.85 * 0.6)
    assert rows[2]["reason"] == 'exit status 1: "bad", really\nlast line'
    assert [path.name for path in tmp_path.iterdir()] == ["pareto.csv"]


def test_row_holds_violations_parameters_and_quantiles(tmp_path):
    write_run(tmp_path / "runs" / "0", [[0.0], [0.0]], [[20.0, -10.0]] * 2)
    params = {"algo.learning_rate": 1e-4, "algo.parameters.hidden_layers": "[64,64]"}
    limits = {"num_round_trips": 7.0}
    records = [
        record(0, (2.0, 0.0, 0.0), folders=[tmp_path / "runs" / "0"], params=params),
        record(1, (3.0, 0.0, 0.0), INFEASIBLE, violations=limits),
    ]
    first, second = table(results_of(records), tmp_path)
    assert first["params.algo.learning_rate"] == "0.0001"
    assert first["params.algo.parameters.hidden_layers"] == "[64,64]"
    assert [first[f"profit_factor.q{level}"] for level in ("05", "25", "50", "75", "95")] == ["2.0"] * 5
    assert (first["net_return_on_validation"], first["feasible"], second["feasible"]) == ("0.0", "True", "False")
    assert (second["violation.num_round_trips"], second["profit_factor.q50"], second["free_share"]) == ("7.0", "", "")


def test_table_of_an_empty_study_is_its_columns(tmp_path):
    assert table(results_of([]), tmp_path) == []
    assert (tmp_path / "pareto.csv").read_text().startswith("number,state,feasible,on_front,contribution,")
    assert all(f",{objective.name}," in (tmp_path / "pareto.csv").read_text() for objective in OBJECTIVES)
