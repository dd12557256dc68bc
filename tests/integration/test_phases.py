"""Phases end to end: a run's verdict when it is trained and when it is judged again, and two phases in order."""

import io
import json

import pytest
from rich.console import Console

from intraday_rl.app.phases import baselines, sequence
from intraday_rl.app.phases.sequence import PHASES, check_phases, run_phases, train_in_process
from tests.support.runs import SMALL, evaluation_of, judge_again, quick, run_small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny training under the criteria of phase 3."""
    folder = tmp_path_factory.mktemp("phases") / "run"
    with quick():
        run_small(folder, "criteria=phase3")
    return folder


def test_run_leaves_its_verdict_and_what_it_was_judged_on(run):
    content = json.loads((run / "phase.json").read_text())
    found = {entry["name"]: entry for entry in content["criteria"]}
    assert content["num_sessions"] == found["sharpe_ratio"]["observations"] == 3
    assert found["sharpe_ratio"]["value"] == json.loads((run / "metrics.json").read_text())["sharpe_ratio"]
    assert found["sharpe_ratio"]["verdict"] in ("not decidable", "not met")  # three sessions cannot meet it
    assert found["early_deaths"]["observations"] == (run / "training.csv").read_text().count("episode.early_end") > 0
    assert found["early_deaths"]["verdict"] == "met"
    assert found["profile_information_ratio"]["reason"].startswith("the market's returns are not in the data")


def test_judged_again_the_verdict_is_the_same(run):
    with quick():
        _, said = judge_again(f"run={run}")
    assert (evaluation_of(run) / "phase.json").read_bytes() == (run / "phase.json").read_bytes()
    assert "Criteria of the phase, 3 sessions" in said
    assert f"Phase: {json.loads((run / 'phase.json').read_text())['explanation']}"[:60] in said


def test_frozen_baseline_is_judged_like_its_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "BASELINES", tmp_path)
    place = baselines.freeze(run, "first")
    with quick():
        metrics, _ = judge_again(f"run={place}")
    assert (evaluation_of(place) / "phase.json").read_bytes() == (run / "phase.json").read_bytes()
    assert baselines.check("first") == []  # a later judgement changes nothing
    lines = dict(line.split(": ") for line in (place / "metrics.txt").read_text().splitlines())
    assert lines["net_return"] == repr(metrics["net_return"])


def test_run_without_criteria_says_nothing_of_phases(tmp_path):
    with quick():
        run_small(tmp_path / "run")
        _, said = judge_again(f"run={tmp_path / 'run'}")
    assert "phase" not in said.lower()
    assert not (tmp_path / "run" / "phase.json").exists()
    assert not (tmp_path / "run" / "training.csv").exists()


@pytest.mark.slow
def test_every_phase_is_ready_to_run():
    check_phases(PHASES, [])


@pytest.mark.slow
def test_two_phases_run_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "BASELINES", tmp_path / "baselines")
    monkeypatch.setattr(sequence, "RUNS", tmp_path / "runs")
    said = io.StringIO()
    console = Console(file=said, width=300)
    status = run_phases(["phase0", "phase1"], SMALL, True, console, train_in_process)
    runs = sorted((tmp_path / "runs").iterdir())
    verdicts = [json.loads((folder / "phase.json").read_text())["verdict"] for folder in runs]
    assert verdicts[0] == "met"
    assert len(runs) == 2
    assert status == (1 if verdicts[1] == "not met" else 0), said.getvalue()
    assert baselines.names()[0] == f"phase0_{runs[0].name[:19]}"
    assert baselines.check(baselines.names()[0]) == []
    if verdicts[1] == "not met":
        assert f"baseline {baselines.names()[0]} is kept" in said.getvalue()
