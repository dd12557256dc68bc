"""A training that is stopped and gone on with ends as one that was not: to the last bit."""

import importlib
import inspect
import pkgutil
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from intraday_rl.agents import callbacks, trainer
from intraday_rl.agents.callbacks.guards.limits import AlarmLimits
from intraday_rl.agents.callbacks.rollout_means import RolloutMeans
from intraday_rl.agents.checkpoints import store
from intraday_rl.agents.checkpoints.checkpointing import CheckpointPlan, resumable
from intraday_rl.core.errors import CheckpointError
from intraday_rl.env.curriculum.stages import CurriculumPlan, SharpeGate, Stage
from tests.support.contents import differences
from tests.support.fingerprint import Watch, watch
from tests.support.resuming import Diary, StoppedError, train_in_parts, train_with_files
from tests.support.training import tiny_task

LIMITS = AlarmLimits(
    kl_max=1e-9,
    early_entropy_min=2.0,
    early_fraction=0.5,
    entropy_min=0.1,
    explained_variance_max=0.1,
    martingale_t_max=0.1,
    action_share_max=0.34,
)
STAGES = tuple(
    Stage(name, 2, above, {"terms.turnover.limit": limit})
    for name, above, limit in (("low", -1e6, 0.01), ("middle", -1e5, 0.02), ("high", 1e6, 0.03))
)


def full_task(**changes):
    """Return a task in which everything that has a memory takes part."""
    task = tiny_task(episode_order="weighted", every_steps=200, parameters={"total_timesteps": 768})
    plan = CurriculumPlan(SharpeGate(2, 2, 1.0), STAGES)
    parts = {"curriculum": plan, "session_regimes": np.array([0, 0, 1, 2, 3, 3]), "alarms": LIMITS}
    return replace(task, value_warmup_steps=300, **(parts | changes))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train_in_parts(full_task(), tmp_path_factory.mktemp("whole") / "run", ())


@dataclass
class Parts:
    """A training stopped twice: its folder, what came out, and what was seen when checkpoints were taken and used."""

    folder: Path
    outcome: dict[str, bytes]
    watched: type[Watch]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts") / "run"
    with pytest.MonkeyPatch.context() as patch:
        watched = watch(patch)
        task = replace(full_task(), tensorboard=folder / "tensorboard")
        return Parts(folder, train_in_parts(task, folder, (276, 700)), watched)


def test_training_stopped_twice_ends_like_one_that_was_not(whole, parts):
    assert differences(whole, parts.outcome) == []
    assert b"middle" in whole["episodes.csv"]  # the curriculum moved


def test_taking_checkpoints_changes_nothing(whole, tmp_path):
    none = train_in_parts(full_task(), tmp_path / "run", (), every_seconds=1e9)
    assert not (tmp_path / "run" / "resume").exists()
    assert differences(whole, none) == []


def test_comparison_has_teeth(whole, tmp_path):
    other = train_in_parts(replace(full_task(), seed=1), tmp_path / "run", ())
    different = differences(whole, other)
    for name in ("model/parts/policy/action_net.weight", "curve", "heard", "episodes.csv", "environment/moments"):
        assert name in different


def test_no_callback_or_listener_holds_anything_that_a_checkpoint_forgets(parts):
    resumed, taken = parts.watched.resumed, parts.watched.taken
    assert sorted(resumed) == [256, 512]
    for step, held in resumed.items():
        assert len(held) > 50
        assert differences(taken[step], held) == []


def test_every_callback_of_the_package_is_looked_at(parts):
    """A new one has to take part in `full_task`."""
    modules = [m.name for m in pkgutil.walk_packages(callbacks.__path__, f"{callbacks.__name__}.")]
    values = [value for name in modules for value in vars(importlib.import_module(name)).values()]
    kinds = {v for v in values if inspect.isclass(v) and issubclass(v, BaseCallback) and v is not BaseCallback}
    assert len(kinds) > 8
    assert {kind.__name__ for kind in kinds} <= {path.split(".")[0] for path in parts.watched.taken[256]}


class Forgetful(RolloutMeans):
    """Counts the steps and tells no checkpoint of it."""

    def __init__(self):
        super().__init__()
        self.steps = 0

    def _on_step(self):
        self.steps += 1
        return super()._on_step()


