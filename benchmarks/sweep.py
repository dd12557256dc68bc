"""What a sweep costs beyond its trainings, and what a second worker gains: `python benchmarks/sweep.py`.

Real sweeps through the command line: small ones of PPO on the simulated market, and one of a command that sleeps. Each
has a study of its own, which is removed afterwards. Proposals are timed on a journal, over the space of pareto_sweep.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine_line, use_one_thread, verdict

use_one_thread()  # for this process and its children

PROJECT = Path(__file__).resolve().parents[1]
STUDY = "benchmark_sweep"
TIMEOUT_SECONDS = 3600
STEPS = 16_384  # of a training, and twice of it
LONG_STEPS = 40_960  # of a trial by which workers are compared: some twenty seconds
ROUNDS = 2  # one worker, two workers, again; the fastest of each counts
TRAINING = (
    "hparams=pareto_sweep",
    "hparams.best=0",
    "tracking=none",
    # The same work for every trial: an update stops early by its KL divergence, which other settings would change.
    "algo.parameters.batch_size=128",
    "algo.parameters.rollout_steps=2048",
    "algo.parameters.learning_rate=1e-4",
    "algo.parameters.entropy_start=0.003",
    "algo.parameters.clip_range=0.2",
    "algo.parameters.normalize_clip=interval(9.9,10.1)",
    "hparams/early_stop=never",
)
TRIALS = 4
SLEEP_SECONDS, SLEEPS, TRIAL_SECONDS = 2.0, 10, 30.0  # the share is that of trials of 30 s
SLEEPER = "import json, os, time; time.sleep({seconds}); json.dump({{'f': 1.0}}, open(os.environ['SWEEP_RESULT'], 'w'))"
OBJECTIVE = "+hparams.objectives.f={direction: minimize, cap: null, reference: 2.0}"
AROUND = 20  # proposals whose median is a figure
TWO_WORKERS, SHARE, BEYOND_SECONDS, AT_200_MS, AT_1000_MS = 1.7, 0.02, 6.0, 100.0, 400.0


def main() -> None:
    """Measure, then print each figure with its target."""
    argparse.ArgumentParser(description="What a sweep costs beyond its trainings.").parse_args()
    print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        at_200, at_1000 = proposals(Path(folder))
    say("ask and tell at trial 200", at_200, "ms", AT_200_MS)
    say("ask and tell at trial 1,000", at_1000, "ms", AT_1000_MS)
    say("the sweeper's share at 30 s a trial", sweeper_share(), "", SHARE)
    say("a trial beyond its training", beyond_training(), "s", BEYOND_SECONDS)
    rounds = [[trainings(workers) for workers in (1, 2)] for _ in range(ROUNDS)]
    one, two = (min(times) for times in zip(*rounds, strict=True))
    apart, together = (min(bare(at_once) for _ in range(ROUNDS)) for at_once in (False, True))
    print(f"{'two bare processes side by side / in turn':44}{apart / together:9.2f} x: what the machine allows")
    print(f"{TRIALS} trials of {LONG_STEPS:,} steps: one worker {one:.1f} s, two workers {two:.1f} s")
    print(f"{'two workers / one':44}{one / two:9.2f} x, target >= {TWO_WORKERS}: {verdict(one / two, TWO_WORKERS)}")


def say(what: str, measured: float, unit: str, limit: float) -> None:
    """Print a figure with its target."""
    print(f"{what:44}{measured:9.3f} {unit}, target <= {limit:g}: {verdict(measured, limit, at_most=True)}")


def sweep(*overrides: str) -> float:
    """Return how many seconds a sweep took from start to end; its folder is removed."""
    folder = PROJECT / "multirun" / STUDY
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "train.py", "-m", f"hparams.study={STUDY}", "progress=false", *overrides]
    start = time.perf_counter()
    try:
        subprocess.run(command, cwd=PROJECT, check=True, timeout=TIMEOUT_SECONDS)
    finally:
        took = time.perf_counter() - start
        shutil.rmtree(folder, ignore_errors=True)
    return took


def trainings(workers: int) -> float:
    """Return the seconds of a sweep of PPO."""
    return sweep(
        *TRAINING,
        f"algo.parameters.total_timesteps={LONG_STEPS}",
        f"evaluation.every_steps={LONG_STEPS}",
        f"hparams.n_trials={TRIALS}",
        f"hparams.n_workers={workers}",
    )


def bare(at_once: bool) -> float:
    """Return the seconds of two trainings without any sweep, side by side or one after the other: what cores allow."""
    overrides = [f"algo.parameters.total_timesteps={LONG_STEPS}", f"evaluation.every_steps={LONG_STEPS}"]
    command = [sys.executable, "train.py", *overrides, "evaluation.judge_on=validation", "tracking=none"]
    with tempfile.TemporaryDirectory() as folder:
        start, processes = time.perf_counter(), []
        for name in ("a", "b"):
            place = f"hydra.run.dir={folder}/{name}"
            processes.append(subprocess.Popen([*command, "progress=false", place], cwd=PROJECT))
            if not at_once:
                processes[-1].wait()
        for process in processes:
            process.wait()
        return time.perf_counter() - start


def beyond_training() -> float:
    """Return the seconds of a trial besides its training, which is what twice the steps add to it."""

    def trial(steps: int) -> float:
        overrides = [f"algo.parameters.total_timesteps={steps}", f"evaluation.every_steps={steps}"]
        command = [sys.executable, "train.py", *overrides, "evaluation.judge_on=validation", "tracking=none"]
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            subprocess.run([*command, "progress=false", f"hydra.run.dir={folder}/run"], cwd=PROJECT, check=True)
            return time.perf_counter() - start

    short, long = (min(trial(steps) for _ in range(3)) for steps in (STEPS, 2 * STEPS))
    return short - (long - short)


def sweeper_share() -> float:
    """Return the sweep's own share of the wall time of trials of 30 s, from trials that sleep for less."""
    program = SLEEPER.format(seconds=SLEEP_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "sleep.py"
        script.write_text(program, encoding="utf-8")
        took = sweep(
            "hparams=command",
            f"hparams.command=[{sys.executable},{script}]",
            "x=interval(0,1)",
            OBJECTIVE,
            f"hparams.n_trials={SLEEPS}",
            "hparams.n_workers=1",
        )
        start = time.perf_counter()
        result = Path(folder) / "result"
        subprocess.run([sys.executable, str(script)], env={"SWEEP_RESULT": str(result)}, check=True)
        alone = time.perf_counter() - start
    own = took / SLEEPS - alone
    return own / (TRIAL_SECONDS + own)


def proposals(folder: Path) -> tuple[float, float]:
    """Return the median milliseconds of ask and tell around trial 200 and before trial 1,000."""
    from intraday_rl.app.sweeping.request import read_request
    from intraday_rl.sweeps.outcomes import Outcome
    from intraday_rl.sweeps.storage import open_storage
    from intraday_rl.sweeps.study import SweepStudy

    request = read_request(["hparams=pareto_sweep", "hparams.n_trials=1000"])
    study = SweepStudy(
        open_storage(None, folder), request.definition(), request.settings.sampler, request.settings.n_trials, None
    )
    draw = random.Random(0)
    seconds = []
    for _ in range(request.settings.n_trials):
        start = time.perf_counter()
        trial = study.propose()
        outcome = Outcome((draw.random() * 2, draw.random() * 0.05, draw.random() * 0.05), {"num_round_trips": -1.0})
        study.complete(trial, outcome, {})
        seconds.append(time.perf_counter() - start)
    around = seconds[200 - AROUND // 2 : 200 + AROUND // 2]
    return 1e3 * statistics.median(around), 1e3 * statistics.median(seconds[-AROUND:])


if __name__ == "__main__":
    main()
