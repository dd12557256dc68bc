"""Trainings stopped at many random moments, in this process; and that nothing of a checkpoint is there in vain."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.agents import load_bundle
from intraday_rl.agents.callbacks.curriculum import Curriculum
from intraday_rl.agents.callbacks.regime_sampling import RegimeSampling
from intraday_rl.agents.callbacks.validation import Validation
from intraday_rl.agents.checkpoints import checkpointing
from intraday_rl.agents.checkpoints.replay import ReplayPieces
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.app.learning import learn
from intraday_rl.app.listeners import CurriculumListener, MonitorListener
from intraday_rl.app.resuming.lock import sole_process
from intraday_rl.app.resuming.places import RESUME, is_finished
from intraday_rl.app.train import train
from intraday_rl.core.errors import ConfigError, DataError
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import RandomEpisodes
from tests.support.contents import differences
from tests.support.resuming import train_in_parts
from tests.support.runs import SMALL, composed, quick, run_small
from tests.support.training import tiny_task
from tests.unit.agents.checkpoints.test_resume import full_task

pytestmark = pytest.mark.slow

TASKS = {
    "ppo": lambda: replace(full_task(), parameters=replace(full_task().parameters, total_timesteps=4096)),
    "plain ppo": lambda: tiny_task(PpoParameters, parameters={"total_timesteps": 2048, "normalize": False}),
    "recurrent ppo": lambda: tiny_task(RecurrentPpoParameters, parameters={"total_timesteps": 2048}, every_steps=300),
    # the ring of the replay buffer is gone round several times
    "sac": lambda: tiny_task(SacParameters, parameters={"total_timesteps": 1200, "buffer_size": 400}, every_steps=250),
}


@pytest.mark.parametrize("name", TASKS)
def test_training_stopped_at_random_moments_ends_like_one_that_was_not(name: str, tmp_path: Path):
    make = TASKS[name]
    total = make().parameters.total_timesteps
    whole = train_in_parts(make(), tmp_path / "whole", ())
    for seed in range(3):
        stops = sorted(random.Random(seed).sample(range(260, total), 6))
        assert differences(whole, train_in_parts(make(), tmp_path / f"{seed}", stops)) == [], stops


def forget(*_: Any) -> None:
    """Take up nothing."""


PARTS = {
    "random numbers": (checkpointing, "restore_random_state", "ppo"),
    "rules' parameters": (BatchEnv, "set_parameter", "ppo"),
    "streams of episodes": (RandomEpisodes, "restore", "ppo"),
    "curriculum": (Curriculum, "restore", "ppo"),
    "sampling by regime": (RegimeSampling, "restore", "ppo"),
    "validation": (Validation, "restore", "ppo"),
    "monitor": (MonitorListener, "restore", "ppo"),
    "rows of episodes": (CurriculumListener, "restore", "ppo"),
    "replay buffer": (ReplayPieces, "restore", "sac"),
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_checkpoint_counts(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is not taken up makes a difference: the comparison would see it."""
    owner, name, algorithm = PARTS[part]
    make = TASKS[algorithm]
    whole = train_in_parts(make(), tmp_path / "whole", ())
    if part == "rules' parameters":
        original = BatchEnv.restore
        monkeypatch.setattr(BatchEnv, "restore", lambda self, state: original(self, state | {"parameters": {}}))
    else:
        monkeypatch.setattr(owner, name, forget)
    try:
        changed = train_in_parts(make(), tmp_path / "parts", (700,))
    except RuntimeError:  # even better: it is noticed at once
        if part != "replay buffer":
            raise
        return
    assert differences(whole, changed) != []


CLONED = (
    *(override for override in SMALL if "total_timesteps" not in override),
    "algo.parameters.total_timesteps=1024",
    "checkpoint.every_seconds=0",
    "warm_start=bc",
    "warm_start.value_warmup_steps=512",
    "cloning.num_epochs=3",
    "cloning.batch_size=128",
)


def run_until(step: int, folder: Path, small: tuple[str, ...]) -> None:
    """Begin a run that is stopped by a signal when it passes the step."""
    on_step = MonitorListener.on_step

    def stopping(self: MonitorListener, now: int) -> None:
        on_step(self, now)
        if now >= step:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MonitorListener, "on_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_small(folder, small=small)


def go_on(folder: Path, *small: str, **changes: Any) -> dict[str, Any]:
    """Go on with a run as the command line does."""
    return train(json.loads(composed(*small)) | changes | {"resume": str(folder)}, folder, [])


def test_training_from_a_clone_goes_on_without_cloning_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with quick():
        run_small(tmp_path / "whole", small=CLONED)
        run_until(800, tmp_path / "parts", CLONED)
        shutil.rmtree(tmp_path / "parts" / "bundle")
        monkeypatch.setattr(learn, "clone_of", None)
        go_on(tmp_path / "parts", *CLONED)
    for name in ("metrics.json", "baselines.json", "validation.csv", "monitor.csv", "gates.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name
    assert load_bundle(tmp_path / "parts").parts == load_bundle(tmp_path / "whole").parts
    assert json.loads((tmp_path / "parts" / "manifest.json").read_text())["resumed"][0]["step"] == 768
    assert not (tmp_path / "parts" / RESUME).exists()


def test_run_goes_on_with_its_own_data_in_one_process(tmp_path: Path):
    small = (*SMALL, "checkpoint.every_seconds=0")
    with quick():
        run_until(300, tmp_path / "run", small)
        with pytest.raises(DataError, match="the data are not those that the run began with"):
            go_on(tmp_path / "run", *small, "data.source.seed=9")
        with sole_process(tmp_path / "run", resumes=True), pytest.raises(ConfigError, match="is at work in process"):
            go_on(tmp_path / "run", *small)
        with pytest.raises(ConfigError, match="resume must be given as resume=FOLDER"):
            train(json.loads(composed(*small)) | {"resume": str(tmp_path / "run")}, tmp_path / "other", [])
        go_on(tmp_path / "run", *small)
        with pytest.raises(ConfigError, match="holds a run already"):
            train(json.loads(composed(*small)), tmp_path / "run", [])
        with pytest.raises(ConfigError, match="is finished"):
            go_on(tmp_path / "run", *small)
    assert is_finished(tmp_path / "run")
