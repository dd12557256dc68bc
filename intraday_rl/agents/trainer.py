"""Training: an environment, an algorithm, validation on sessions it does not train on, and listeners.

One thread. All randomness comes from branches of one seed: the same seed trains the same policy to the last bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.callbacks.curriculum import Curriculum, set_stage
from intraday_rl.agents.callbacks.entropy_schedule import EntropySchedule
from intraday_rl.agents.callbacks.guards.alarms import Alarm, Alarms
from intraday_rl.agents.callbacks.guards.finite_rewards import FiniteRewards
from intraday_rl.agents.callbacks.guards.limits import OTHER, AlarmLimits
from intraday_rl.agents.callbacks.guards.policy_statistics import PolicyStatistics
from intraday_rl.agents.callbacks.listening import ListenerWriter, Listening
from intraday_rl.agents.callbacks.progress import TrainingProgress
from intraday_rl.agents.callbacks.regime_sampling import RegimeSampling
from intraday_rl.agents.callbacks.rollout_means import RolloutMeans
from intraday_rl.agents.callbacks.validation import Curve, EvaluationTimes, Evaluator, Validation
from intraday_rl.agents.callbacks.value_warmup import ValueWarmup
from intraday_rl.agents.checkpoints.checkpointing import Checkpointing, CheckpointPlan, TensorBoardEvents
from intraday_rl.agents.parameters import AlgorithmParameters, ProximalParameters
from intraday_rl.agents.preflight import check_columns, check_first_observations, check_model, describe_training
from intraday_rl.agents.snapshot import PolicySnapshot
from intraday_rl.agents.warm_start import WarmStart, apply_warm_start
from intraday_rl.core import seeding
from intraday_rl.core.protocols import TrainingListener
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.curriculum.stages import CurriculumPlan
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.observation import ObservationLayout
from intraday_rl.env.rules import TradingRules
from intraday_rl.env.vec_env import TradingVecEnv
from intraday_rl.market.tape import Tape

LOG = logging.getLogger(__name__)


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
        value_warmup_steps: environment steps at first in which only the value network learns.
        checkpoints: where the training is set aside, and whether it goes on from there; None = it is not.
        alarms: limits beyond which the training says so; None = it says nothing.
        data_kind: what the bars are, for the alarms: `guards.limits.REAL`, `MARTINGALE` or `OTHER`.
        layouts: what others observe, by what they are ("evaluation"): their columns have to be the training's.
    """

    tape: Tape
    rules: TradingRules
    sessions: npt.NDArray[np.int64]
    parameters: AlgorithmParameters
    seed: int
    every_steps: int
    tensorboard: Path | None
    curriculum: CurriculumPlan | None
    session_regimes: npt.NDArray[np.int64] | None
    warm_start: WarmStart | None = None
    value_warmup_steps: int = 0
    checkpoints: CheckpointPlan | None = None
    alarms: AlarmLimits | None = None
    data_kind: str = OTHER
    layouts: Mapping[str, ObservationLayout] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingResult:
    """What training came to.

    Attributes:
        model: the SB3 model as training ended.
        best: the best snapshot on the validation sessions.
        best_step: when it was seen.
        curve: numbers of each evaluation, with `step`.
        alarms: those that began, in order.
        has_collapsed: whether at the end one action was left, and earned no more than doing nothing.
    """

    model: Any
    best: PolicySnapshot
    best_step: int
    curve: list[dict[str, float]]
    alarms: tuple[Alarm, ...]
    has_collapsed: bool


def make_training_env(task: TrainingTask) -> TradingVecEnv | RunningNormalize:
    """Return the N training environments in the first stage, normalised if the parameters say so."""
    p = task.parameters
    env = TradingVecEnv(_training_batch(task))
    return RunningNormalize(env, gamma=p.discount, clip=p.normalize_clip) if p.normalize else env


def _training_batch(task: TrainingTask) -> BatchEnv:
    seed = seeding.integer(task.seed, "environments")
    batch = BatchEnv(task.tape, task.rules, task.sessions, task.parameters.num_envs, seed)
    if task.curriculum is not None:
        set_stage(batch, task.curriculum.stages[0])
    return batch


