"""How long a start takes, and how much memory a million bars: `python benchmarks/startup.py`.

`train.py` is started with its defaults as a process of its own, up to its first training step. The first start has an
empty cache: it compiles the kernels and fits GARCH for every session. The second has the fits, but no kernels.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from machine import forget_peak_memory, machine_line, peak_memory_gb, use_one_thread, verdict

use_one_thread()  # for this process and its children

PROJECT = Path(__file__).resolve().parents[1]
FIRST_STEP = Path(__file__).parent / "support" / "first_step.py"
TIMEOUT_SECONDS = 600
MILLION_BARS = ("data.source.num_sessions=2566", "data.source.start=2014-01-02")  # 2,566 sessions, half-days among them
MILLION_STEPS = 2_048

COMPILE_SECONDS, WARM_SECONDS, HELP_SECONDS, MEMORY_GB = 15.0, 5.0, 1.0, 1.5


def main() -> None:
    """Measure, then print each figure with its target."""
    options = argparse.ArgumentParser(description="How long a start takes, and how much memory a million bars.")
    options.add_argument("--repeats", type=int, default=3, help="warm starts, of which the fastest counts")
    options.add_argument("--million-bars", action="store_true", help="only the memory of a million bars")
    arguments = options.parse_args()
    if arguments.million_bars:
        train_on_a_million_bars()
        return
    print(machine_line())
    with tempfile.TemporaryDirectory() as folder:
        cold, compiling, warm = starts(Path(folder), arguments.repeats)
    helping = min(seconds([sys.executable, "train.py", "--help"], {}) for _ in range(arguments.repeats))
    print(f"{'first start, nothing cached, to the first training step':66}{cold:8.2f} s")
    print(f"{'the same with GARCH fits cached':66}{compiling:8.2f} s")
    say("of which compiling", compiling - warm, COMPILE_SECONDS)
    say("later starts, to the first training step", warm, WARM_SECONDS)
    say("train.py --help", helping, HELP_SECONDS)
    subprocess.run([sys.executable, __file__, "--million-bars"], check=True, timeout=TIMEOUT_SECONDS)


def starts(folder: Path, repeats: int) -> tuple[float, float, float]:
    """Return the seconds to the first training step: nothing cached, GARCH fits cached, all cached."""
    cache = folder / "cache"
    command = [
        *(sys.executable, str(FIRST_STEP), "train.py"),
        *("progress=false", f"tracking.store={folder / 'mlflow'}", f"hydra.run.dir={folder / 'run'}"),
    ]
    environment = {"XDG_CACHE_HOME": str(cache)}
    cold = seconds(command, environment)
    for kernels in cache.glob("*/kernels"):
        shutil.rmtree(kernels)
    compiling = seconds(command, environment)
    return cold, compiling, min(seconds(command, environment) for _ in range(repeats))


def seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return how long a process took; it runs in the project's root and must end with status 0."""
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=TIMEOUT_SECONDS,
    )
    return time.perf_counter() - start


def say(words: str, measured: float, limit: float) -> None:
    """Print a figure with its target."""
    print(f"{f'{words} <= {limit:g} s':66}{measured:8.2f} s  {verdict(measured, limit, at_most=True)}")


def train_on_a_million_bars() -> None:
    """Take a million bars through the whole pipeline, train one update, and print this process's peak memory."""
    from intraday_rl.app.build import build_plan
    from intraday_rl.app.compose import compose

    config = compose([*MILLION_BARS, f"algo.parameters.total_timesteps={MILLION_STEPS}"])
    plan = build_plan(config)
    bars = plan.markets[0].source.load()
    making_gb = peak_memory_gb()
    forget_peak_memory()

    from intraday_rl.agents.trainer import TrainingTask, train  # after the bars, as train.py does
    from intraday_rl.market.tape import build_tape

    market = plan.markets[0]
    table, scales = market.pipeline.compute(bars), market.scales.compute(bars)
    tape = build_tape(bars, table, scales, market.instrument, market.blackout)
    task = TrainingTask(
        tape=tape,
        rules=plan.rules,
        sessions=plan.split.split(tape.dates).train,
        parameters=plan.parameters,
        seed=config["seed"],
        every_steps=config["evaluation"]["every_steps"],
        tensorboard=None,
        curriculum=plan.curriculum,
        session_regimes=None,
    )
    train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [])
    using_gb = peak_memory_gb()
    peak = max(making_gb, using_gb)
    words = (
        f"{len(tape.rows):,} bars x {len(plan.rules.layout.names)} columns, one update: peak memory <= {MEMORY_GB:g} GB"
    )
    print(f"{words:66}{peak:8.2f} GB {verdict(peak, MEMORY_GB, at_most=True)}")
    print(f"{'of which features, tape and training, once the bars are there':66}{using_gb:8.2f} GB")


if __name__ == "__main__":
    main()
