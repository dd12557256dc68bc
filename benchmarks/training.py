"""Where training time goes: `python benchmarks/training.py`.

The default run (simulated market, PPO's defaults, validation, kept policies, checkpoints to resume from, monitor.csv,
TensorBoard, MLflow on a store of its own) with the clock on each part. One thread for torch and numpy; MLflow writes in
a thread of its own, whose CPU time is given beside the parts. N other than 8, and SAC, are trained for a few updates
only. Checkpoints to resume from are taken ten times as often as by default, for a mean over several.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine_line, use_one_thread, verdict

use_one_thread()  # before numpy and torch are imported

from rich.console import Console  # noqa: E402
from stable_baselines3 import PPO, SAC  # noqa: E402
from stable_baselines3.common.base_class import BaseAlgorithm  # noqa: E402
from stable_baselines3.common.callbacks import CallbackList  # noqa: E402
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm  # noqa: E402
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm  # noqa: E402
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy  # noqa: E402
from stable_baselines3.common.vec_env import VecEnv  # noqa: E402
from support.stopwatch import Stopwatch  # noqa: E402

from intraday_rl.agents.checkpoints.checkpointing import Checkpointing, CheckpointPlan  # noqa: E402
from intraday_rl.agents.trainer import TrainingTask, train  # noqa: E402
from intraday_rl.app.build import PROJECT, Plan, build_plan  # noqa: E402
from intraday_rl.app.compose import compose  # noqa: E402
from intraday_rl.app.learning.keeping import make_keeper  # noqa: E402
from intraday_rl.app.learning.tracker import open_tracker  # noqa: E402
from intraday_rl.app.listeners import MonitorListener, ProgressListener, TrackerListener  # noqa: E402
from intraday_rl.app.market_data import MarketData, load_market_data  # noqa: E402
from intraday_rl.evaluation.validation import make_validator  # noqa: E402
from intraday_rl.tracking import collect_manifest  # noqa: E402
from intraday_rl.tracking.monitor_csv import MonitorCsv  # noqa: E402

STEPS = {8: 20_480, 1: 4_096, 64: 8_192, 1_024: 32_768}  # training steps, by N
ROLLOUT_STEPS = {1_024: 16_384}  # where the default would leave an account two steps
SAC_STEPS = 2_048
EVERY_STEPS = 10_240  # the default's 10,000, at the end of an update: no third evaluation in 20,480 steps
JUDGED = 8  # N of the targets
OFTENER = 10  # so many times as often as by default a checkpoint to resume from is taken
START_SECONDS = 120.0  # how long the tracker may take to begin

MARKET, FORWARD, UPDATE, REST = "market and normalisation", "policy forward", "update", "rest of SB3's loop"
EVALUATION, CHECKPOINTS, LOGGING = "evaluation", "kept policies", "logging and callbacks"
RESUME = f"checkpoints to resume, {OFTENER} x"
SECTIONS = (MARKET, FORWARD, UPDATE, EVALUATION, CHECKPOINTS, RESUME, LOGGING, REST)
CALLBACK_EVENTS = ("_on_training_start", "_on_rollout_start", "_on_step", "_on_rollout_end", "_on_training_end")
PLACES = (
    (MARKET, VecEnv, ("step",)),
    (FORWARD, ActorCriticPolicy, ("forward",)),
    (FORWARD, BasePolicy, ("predict",)),
    (UPDATE, PPO, ("train",)),
    (UPDATE, SAC, ("train",)),
    (RESUME, Checkpointing, ("_take",)),
    (LOGGING, CallbackList, CALLBACK_EVENTS),
    (LOGGING, OnPolicyAlgorithm, ("dump_logs",)),
    (LOGGING, OffPolicyAlgorithm, ("dump_logs",)),
    (LOGGING, BaseAlgorithm, ("_update_info_buffer",)),
)


@dataclass(frozen=True)
class Outcome:
    """One training: steps per second, seconds by section, and the CPU seconds of other threads.

    `tracking_start_seconds` is what MLflow took to begin, before the clock was started; `resume_share` is what
    checkpoints to resume from would take of the wall time if they were taken as often as by default.
    """

    rate: float
    seconds: dict[str, float]
    other_threads_seconds: float
    tracking_start_seconds: float
    resume_share: float

    def share(self, *sections: str) -> float:
        """Return the sections' part of the wall time."""
        return sum(self.seconds.get(section, 0.0) for section in sections) / sum(self.seconds.values())


