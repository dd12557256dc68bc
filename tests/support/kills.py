"""A run that is killed at random moments and resumed each time, compared with one that was left alone.

`python -m tests.support.kills FOLDER --kills 20 --seed 0 OVERRIDE …` does it for a configuration and says what came of
it. Moments are drawn from the seed: when a step is passed, plus up to MOST_SECONDS; while a process starts; while the
test sessions are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.resuming.places import checkpoint_steps, is_finished
from intraday_rl.tracking.store import Store, open_client
from tests.support.mlflow_store import runs_of

MOST_SECONDS = 0.5
PATIENCE_SECONDS = 600.0
COMPARED = ("*.csv", "*.parquet", "metrics.json", "gates.json", "baselines.json", "alarms.json", "phase.json")
OF_THE_CLOCK = "time/"  # metrics that differ from process to process


class Moment(NamedTuple):
    """When a process is killed: `step` n is passed, `start`, or `judging`; then so many seconds later."""

    kind: str
    step: int
    seconds: float


def draw_moments(kills: int, total_steps: int, seed: int) -> list[Moment]:
    """Return that many moments: the last while judging, every seventh while the process starts, the others by step."""
    rng = random.Random(seed)
    starts = {place for place in range(1, kills - 1) if place % 7 == 1 + seed % 3}
    by_step = kills - len(starts) - (kills > 1)
    steps = iter(sorted(rng.randrange(total_steps // 50, total_steps * 9 // 10) for _ in range(by_step)))
    moments = []
    for place in range(kills):
        if place == kills - 1 and kills > 1:
            moments.append(Moment("judging", 0, rng.uniform(0.0, MOST_SECONDS)))
        elif place in starts:
            moments.append(Moment("start", 0, rng.uniform(0.0, 6.0)))
        else:
            moments.append(Moment("step", next(steps), rng.uniform(0.0, MOST_SECONDS)))
    return moments


def start(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start train.py; what it says goes to the end of the log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "train.py"), *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def kill_at(process: subprocess.Popen[bytes], folder: Path, moment: Moment) -> bool:
    """Kill the process at the moment; say whether it was still alive then."""
    deadline, before = time.monotonic() + PATIENCE_SECONDS, max(checkpoint_steps(folder), default=0)
    while process.poll() is None and not _has_come(folder, moment, before):
        assert time.monotonic() < deadline, f"{moment} did not come"
        time.sleep(0.01)
    try:
        process.wait(timeout=moment.seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _has_come(folder: Path, moment: Moment, before: int) -> bool:
    """Say whether the moment has come, for a step: in a checkpoint of this process, behind the one at `before`."""
    if moment.kind == "step":
        return max(checkpoint_steps(folder), default=0) >= max(moment.step, before + 1)
    return moment.kind == "start" or (folder / "sb3").is_dir()


def run_alone(overrides: Sequence[str], folder: Path) -> None:
    """Run the configuration to its end."""
    log = folder.with_suffix(".out")
    assert start([*overrides, f"hydra.run.dir={folder}"], log).wait() == 0, log.read_text()[-2000:]


def run_with_kills(overrides: Sequence[str], folder: Path, moments: Sequence[Moment]) -> int:
    """Run it, killed at each moment and resumed; return how many kills there were."""
    log = folder.with_suffix(".out")
    arguments, kills = [*overrides, f"hydra.run.dir={folder}"], 0
    for moment in moments:
        process = start(arguments, log)
        was_killed = kill_at(process, folder, moment)
        kills += was_killed
        if not was_killed:
            assert process.returncode == 0, log.read_text()[-2000:]
            return kills
        print(f"killed at {moment.kind} {moment.step or ''} + {moment.seconds:.2f} s: {checkpoint_steps(folder)}")
        arguments = [f"resume={folder}"]
    assert start(arguments, log).wait() == 0, log.read_text()[-2000:]
    return kills


def compare(whole: Path, parts: Path) -> list[str]:
    """Return what differs between two finished runs, of all that must not."""
    assert is_finished(whole)
    assert is_finished(parts)
    patterns = [*COMPARED, "bundle/*", "checkpoints/*/*", ".hydra/config.yaml"]
    names = {path.relative_to(run) for run in (whole, parts) for pattern in patterns for path in run.glob(pattern)}
    different = [str(name) for name in sorted(names) if _contents(whole / name) != _contents(parts / name)]
    one, other = (scalars(run) for run in (whole, parts))
    different += [f"TensorBoard {tag}" for tag in sorted(one.keys() | other.keys()) if one.get(tag) != other.get(tag)]
    return different


def _contents(path: Path) -> object:
    if not path.is_file():
        return None
    if path.name == "manifest.json":  # of a bundle; somebody may have edited the sources between the two starts
        manifest = json.loads(path.read_text())
        return {name: value for name, value in manifest.items() if name not in ("git", "fingerprint")}
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path) as arrays:  # a zip file holds times
        return {name: (arrays[name].dtype, arrays[name].shape, arrays[name].tobytes()) for name in arrays.files}


def scalars(run: Path) -> dict[str, list[tuple[int, str]]]:
    """Return what TensorBoard shows of a run: step and value, as text since it may be NaN, of each scalar."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith(OF_THE_CLOCK)]
    return {tag: [(event.step, repr(event.value)) for event in events.Scalars(tag)] for tag in tags}


def tracked(folder: Path) -> dict[str, Counter[tuple[str, int, float]]]:
    """Return the values that MLflow's store in the folder holds of each run, by its name: metric, step, value."""
    store = Store(folder)
    client, found = open_client(store), {}
    for run in runs_of(store):
        names = [name for name in run.data.metrics if not name.startswith(OF_THE_CLOCK)]
        history = [metric for name in names for metric in client.get_metric_history(run.info.run_id, name)]
        assert run.info.run_name not in found, "a run is there twice"
        found[run.info.run_name] = Counter((metric.key, metric.step, metric.value) for metric in history)
    return found


def main() -> None:
    """Do it and say what came of it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--steps", type=int, required=True, help="total steps of the training")
    options.add_argument("overrides", nargs="*")
    given = options.parse_intermixed_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True)
    overrides = [*given.overrides, f"algo.parameters.total_timesteps={given.steps}", f"tracking.store={folder}/mlflow"]
    run_alone(overrides, folder / "whole")
    kills = run_with_kills(overrides, folder / "parts", draw_moments(given.kills, given.steps, given.seed))
    different, stored = compare(folder / "whole", folder / "parts"), tracked(folder / "mlflow")
    same = stored["whole"] == stored["parts"]
    print(f"{kills} kills; differences: {', '.join(different) or 'none'}; ", end="")
    print(f"MLflow {'the same' if same else 'DIFFERS'}: {sum(stored['parts'].values())} values")
    sys.exit(bool(different) or not same or kills != given.kills)


if __name__ == "__main__":
    main()