def train(
    task: TrainingTask,
    evaluate: Evaluator,
    keep: Callable[[PolicySnapshot, str], None],
    listeners: Sequence[TrainingListener],
    say: Callable[[str], None] = LOG.info,
    on_curve: Callable[[Curve], None] = lambda curve: None,
) -> TrainingResult:
    """Train, judging on the way.

    Args:
        task: what to train on.
        evaluate: judges a policy on the validation sessions.
        keep: stores snapshots as they come ("best", "last", and those that leave a stage), so that an interruption
            loses little.
        listeners: told of steps, episodes and numbers.
        say: given the lines that describe what is about to be trained.
        on_curve: given the whole curve of evaluations whenever it has changed.
    """
    torch.set_num_threads(1)
    env = make_training_env(task)
    model = build_model(task.parameters, env, seeding.integer(task.seed, "model"))
    resumes = task.checkpoints is not None and task.checkpoints.resume
    if task.warm_start is not None and not resumes:
        apply_warm_start(model, task.warm_start)
    _preflight(task, model, env, say)
    outputs: list[KVWriter] = [ListenerWriter(listeners)]
    model.set_logger(Logger(folder=None, output_formats=outputs))
    alarms, callbacks, validation = _callbacks(task, model, evaluate, keep, on_curve)
    callbacks.insert(0, Listening(listeners))
    if task.checkpoints is not None:
        checkpointing = Checkpointing(task.checkpoints, callbacks, listeners)
        if resumes:
            checkpointing.resume(model)
        callbacks.insert(0, checkpointing)
    if task.tensorboard is not None:
        outputs.append(TensorBoardEvents(task.tensorboard, model.num_timesteps))
    model.learn(task.parameters.total_timesteps - model.num_timesteps, callback=callbacks, reset_num_timesteps=False)
    model.logger.close()
    best = validation.best
    if best is None:  # every score was NaN
        raise RuntimeError("training: no evaluation gave a number")
    rung = tuple(alarm for watcher in alarms for alarm in watcher.alarms)
    has_collapsed = any(watcher.has_collapsed for watcher in alarms)
    return TrainingResult(model, best, validation.best_step, validation.curve, rung, has_collapsed)


def _callbacks(
    task: TrainingTask,
    model: Any,
    evaluate: Evaluator,
    keep: Callable[[PolicySnapshot, str], None],
    on_curve: Callable[[Curve], None],
) -> tuple[list[Alarms], list[BaseCallback], Validation]:
    """Return the alarms among the callbacks, all callbacks in the order of their calls, and the last of them."""
    batch, total = model.env.get_attr("batch")[0], task.parameters.total_timesteps
    statistics, alarms = _watchers(task, isinstance(model.action_space, spaces.Discrete))
    callbacks: list[BaseCallback] = [RolloutMeans(), TrainingProgress(batch, total), FiniteRewards(batch)]
    callbacks += [statistics, *alarms]
    if isinstance(task.parameters, ProximalParameters):
        callbacks.append(EntropySchedule(task.parameters))
    if task.value_warmup_steps:
        callbacks.append(ValueWarmup(task.value_warmup_steps))
    companions: list[Callable[[], None]] = [statistics.update, *(watcher.update for watcher in alarms)]
    if task.curriculum is not None:
        curriculum = Curriculum(task.curriculum, keep)
        callbacks.append(curriculum)
        companions.append(curriculum.record)
    if task.session_regimes is not None:
        sampling = RegimeSampling(task.tape, task.session_regimes)
        callbacks.append(sampling)
        companions.append(sampling.update)
    times = EvaluationTimes(task.every_steps, total, at_start=task.warm_start is not None)
    validation = Validation(evaluate, times, keep, companions, on_curve)
    return alarms, [*callbacks, validation], validation


def _preflight(task: TrainingTask, model: Any, env: VecEnv, say: Callable[[str], None]) -> None:
    """Refuse to begin with a model, observations or first numbers that do not fit; say what is about to be trained."""
    check_model(model, env)
    check_columns(task.rules.layout, task.layouts)
    check_first_observations(_training_batch(task))
    for line in describe_training(model, env.get_attr("batch")[0], task.parameters):
        say(line)


def _watchers(task: TrainingTask, is_discrete: bool) -> tuple[PolicyStatistics, list[Alarms]]:
    """Return who watches the policy, and its alarms if the task asks for them."""
    if task.alarms is None:
        return PolicyStatistics(is_discrete), []
    alarms = Alarms(task.alarms, task.data_kind, task.parameters.total_timesteps, is_discrete)
    return PolicyStatistics(is_discrete), [alarms]