def test_callback_that_is_forgotten_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(trainer, "RolloutMeans", Forgetful)
    watched = watch(monkeypatch)
    train_in_parts(full_task(), tmp_path / "run", (600,))
    assert differences(watched.taken[512], watched.resumed[512]) == ["Forgetful.steps"]


def test_tensorboard_shows_each_step_once(parts):
    events = EventAccumulator(str(parts.folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("rollout/ep_rew_mean")] == [256, 512, 768]
    assert [event.step for event in events.Scalars("validation/net_return")] == [200, 400, 600, 768]


def plan_at(folder, resume):
    return CheckpointPlan(folder / "resume", 0.0, keep=2, resume=resume, on_resume=lambda step: None)


def test_checkpoint_of_another_training_is_refused_in_one_line(parts, tmp_path):
    shutil.copytree(parts.folder, tmp_path / "run")
    for changes in ({"hidden_layers": (8, 9)}, {"num_envs": 8}):
        task = tiny_task(episode_order="weighted", parameters={"total_timesteps": 768} | changes)
        other = replace(full_task(), parameters=task.parameters, checkpoints=plan_at(tmp_path / "run", True))
        with pytest.raises(CheckpointError) as caught:
            train_with_files(other, tmp_path / "run", Diary(None))
        assert "\n" not in str(caught.value)


def resumed_and_stopped(folder, keep=lambda snapshot, name: None):
    """Go on with a training, and stop it before its first step."""
    task = replace(full_task(), checkpoints=plan_at(folder, True))
    with pytest.raises(StoppedError):
        train_with_files(task, folder, Diary(0), keep)


def test_best_policy_is_kept_again_as_the_checkpoint_has_it(parts, tmp_path):
    """What was kept after the checkpoint may be another one, or gone."""
    shutil.copytree(parts.folder, tmp_path / "run")
    kept = []
    resumed_and_stopped(tmp_path / "run", lambda snapshot, name: kept.append((name, snapshot)))
    _, state = store.CheckpointStore(tmp_path / "run" / "resume", 2).load(lambda state: None)
    best = state["callbacks"]["Validation"]["best"]
    ((name, snapshot),) = kept
    assert name == "best"
    assert {key: value.tobytes() for key, value in snapshot.weights.items()} == {
        key: value.tobytes() for key, value in best["weights"].items()
    }
    assert snapshot.scaler.mean.tobytes() == best["scaler"]["mean"].tobytes()
    assert snapshot.network == best["network"]


def test_torn_checkpoints_are_removed_once_an_earlier_one_is_gone_on_from(parts, tmp_path):
    """Only whole ones count among those that are kept."""
    shutil.copytree(parts.folder, tmp_path / "run")
    folder = tmp_path / "run" / "resume"
    assert {"256", "512"} <= {path.name for path in folder.iterdir()}
    (folder / "512" / "state.json").write_text("{")
    (folder / "600.new").mkdir()
    resumed_and_stopped(tmp_path / "run")
    assert [path.name for path in folder.iterdir() if path.name[0].isdecimal()] == ["256"]


def test_nothing_to_resume_from_is_said(tmp_path):
    task = replace(full_task(), checkpoints=plan_at(tmp_path, True))
    with pytest.raises(CheckpointError, match="holds no checkpoint that is whole"):
        train_with_files(task, tmp_path, Diary(None))


def test_checkpoint_that_cannot_be_written_is_said_and_training_goes_on(whole, tmp_path, monkeypatch, caplog):
    def is_full(path, arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_arrays", is_full)
    assert differences(whole, train_in_parts(full_task(), tmp_path / "run", ())) == []
    lines = [record.getMessage() for record in caplog.records if "no checkpoint was taken" in record.getMessage()]
    assert [line.split(":")[0] for line in lines] == ["step 256", "step 512"]
    assert "No space left on device" in lines[0]


class Nothing(BaseCallback):
    def _on_step(self):
        return True


class Something(Nothing):
    def state(self):
        return {}

    def restore(self, state):
        """Nothing to take up."""


def test_resumable_members_are_named_by_their_class():
    first, second = Something(), Something()
    assert resumable([first, Nothing(), second]) == {"Something": first, "Something_2": second}
