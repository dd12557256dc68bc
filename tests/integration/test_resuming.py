"""Trainings stopped at many random moments, in this process; and that nothing of a checkpoint is there in vain."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.agents.callbacks.curriculum import Curriculum
from intraday_rl.agents.callbacks.regime_sampling import RegimeSampling
from intraday_rl.agents.callbacks.validation import Validation
from intraday_rl.agents.checkpoints import checkpointing
from intraday_rl.agents.checkpoints.replay import ReplayPieces
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.app.listeners import CurriculumListener, MonitorListener
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import RandomEpisodes
from tests.support.contents import differences
from tests.support.resuming import train_in_parts
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
