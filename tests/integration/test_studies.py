"""Studies with real runs of train.py: all that is missing, the table of it, and nothing left behind by a stop."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.tools import main
from intraday_rl.app.compose import precheck
from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import plan_runs
from intraday_rl.app.studies.running import locked
from intraday_rl.app.studies.study import read_study
from intraday_rl.metrics import METRICS
from tests.support.runs import SMALL
from tests.support.study_runs import make_study

SHARED = [override for override in SMALL if not override.startswith(("progress", "algo.parameters.total_timesteps"))]
COLUMNS = ["profit_factor", "net_return", "session_reward", "round_trips_per_session"]
LONG = "algo.parameters.total_timesteps=100000000"


def small_study(folder, steps="algo.parameters.total_timesteps=512"):
    """Make a study of one row with two tiny runs."""
    rows = {"ppo": ["algo=ppo", steps]}
    return make_study(folder, shared=SHARED, folds={"own": ["data.source.seed=5"]}, rows=rows, columns=COLUMNS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "file", sorted((PROJECT / "experiments").glob("*/study.yaml")), ids=lambda file: file.parent.name
)
def test_every_row_and_fold_of_the_projects_studies_can_be_run(file):
    for run in plan_runs(read_study(file.parent), seeds=[0]):
        precheck(run.overrides)


@pytest.mark.slow
def test_study_of_two_runs(tmp_path, capsys):
    study = small_study(tmp_path / "small")
    assert main(["study", str(study.folder), "--jobs", "2"]) == 0
    assert capsys.readouterr().out.count(": finished after") == 2
    runs = plan_runs(study)
    written = [json.loads((run.folder / "metrics.json").read_text()) for run in runs]
    lines = list(csv.DictReader((study.folder / "result.csv").open()))
    for line, metrics in zip(lines, written, strict=True):
        assert {key: line[key] for key in METRICS} == {
            key: "" if value is None else str(value) for key, value in metrics.items()
        }
        assert (line["steps"], float(line["wall_seconds"]) > 0.0) == ("512", True)
    page = (study.folder / "result.md").read_text()
    mean = sum(metrics["net_return"] for metrics in written) / 2
    assert "| ppo | 2 | 512 steps; " in page
    assert f"| {mean:.2%} [" in page
    assert "| flat | " in page
    assert "| buy_and_hold | " in page
    assert "WideningSpread(base_spread 0.01" in page
    assert main(["study", str(study.folder)]) == 0
    assert "finished after" not in capsys.readouterr().out


@pytest.mark.slow
def test_study_that_is_told_to_stop_leaves_no_run_at_work(tmp_path):
    study = small_study(tmp_path / "long", LONG)
    command = [sys.executable, "-m", "intraday_rl", "study", str(study.folder), "--jobs", "2"]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    runs = plan_runs(study)
    deadline = time.monotonic() + 120
    while not all((run.folder / "manifest.json").exists() for run in runs) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (143, "stopped by SIGTERM\n")
    assert [records.read_record(run.record).status for run in runs] == [records.STOPPED] * 2
    with locked(study.folder / "runs"):  # no run holds it any more
        pass
