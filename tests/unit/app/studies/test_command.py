"""`python -m intraday_rl study`: what is run, what is skipped, what is printed. Processes are stood in for."""

import re
from pathlib import Path

import pytest

from intraday_rl.app import compose
from intraday_rl.app.command_line.tools import main
from intraday_rl.app.studies import command, running
from intraday_rl.app.studies.planning import plan_runs
from intraday_rl.core.errors import ConfigError
from tests.support.study_runs import leave_run, make_study


class Ended:
    """A process that has ended."""

    def __init__(self, status):
        self.status = status

    def poll(self):
        return self.status


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study whose runs are made by hand instead of trained; those of the row `small` fail."""
    study = make_study(tmp_path / "which")
    study_runs = {str(run.folder): run for run in plan_runs(study)}
    started = []

    class Launcher:
        def __init__(self, lock):
            pass

        def start(self, arguments, output):
            folder = arguments[-1].partition("=")[2].strip('"')
            started.append(Path(folder).relative_to(study.folder / "runs").as_posix())
            if study_runs[folder].row == "small":
                output.write(b"error: too small\n")
                return Ended(1)
            leave_run(study_runs[folder])
            return Ended(0)

        def stop(self, processes):
            assert not processes

    monkeypatch.setattr(command, "Trainings", Launcher)
    monkeypatch.setattr(running, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(compose, "precheck", lambda overrides: None)
    return study, started


def test_study_runs_all_shows_failures_and_writes_the_table(study, capsys):
    chosen, started = study
    assert main(["study", str(chosen.folder), "--jobs", "2"]) == 1
    assert started == [f"{row}/{fold}_seed{k}" for k in (0, 1) for fold in ("spring", "autumn") for row in chosen.rows]
    out = capsys.readouterr().out
    assert out.count("failed after") == 4
    assert "    error: too small\n" in out
    page = (chosen.folder / "result.md").read_text()
    assert "| ppo | 4 |" in page
    assert "| small | 0 of 4, 4 failed |" in page
    assert len((chosen.folder / "result.csv").read_text().splitlines()) == 9


def test_second_call_runs_what_is_missing_and_third_nothing(study):
    chosen, started = study
    assert main(["study", str(chosen.folder), "--only", "ppo", "--seeds", "1"]) == 0
    assert started == ["ppo/spring_seed1", "ppo/autumn_seed1"]
    assert main(["study", str(chosen.folder), "--only", "ppo"]) == 0
    assert started[2:] == ["ppo/spring_seed0", "ppo/autumn_seed0"]
    assert main(["study", str(chosen.folder), "--only", "ppo"]) == 0
    assert len(started) == 4
    assert main(["study", str(chosen.folder)]) == 1  # runs that failed are tried again
    assert started[4:] == [f"small/{fold}_seed{seed}" for seed in (0, 1) for fold in ("spring", "autumn")]


def test_table_runs_nothing(study, capsys):
    chosen, started = study
    with pytest.raises(ConfigError, match=r"no run of .* has a result yet; run the study without --table"):
        main(["study", str(chosen.folder), "--table"])
    leave_run(plan_runs(chosen)[0])
    assert main(["study", str(chosen.folder), "--table"]) == 0
    assert started == []
    assert "1 of 4, 3 missing" in (chosen.folder / "result.md").read_text()
    assert "Which one?" in capsys.readouterr().out


def test_dry_run_prints_the_commands_of_what_is_missing(study, capsys):
    chosen, started = study
    leave_run(plan_runs(chosen)[0])
    assert main(["study", str(chosen.folder), "--dry-run", "--seeds", "0", "--only", "ppo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert started == []
    assert not (chosen.folder / "result.md").exists()
    assert lines == [
        "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python train.py data=simulated data.source.seed=2 "
        "algo=ppo seed=0 tracking.study=which +tracking.tags.row=ppo +tracking.tags.fold=autumn progress=false "
        f"'hydra.run.dir=\"{chosen.folder}/runs/ppo/autumn_seed0\"'"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "a"], "--seeds must be whole numbers, such as 0,1,2, was a"),
        (["--jobs", "0"], "--jobs must be >= 1, was 0"),
        (["--only", "pppo"], r"there is no row pppo \(did you mean ppo\?\)"),
    ],
)
def test_wrong_options_are_refused(study, arguments, words):
    with pytest.raises(ConfigError, match=words):
        main(["study", str(study[0].folder), *arguments])


def test_override_that_train_refuses_is_refused_before_the_first_run(tmp_path):
    folder = tmp_path / "which"
    make_study(folder, rows={"typo": ["algo.parameters.num_env=4"]})
    words = re.escape("row typo, fold spring: unknown key algo.parameters.num_env")
    with pytest.raises(ConfigError, match=words):
        main(["study", str(folder)])
    assert not (folder / "runs").exists()
