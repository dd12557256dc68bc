"""Training: an environment, an algorithm, validation on sessions it does not train on, and listeners.

One thread. All randomness comes from branches of one seed: the same seed trains the same policy to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.callbacks.curriculum import Curriculum, set_stage
from intraday_rl.agents.callbacks.entropy_schedule import EntropySchedule
from intraday_rl.agents.callbacks.finite_rewards import FiniteRewards
from intraday_rl.agents.callbacks.listening import ListenerWriter, Listening
from intraday_rl.agents.callbacks.progress import TrainingProgress
from intraday_rl.agents.callbacks.regime_sampling import RegimeSampling
from intraday_rl.agents.callbacks.rollout_means import RolloutMeans
from intraday_rl.agents.callbacks.validation import Evaluator, Validation
from intraday_rl.agents.parameters import PpoParameters
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.agents.warm_start import WarmStart, apply_warm_start
from intraday_rl.core import seeding
from intraday_rl.core.protocols import TrainingListener
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.curriculum.stages import CurriculumPlan
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.rules import TradingRules
from intraday_rl.env.vec_env import TradingVecEnv
from intraday_rl.market.tape import Tape


@dataclass(frozen=True)
class TrainingTask:
    """What to train on.

    Attributes:
        tape: the market.
        rules: the environment.
        sessions: training sessions on the tape.
        parameters: of the algorithm.
        seed: root of all streams.
        every_steps: steps between evaluations.
        tensorboard: folder for TensorBoard files; None = none.
        curriculum: stages of the rules' parameters; None = the rules stay as they are.
        session_regimes: regime of each session of the tape, (S,), by which training sessions are drawn; -1 = unknown;
            None = sessions are not drawn by regime.
        warm_start: what to go on from; None = random weights.
    """

    tape: Tape
    rules: TradingRules
    sessions: npt.NDArray[np.int64]
    parameters: PpoParameters
    seed: int
    every_steps: int
    tensorboard: Path | None
    curriculum: CurriculumPlan | None
    session_regimes: npt.NDArray[np.int64] | None
    warm_start: WarmStart | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What training came to: the SB3 model as it ended, the best snapshot with its step, and the curve."""

    model: Any
    best: PolicySnapshot
    best_step: int
    curve: list[dict[str, float]]


def make_training_env(task: TrainingTask) -> TradingVecEnv | RunningNormalize:
    """Return the N training environments in the first stage, normalised if the parameters say so."""
    p = task.parameters
    batch = BatchEnv(task.tape, task.rules, task.sessions, p.num_envs, seeding.integer(task.seed, "environments"))
    if task.curriculum is not None:
        set_stage(batch, task.curriculum.stages[0])
    env = TradingVecEnv(batch)
    return RunningNormalize(env, gamma=p.discount, clip=p.normalize_clip) if p.normalize else env


def train(
    task: TrainingTask,
    evaluate: Evaluator,
    keep: Callable[[PolicySnapshot, str], None],
    listeners: Sequence[TrainingListener],
) -> TrainingResult:
    """Train, judging on the way.

    Args:
        task: what to train on.
        evaluate: judges a policy on the validation sessions.
        keep: stores snapshots as they come ("best", "last", and those that leave a stage), so that an interruption
            loses little.
        listeners: told of steps, episodes and numbers.
    """
    torch.set_num_threads(1)
    model_seed = seeding.integer(task.seed, "model")
    env = make_training_env(task)
    model = build_model(task.parameters, env, model_seed)
    if task.warm_start is not None:
        apply_warm_start(model, task.warm_start)
    outputs: list[KVWriter] = [ListenerWriter(listeners)]
    if task.tensorboard is not None:
        outputs.append(TensorBoardOutputFormat(str(task.tensorboard)))
    model.set_logger(Logger(folder=None, output_formats=outputs))
    batch, total = env.get_attr("batch")[0], task.parameters.total_timesteps
    callbacks: list[BaseCallback] = [EntropySchedule(task.parameters), Listening(listeners), RolloutMeans()]
    callbacks += [TrainingProgress(batch, total), FiniteRewards(batch)]
    companions: list[Callable[[], None]] = []
    if task.curriculum is not None:
        curriculum = Curriculum(task.curriculum, keep)
        callbacks.append(curriculum)
        companions.append(curriculum.record)
    if task.session_regimes is not None:
        sampling = RegimeSampling(task.tape, task.session_regimes)
        callbacks.append(sampling)
        companions.append(sampling.update)
    validation = Validation(evaluate, task.every_steps, total, keep, companions)
    model.learn(total, callback=[*callbacks, validation])
    model.logger.close()
    best = validation.best
    if best is None:  # every score was NaN
        raise RuntimeError("training: no evaluation gave a number")
    return TrainingResult(model, best, validation.best_step, validation.curve)
