"""Take checkpoints while training goes on, and let a training go on from one."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from intraday_rl.agents.checkpoints.model_state import model_state, restore_model
from intraday_rl.agents.checkpoints.random_state import random_state, restore_random_state
from intraday_rl.agents.checkpoints.replay import ReplayPieces
from intraday_rl.agents.checkpoints.store import CheckpointStore
from intraday_rl.core.errors import CheckpointError, IntradayError
from intraday_rl.core.protocols import Resumable, TrainingListener

LOG = logging.getLogger(__name__)
REPLAY = "transitions"  # folder of the replay buffer's pieces, beside the checkpoints


@dataclass(frozen=True)
class CheckpointPlan:
    """Where checkpoints are, and how often they are taken.

    Attributes:
        folder: of all checkpoints of the run.
        every_seconds: of wall time from one to the next; 0 = before every rollout.
        keep: how many are kept.
        resume: whether training goes on from the newest one.
        on_resume: told of the step from which it goes on.
    """

    folder: Path
    every_seconds: float
    keep: int
    resume: bool
    on_resume: Callable[[int], None]


class Checkpointing(BaseCallback):
    """Set everything aside before a rollout, when updates are done and rollout buffers empty.

    It has to be the first of the callbacks: what the others do as a rollout starts is done again by whoever goes on
    from there. Taking a checkpoint changes nothing that training computes.
    """

    def __init__(
        self, plan: CheckpointPlan, callbacks: Sequence[BaseCallback], listeners: Sequence[TrainingListener]
    ) -> None:
        """Keep what there is to set aside, by name: those of callbacks and listeners that are `Resumable`."""
        super().__init__()
        self._plan = plan
        self._callbacks = tuple(callbacks)
        self._members = {"callbacks": resumable(callbacks), "listeners": resumable(listeners)}
        self._store = CheckpointStore(plan.folder, plan.keep)
        self._pieces = ReplayPieces(plan.folder / REPLAY)
        self._last_step = 0  # nothing is lost before the first step
        self._due = time.monotonic() + plan.every_seconds

    def resume(self, model: Any) -> None:
        """Let the new model, its environment, all callbacks and listeners go on from the newest checkpoint.

        Args:
            model: as built for a new run, with its logger, not warm-started.

        Raises:
            CheckpointError: no checkpoint is whole, or it is of another kind of training.
        """
        step, state = self._store.load(lambda state: self._pieces.check(state["replay"]))
        for callback in self._callbacks:
            callback.init_callback(model)
            callback.n_calls = step // model.n_envs
        try:
            self._restore(model, state)
        except (IntradayError, OSError):  # a full disk says nothing about the checkpoint
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"the checkpoint of step {step} in {self._plan.folder} does not fit this training ({reason}); go on "
                "with the sources that it was made by"
            ) from error
        self._store.drop_after(step)
        self._last_step = step
        self._plan.on_resume(step)

    def _restore(self, model: Any, state: Mapping[str, Any]) -> None:
        restore_model(model, state["model"])
        model.env.restore(state["environment"])
        for name, member in self._members["callbacks"].items():
            member.restore(state["callbacks"][name])
        for name, member in self._members["listeners"].items():
            if name in state["listeners"]:  # tracking may be switched on or off in between
                member.restore(state["listeners"][name])
        if isinstance(buffer := getattr(model, "replay_buffer", None), ReplayBuffer):
            self._pieces.restore(buffer, state["replay"], model.num_timesteps // model.n_envs)
        restore_random_state(state["random"], model.action_space)

    def _on_rollout_start(self) -> None:
        if time.monotonic() < self._due or self.num_timesteps == self._last_step:
            return
        try:
            self._take()
        except OSError as error:  # a full disk: the training itself may still come to its end
            LOG.warning("step %d: no checkpoint was taken (%s); training goes on", self.num_timesteps, error)
        self._last_step = self.num_timesteps
        self._due = time.monotonic() + self._plan.every_seconds

    def _take(self) -> None:
        model: Any = self.model
        for output in model.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                output.writer.flush()
        buffer = getattr(model, "replay_buffer", None)
        pieces = []
        if isinstance(buffer, ReplayBuffer):
            pieces = self._pieces.save(buffer, self.num_timesteps // model.n_envs)
        members = {
            group: {name: member.state() for name, member in named.items()} for group, named in self._members.items()
        }
        state = {
            "model": model_state(model),
            "environment": model.env.state(),
            **members,
            "replay": pieces,
            "random": random_state(model.action_space),
        }
        self._store.save(self.num_timesteps, state)
        if isinstance(buffer, ReplayBuffer):
            oldest = self._store.steps()[0] // model.n_envs
            self._pieces.drop_before(oldest - buffer.buffer_size)

    def _on_step(self) -> bool:
        return True


def resumable(members: Sequence[Any]) -> dict[str, Resumable]:
    """Return those that are `Resumable` by the name of their class, which is numbered from the second one on."""
    seen: Counter[str] = Counter()
    named: dict[str, Resumable] = {}
    for member in members:
        if isinstance(member, Resumable):
            name = type(member).__name__
            seen[name] += 1
            named[name if seen[name] == 1 else f"{name}_{seen[name]}"] = member
    return named


class TensorBoardEvents(TensorBoardOutputFormat):
    """SB3's TensorBoard output, into a new file; what earlier files hold of later steps is not shown any more."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open the file.

        Args:
            folder: of all files of the run.
            step: environment steps that are done.
        """
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=step + 1 if step else None)
        self._is_closed = False
