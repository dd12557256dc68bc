"""Sweeps as processes of their own: killed at random moments, with many workers, and over real trainings."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from intraday_rl.app.resuming.places import checkpoint_steps, is_finished
from tests.support.runs import SMALL
from tests.support.sweep_runs import SLOW_COMMAND, Notes, of_command, run, start, study_folder, trials, wait_for

pytestmark = pytest.mark.slow

KILLS = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    with study_folder() as place:
        yield place


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


def check_whole(folder: Path, notes: Notes, n_trials: int) -> None:
    """Refuse trials that are lost, doubled, run in vain, or went on with other parameters; and processes left."""
    found = trials(folder)
    assert [trial.number for trial in found] == list(range(n_trials))
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    assert all(trial.values == [pytest.approx(trial.params["x"] ** 2)] for trial in found)
    ends = Counter(note["trial"] for note in notes.read("end"))
    assert max(ends.values()) == 1, "a trial had its result and ran again"
    begun = {(note["trial"], float(note["x"])) for note in notes.read("begin")}
    assert begun == {(str(trial.number), trial.params["x"]) for trial in found}
    assert notes.left() == []


def test_sweep_killed_at_20_random_moments_has_each_trial_once(folder: Path, notes: Notes, tmp_path: Path):
    n_trials, log, rng = 60, tmp_path / "log", random.Random(6)
    arguments = of_command(
        folder,
        [SLOW_COMMAND, notes.folder, 0.2],
        ["f1"],
        "x=interval(0,1)",
        f"hparams.n_trials={n_trials}",
        "hparams.n_workers=2",
    )
    for kill in range(KILLS):
        before = len(notes.read("begin"))
        process = start(arguments, log)
        if kill % 5 == 4:
            time.sleep(rng.uniform(0.0, 2.0))  # while it starts
        else:
            assert wait_for(lambda before=before: len(notes.read("begin")) > before, process), log.read_text()[-3000:]
            time.sleep(rng.uniform(0.0, 0.7))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert wait_for(lambda: not notes.left()), "processes outlived the sweep"
    assert sum(trial.state == TrialState.COMPLETE for trial in trials(folder)) < n_trials
    run(arguments, log)
    check_whole(folder, notes, n_trials)


def test_single_trials_killed_20_times_run_again_under_their_numbers(folder: Path, notes: Notes, tmp_path: Path):
    n_trials, log, rng = 30, tmp_path / "log", random.Random(7)
    arguments = of_command(
        folder,
        [SLOW_COMMAND, notes.folder, 0.5],
        ["f1"],
        "x=interval(0,1)",
        f"hparams.n_trials={n_trials}",
        "hparams.n_workers=2",
    )
    process, kills = start(arguments, log), Counter[str]()
    while sum(kills.values()) < KILLS:
        assert process.poll() is None, log.read_text()[-3000:]
        victims = [note for note in notes.at_work() if kills[note["trial"]] < 3]
        if victims:
            victim = rng.choice(victims)
            time.sleep(rng.uniform(0.0, 0.3))
            with_helper = psutil.Process(process.pid).children(recursive=True)
            try:
                os.kill(victim["pid"], signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills[victim["trial"]] += 1
            assert len(with_helper) <= 2 * 3  # of each of two workers: leash, command and the command's own process
        time.sleep(0.02)
    assert process.wait() == 0, log.read_text()[-3000:]
    assert len(notes.read("begin")) > n_trials
    check_whole(folder, notes, n_trials)


def test_eight_workers_start_on_an_empty_study_and_are_never_more(folder: Path, notes: Notes, tmp_path: Path):
    arguments = of_command(
        folder,
        [SLOW_COMMAND, notes.folder, 1.0],
        ["f1"],
        "x=interval(0,1)",
        "hparams.n_trials=24",
        "hparams.n_workers=8",
    )
    run(arguments, tmp_path / "log")
    check_whole(folder, notes, 24)
    changes = [(note["at"], 1) for note in notes.read("begin")] + [(note["at"], -1) for note in notes.read("end")]
    at_work, most = 0, 0
    for _, change in sorted(changes):
        at_work += change
        most = max(most, at_work)
    assert most == 8


def test_proposals_of_one_worker_are_optunas_own_at_that_seed(folder: Path, notes: Notes, tmp_path: Path):
    n_trials = 60
    arguments = of_command(
        folder,
        [SLOW_COMMAND, notes.folder, 0.0],
        ["f1"],
        "x=interval(0,1)",
        "y=a,b,c",
        "hparams.sampler.seed=11",
        f"hparams.n_trials={n_trials}",
        "hparams.n_workers=1",
    )
    run(arguments, tmp_path / "log")
    bare = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=11))
    space = {
        "x": optuna.distributions.FloatDistribution(0.0, 1.0),
        "y": optuna.distributions.CategoricalDistribution(("a", "b", "c")),
    }
    for _ in range(n_trials):
        trial = bare.ask(space)
        bare.tell(trial, trial.params["x"] ** 2)
    assert [trial.params for trial in trials(folder)] == [trial.params for trial in bare.trials]


def is_training(part: Path) -> bool:
    """Say whether the run has a checkpoint and an end before it."""
    return bool(checkpoint_steps(part)) and not is_finished(part)


def training_process(sweep: subprocess.Popen[bytes]) -> psutil.Process:
    """Return the process of the trial that is at work: the command on the leash."""
    return next(
        process
        for process in psutil.Process(sweep.pid).children(recursive=True)
        if "train.py" in " ".join(process.cmdline()) and "leash.py" not in " ".join(process.cmdline())
    )


def test_trainings_go_on_from_their_checkpoints_after_a_kill_and_after_a_stop(folder: Path, tmp_path: Path):
    fixed = [text for text in SMALL if "total_timesteps" not in text and "learning_rate" not in text]
    arguments = [
        "-m",
        "hparams=screening",
        f"hparams.study={folder.name}",
        *fixed,
        "algo.parameters.total_timesteps=4096",
        "checkpoint.every_seconds=0",
        "hparams.space={algo.parameters.learning_rate: 'interval(1e-4,1e-3)'}",
        "hparams.n_trials=3",
        "hparams.n_workers=1",
        "hparams.best=0",
    ]
    log = tmp_path / "log"
    sweep = start(arguments, log)
    assert wait_for(lambda: is_training(folder / "0"), sweep), log.read_text()[-3000:]
    training_process(sweep).kill()  # the sweep starts it again
    assert wait_for(lambda: is_training(folder / "1"), sweep), log.read_text()[-3000:]
    assert is_finished(folder / "0")
    assert (folder / "0" / ".hydra" / "resume_1").is_dir()
    at_work = training_process(sweep)
    sweep.terminate()
    assert sweep.wait() == 128 + signal.SIGTERM
    assert not at_work.is_running()
    assert log.read_text().splitlines() == ["stopped by SIGTERM; finished trials are kept: go on with the same command"]
    params = [trial.params for trial in trials(folder)]
    run(arguments, log)
    found = trials(folder)
    assert [trial.number for trial in found] == [0, 1, 2]
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    assert [trial.params for trial in found][:2] == params
    assert (folder / "1" / ".hydra" / "resume_1").is_dir()
    assert not (folder / "2" / ".hydra" / "resume_1").exists()
    assert all(is_finished(folder / str(number)) for number in range(3))
