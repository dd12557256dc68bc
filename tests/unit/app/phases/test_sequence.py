"""Phases in order: what freezes, what stops, and what stays. Training is replaced by what it leaves behind."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from intraday_rl.app.command_line import processes
from intraday_rl.app.command_line.tools import main
from intraday_rl.app.phases import baselines, sequence
from intraday_rl.app.phases.sequence import chosen_phases, run_phases
from intraday_rl.core.errors import ConfigError
from intraday_rl.evaluation.phases import MET, NOT_DECIDABLE, NOT_MET
from tests.support.bundles import save_example


class Trainings:
    """Stands in for train.py: phase by phase, a run folder with the verdict that was asked for, or a failure."""

    def __init__(self, **verdicts):
        self.verdicts, self.calls = verdicts, []

    def __call__(self, overrides):
        self.calls.append(list(overrides))
        phase = overrides[0].removeprefix("experiment=")
        folder = Path(overrides[-1].removeprefix("hydra.run.dir="))
        word = self.verdicts[phase]
        if word is None:
            return 3
        save_example(folder / "bundle")
        (folder / "metrics.json").write_text("{}")
        (folder / "phase.json").write_text(json.dumps({"verdict": word, "explanation": f"{word}: sharpe_ratio"}))
        return 0


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Places of their own for runs and baselines; the configuration is not looked at."""
    monkeypatch.setattr(baselines, "BASELINES", tmp_path / "baselines")
    monkeypatch.setattr(baselines, "package_versions", dict)
    monkeypatch.setattr(sequence, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(sequence, "check_phases", lambda phases, overrides: None)


def go(train, first="phase0", last="phase2", accept=False, overrides=("seed=1",)):
    """Run the phases and return the status and what was said."""
    said = io.StringIO()
    status = run_phases(chosen_phases(first, last), overrides, accept, Console(file=said, width=300), train)
    return status, said.getvalue()


def names():
    """Return the baselines without their times."""
    return [re.sub(r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$", "", name) for name in baselines.names()]


@pytest.mark.usefixtures("places")
def test_every_phase_that_is_met_is_frozen():
    train = Trainings(phase0=MET, phase1=MET, phase2=MET)
    status, _ = go(train)
    assert status == 0
    assert names() == ["phase0", "phase1", "phase2"]
    assert [call[:2] for call in train.calls] == [[f"experiment=phase{n}", "seed=1"] for n in range(3)]
    assert baselines.check(baselines.names()[0]) == []


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("word", "words"),
    [
        (NOT_MET, "the phase is not met: sharpe_ratio"),
        (NOT_DECIDABLE, "the phase is not decidable: sharpe_ratio"),
        (None, "train.py ended with status 3"),
    ],
)
def test_first_phase_that_is_not_met_stops_and_names_the_baseline_before(word, words):
    train = Trainings(phase0=MET, phase1=word, phase2=MET)
    status, said = go(train)
    assert status == 1
    assert len(train.calls) == 2
    assert names() == ["phase0"]
    assert f"stopped at phase1: {words}" in said
    assert f"baseline {baselines.names()[0]} is kept" in said


@pytest.mark.usefixtures("places")
def test_too_little_data_may_be_accepted_but_is_not_frozen():
    status, said = go(Trainings(phase0=MET, phase1=NOT_DECIDABLE, phase2=MET), accept=True)
    assert status == 0
    assert names() == ["phase0", "phase2"]
    assert "phase1 is not decidable: sharpe_ratio; accepted, not frozen" in said


@pytest.mark.usefixtures("places")
def test_a_criterion_that_is_not_met_is_never_accepted():
    status, said = go(Trainings(phase0=NOT_MET), accept=True)
    assert status == 1
    assert "there is no baseline of a phase before" in said


@pytest.mark.usefixtures("places")
def test_a_run_without_a_verdict_is_an_error():
    def train(overrides):
        return 0

    with pytest.raises(ConfigError, match=r"phase.json has no verdict"):
        go(train)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("phase7", "phase6", r"there is no phase phase7 \(did you mean phase"),
        ("phase0", "fase1", "there is no phase fase1"),
        ("phase3", "phase1", r"--to must not come before --from \(phase3\), was phase1"),
    ],
)
def test_impossible_spans_are_refused(first, last, words):
    with pytest.raises(ConfigError, match=words):
        chosen_phases(first, last)


def test_spans_hold_both_ends():
    assert chosen_phases("phase2", "phase4") == ("phase2", "phase3", "phase4")


@pytest.mark.parametrize("override", ["experiment=phase3", "+experiment=phase3", "hydra.run.dir=x"])
def test_what_the_sequence_chooses_itself_is_refused(override):
    with pytest.raises(ConfigError, match="phases chooses experiment and run folder itself"):
        sequence.check_phases(["phase1"], [override])


def test_overrides_are_checked_for_every_phase_before_the_first_training():
    sequence.check_phases(["phase0", "phase6"], ["seed=1"])
    with pytest.raises(ConfigError, match="unknown key seeed"):
        sequence.check_phases(["phase0"], ["+seeed=1"])


def test_a_phase_without_criteria_is_refused():
    with pytest.raises(ConfigError, match="experiment=phase1 has no criterion that decides"):
        sequence.check_phases(["phase1"], ["criteria=none"])


def test_command_hands_everything_on(monkeypatch):
    calls = []
    monkeypatch.setattr(sequence, "run_phases", lambda *arguments: calls.append(arguments[:3]) or 1)
    assert main(["phases", "--from", "phase1", "--to", "phase2", "--accept-undecided", "seed=1", "~tracking"]) == 1
    assert main(["phases"]) == 1
    assert calls == [(("phase1", "phase2"), ["seed=1", "~tracking"], True), (sequence.PHASES, [], False)]


def test_training_is_a_process_of_its_own(monkeypatch, tmp_path):
    (tmp_path / "train.py").write_text("import sys\nsys.exit(len(sys.argv) + 4)\n")
    monkeypatch.setattr(processes, "PROJECT", tmp_path)
    assert sequence.train_in_process(["a=1", "b=2"]) == 7