def main() -> None:
    """Train with each N and print the split."""
    options = argparse.ArgumentParser(description="Where training time goes.")
    options.add_argument("--fraction", type=float, default=1.0, help="of the training steps, to try the script out")
    fraction = options.parse_args().fraction
    print(machine_line())
    data = load_market_data(build_plan(compose()))
    print(f"{', '.join(data.tape.symbols)}: {len(data.tape.rows):,} bars, {len(data.split.train)} training sessions\n")
    with tempfile.TemporaryDirectory() as folder:
        measure(data, JUDGED, EVERY_STEPS // 10, Path(folder) / "warm_up")  # compiles, and creates the store
        outcomes = {
            f"N = {n:,}": measure(data, n, int(steps * fraction), Path(folder) / f"{n}_accounts")
            for n, steps in STEPS.items()
        }
        sac = Path(folder) / "sac"
        outcomes[f"SAC, N = {JUDGED}"] = measure(data, JUDGED, int(SAC_STEPS * fraction), sac, "algo=sac")
    print_split(outcomes)
    print_targets(outcomes)


def measure(data: MarketData, num_envs: int, steps: int, folder: Path, *choices: str) -> Outcome:
    """Train with N accounts for some steps, all outputs in `folder`."""
    folder.mkdir()
    overrides = [
        *choices,
        f"algo.parameters.num_envs={num_envs}",
        f"algo.parameters.total_timesteps={steps}",
        f"evaluation.every_steps={EVERY_STEPS}",
        f"tracking.store={folder.parent / 'mlflow'}",
    ]
    if num_envs in ROLLOUT_STEPS:
        overrides.append(f"algo.parameters.rollout_steps={ROLLOUT_STEPS[num_envs]}")
    config = compose(overrides)
    plan = build_plan(config)
    manifest = collect_manifest(PROJECT, config, {"seed": config["seed"]}, data.fingerprint)
    manifest["overrides"] = overrides
    with ExitStack() as stack:
        tracker = stack.enter_context(open_tracker(config, folder, manifest))
        tracking_start = wait_for(tracker)
        monitor = stack.enter_context(MonitorCsv(folder / "monitor.csv"))
        console = Console(file=stack.enter_context(open(os.devnull, "w")), force_terminal=True)
        progress = stack.enter_context(ProgressListener(console, steps))
        listeners = [MonitorListener(monitor), TrackerListener(tracker), progress]
        keep = make_keeper(folder, data, config, manifest)
        task = task_of(data, plan, config, folder)
        return clock(task, data, keep, listeners, tracking_start)


def wait_for(tracker: Any) -> float:
    """Return how many seconds the tracker took to create its run: once a process, and not part of the training."""
    start = time.perf_counter()
    while tracker.run_id is None:
        if tracker.problem is not None or time.perf_counter() - start > START_SECONDS:
            raise RuntimeError(f"MLflow did not start: {tracker.problem}")
        time.sleep(0.01)
    return time.perf_counter() - start


def task_of(data: MarketData, plan: Plan, config: dict[str, Any], folder: Path) -> TrainingTask:
    """Return the task that `train.py` would make of the configuration."""
    return TrainingTask(
        tape=data.tape,
        rules=plan.rules,
        sessions=data.split.train,
        parameters=plan.parameters,
        seed=config["seed"],
        every_steps=config["evaluation"]["every_steps"],
        tensorboard=folder / "tensorboard",
        curriculum=plan.curriculum,
        session_regimes=None,
        checkpoints=CheckpointPlan(
            folder / "resume",
            config["checkpoint"]["every_seconds"] / OFTENER,
            config["checkpoint"]["keep"],
            resume=False,
            on_resume=print,
        ),
    )


def clock(task: TrainingTask, data: MarketData, keep: Any, listeners: Any, tracking_start: float) -> Outcome:
    """Train with the clock on every part."""
    watch = Stopwatch(REST)
    validate = watch.wrap(EVALUATION, make_validator(data.tape, task.rules, data.split.validation, task.seed))
    with watch.methods(*PLACES):
        others = time.process_time() - time.thread_time()
        watch.start()
        result = train(task, validate, watch.wrap(CHECKPOINTS, keep), listeners)
        seconds = watch.stop()
        others = time.process_time() - time.thread_time() - others
    rate, taken = result.model.num_timesteps / sum(seconds.values()), max(watch.calls[RESUME], 1)
    assert task.checkpoints is not None
    resume_share = seconds.get(RESUME, 0.0) / taken / (OFTENER * task.checkpoints.every_seconds)
    return Outcome(rate, seconds, others, tracking_start, resume_share)


def print_split(outcomes: dict[str, Outcome]) -> None:
    """Print the rate and the shares of the wall time."""
    print(f"{'':32}" + "".join(f"{name:>12}" for name in outcomes))
    print(f"{'steps/s':32}" + "".join(f"{o.rate:12,.0f}" for o in outcomes.values()))
    for section in SECTIONS:
        print(f"{section:32}" + "".join(f"{100 * o.share(section):10.2f} %" for o in outcomes.values()))
    shares = [o.other_threads_seconds / sum(o.seconds.values()) for o in outcomes.values()]
    print(f"{'CPU time of other threads':32}" + "".join(f"{100 * share:10.2f} %" for share in shares))
    starts = "".join(f"{o.tracking_start_seconds:10.2f} s" for o in outcomes.values())
    print(f"{'before it: MLflow makes the run':32}{starts}\n")


def print_targets(outcomes: dict[str, Outcome]) -> None:
    """Print each target with what was measured at N = 8."""
    ppo, sac = outcomes[f"N = {JUDGED}"], outcomes[f"SAC, N = {JUDGED}"]
    watched = ppo.share(EVALUATION, CHECKPOINTS, LOGGING) + ppo.resume_share
    for words, share, limit in (
        ("market and normalisation", ppo.share(MARKET), 0.02),
        ("logging, evaluation and checkpoints", watched, 0.05),
        ("checkpoints to resume from, as often as by default,", ppo.resume_share, 0.02),
        ("the same of SAC", sac.resume_share, 0.02),
    ):
        print(
            f"{words + f' <= {limit:.0%} of the wall time at N = {JUDGED}':86} {share:8.2%}    "
            f"{verdict(share, limit, at_most=True)}"
        )


if __name__ == "__main__":
    main()
