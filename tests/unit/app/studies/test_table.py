"""The table, its notes, result.md and result.csv, from runs made by hand."""

import csv

import pytest

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import plan_runs
from intraday_rl.app.studies.records import Record, write_record
from intraday_rl.app.studies.results import Absent, Budget, Window, read_result
from intraday_rl.app.studies.study import Optimum
from intraday_rl.app.studies.table import main_table, notes, optimum_table
from intraday_rl.app.studies.writing import markdown, result_page, write_results
from intraday_rl.core.errors import ConfigError
from tests.support.study_runs import leave_overrides, leave_run, make_study

OPTIMUM = {"metric": "session_pnl_usd", "scale": 0.01, "value": 2.5, "unit": "USD per share and session"}


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "which")


def read(study):
    """Return the results and what is absent."""
    found = [read_result(run) for run in plan_runs(study)]
    return [one for one in found if not isinstance(one, Absent)], [one for one in found if isinstance(one, Absent)]


def test_result_of_a_run_is_what_it_left(study):
    run = plan_runs(study)[0]
    leave_run(run, verdict="pass", steps=2048)
    write_record(run.record, Record(records.FINISHED, 61.0))
    result = read_result(run)
    assert result.budget == Budget(2048, 0, 0, 61.0)
    assert result.window == Window(3, 2, "2024-05-02", "2024-05-03")
    assert (result.verdict, result.code) == ("pass", "01234567")
    assert result.costs == "QuotedSpread(base_spread 0.02, multiple 1)"
    write_record(run.record, Record(records.RUNNING, 0.0))  # its study was killed, it went on alone
    assert read_result(run).budget.wall_seconds is None


def test_run_whose_files_lack_something_is_refused(study):
    run = plan_runs(study)[0]
    leave_run(run)
    (run.folder / "equity.parquet").unlink()
    with pytest.raises(ConfigError, match=r"is no whole run .*; remove it and run the study again"):
        read_result(run)


def test_table_of_two_folds_and_two_seeds_by_hand(study):
    for run in plan_runs(study):
        returns = {("spring", 0): 0.01, ("autumn", 0): 0.03, ("spring", 1): -0.02, ("autumn", 1): -0.02}
        factor = None if run.row == "small" and run.seed == 0 else 1.5
        leave_run(
            run, {"net_return": returns[run.fold, run.seed], "profit_factor": factor, "num_round_trips": run.seed}
        )
        write_record(run.record, Record(records.FINISHED, 30.0 if run.fold == "spring" else 50.0))
    table = main_table(study, *read(study))
    assert table.headers == [
        "", "runs", "budget of a run", "Profit factor", "Net result / initial NAV", "Round trips", "verdicts"
    ]  # fmt: skip
    # means over folds 0.02 and -0.02: t-interval 0 +- 12.706 x 0.02
    returned, trips = "0.00% [-25.41%, 25.41%]", "0.5 [-5.9, 6.9]"
    assert table.rows == [
        ["ppo", "4", "512 steps; 40 s", "1.500 [1.500, 1.500]", returned, trips, "4 fail"],
        ["small", "4", "512 steps; 40 s", "1.500 [\N{EN DASH}]", returned, trips, "4 fail"],
        ["flat", *2 * ["\N{EN DASH}"], "n/a", "0.00% [0.00%, 0.00%]", "0.0 [0.0, 0.0]", "\N{EN DASH}"],
    ]


def test_notes_name_losses_undefined_values_and_runs_left_out(study):
    runs = plan_runs(study)
    for run in runs[:6]:
        undefined = {"profit_factor": None} if run.row == "ppo" and run.seed == 1 else {}
        leave_run(run, {"net_pnl_usd": -1.0 if run.row == "small" else 1.0, **undefined})
    runs[6].folder.parent.mkdir(exist_ok=True)
    write_record(runs[6].record, Record(records.FAILED, 2.0))
    runs[6].log.write_text(f"so far\nerror: no money; the traceback is in {runs[6].folder}/train.log\n")
    leave_overrides(runs[7].folder, runs[7].overrides)
    results, absent = read(study)
    assert notes(study, results, absent) == [
        "Lost money on average, after all costs: small.",
        "ppo: undefined and left out, of 3 runs: Profit factor in 1.",
        "flat: undefined and left out, of 3 runs: Profit factor in 3.",
        "ppo, autumn, seed 1: failed, left out: error: no money; the traceback is in runs/ppo/autumn_seed1/train.log.",
        "small, autumn, seed 1: interrupted, left out.",
    ]
    assert [row[1] for row in main_table(study, results, absent).rows[:2]] == [
        "3 of 4, 1 failed",
        "3 of 4, 1 interrupted",
    ]


def test_row_without_any_result_is_shown_as_missing(study):
    for run in plan_runs(study, rows=["ppo"]):
        leave_run(run)
    row = main_table(study, *read(study)).rows[1]
    assert row == ["small", "0 of 4, 4 missing", "\N{EN DASH}", "n/a", "n/a", "n/a", "\N{EN DASH}"]


def test_budgets_are_those_of_steps_and_clonings(study):
    clonings = {0: (12, 900), 1: (15, 1200)}
    for run in plan_runs(study, rows=["ppo"]):
        leave_run(run, steps=0, clone=clonings[run.seed])
    for run in plan_runs(study, rows=["small"]):
        leave_run(run, steps=2048, clone=clonings[0])
    budgets = [row[2] for row in main_table(study, *read(study)).rows[:2]]
    assert budgets == ["12 to 15 epochs x 900 to 1,200 samples", "12 epochs x 900 samples + 2,048 steps"]


def test_runs_that_are_not_comparable_are_named(study):
    for run in plan_runs(study):
        other = {"data_fingerprint": "other bars"} if (run.row, run.fold, run.seed) == ("small", "spring", 1) else {}
        leave_run(run, **other)
    (plan_runs(study)[0].folder / "bundle" / "costs.json").write_text('{"spread": {"model": "Free"}}')
    found = notes(study, *read(study))
    assert "Not all rows were trained and judged on the same sessions: spring, seed 1." in found
    assert "Not all runs had the same costs." in found


def test_optimum_by_hand(tmp_path):
    study = make_study(tmp_path, folds={"own": []}, rows={"ppo": []}, seeds=[0, 1, 2], optimum=OPTIMUM)
    means = [(240.0, 2.0), (251.0, 1.0), (260.0, 3.0)]
    for run, (mean, error) in zip(plan_runs(study), means, strict=True):
        leave_run(run, {"session_pnl_usd": mean, "session_pnl_standard_error_usd": error, "num_sessions": 4031})
    results, absent = read(study)
    table = optimum_table(Optimum(**OPTIMUM), results)
    assert table.rows == [
        ["ppo, own, seed 0", "2.4", "0.02", "96.0% ± 0.8%", "4,031"],
        ["ppo, own, seed 1", "2.51", "0.01", "100.4% ± 0.4% (1.0 standard errors above it)", "4,031"],
        ["ppo, own, seed 2", "2.6", "0.03", "104.0% ± 1.2% (3.3 standard errors above it)", "4,031"],
    ]
    above = "More than 3 standard errors above the optimum, which no policy can be: ppo, own, seed 2. Look for a leak."
    assert above in notes(study, results, absent)
    assert "Known optimum: 2.5 USD per share and session." in result_page(study, results, absent)


def test_result_page_has_question_command_windows_costs_and_table(study):
    for run in plan_runs(study):
        leave_run(run, git={"commit": "0123456789", "dirty": run.seed == 1})
    results, absent = read(study)
    page = result_page(study, results, absent)
    for text in (
        "# Which one?\n",
        "Command: `python -m intraday_rl study which`\n",
        "by code 01234567; 01234567 with uncommitted changes\n",
        "Seeds: 0, 1\n",
        "- spring (data.source.seed=1): 2 sessions from 2024-05-02 to 2024-05-03, after 3 to train on\n",
        "Costs: QuotedSpread(base_spread 0.02, multiple 1)\n",
        markdown(main_table(study, results, absent)),
        "95 % t-interval",
    ):
        assert text in page
    assert str(study.folder) not in page


def test_markdown_is_a_table_whose_cells_cannot_break_it():
    from intraday_rl.app.studies.table import Table

    assert markdown(Table(["", "a|b"], [["x", "1"]])) == "|  | a/b |\n| --- | ---: |\n| x | 1 |"


def test_csv_has_a_line_for_each_run(study):
    runs = plan_runs(study)
    for run in runs[:-1]:
        leave_run(run, {"sharpe_ratio": None})
    write_results(study, *read(study))
    lines = list(csv.DictReader((study.folder / "result.csv").open()))
    assert len(lines) == 8
    first, last = lines[0], lines[-1]
    assert (first["row"], first["fold"], first["seed"], first["status"]) == ("ppo", "spring", "0", "finished")
    assert (first["steps"], first["net_return"], first["sharpe_ratio"]) == ("512", "0.01", "")
    assert first["folder"] == "runs/ppo/spring_seed0"
    assert (last["row"], last["status"], last["net_return"]) == ("small", "missing", "")
    assert (last["verdict"], last["folder"]) == ("", "runs/small/autumn_seed1")
