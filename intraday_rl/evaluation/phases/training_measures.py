"""What criteria measure on the training itself: rewards, entropy, the critic, and how episodes ended.

Conventions: a mean is over the last 20 episodes or updates within the window (SPEC R182); an extreme or a count is
over the whole window and has no sampling error. None: the training did not record it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

import numpy as np
import numpy.typing as npt

from intraday_rl.evaluation.phases.intervals import Estimate, exact, mean_estimate
from intraday_rl.evaluation.phases.training_record import TrainingRecord

Floats = npt.NDArray[np.float64]

LAST = 20  # episodes or updates

EPISODE_REWARD = "episode.reward"  # sum of an episode's rewards, as the agent gets them
STEP_REWARD = "episode.step_reward"  # the same / steps
PENALTY_SHARE = "episode.penalty_share"  # bars with a penalty / bars
EARLY_END = "episode.early_end"  # 1 where a risk rule ended the episode before its time
REPLACED = "replaced"  # rewards and observations that were not finite and became 0, of the whole training
ENTROPY_LOSS = "train/entropy_loss"  # minus the mean entropy of an update, nats
EXPLAINED_VARIANCE = "train/explained_variance"
STAGE = "curriculum/stage"  # counted from 0


def episode_reward(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the mean reward of the last episodes."""
    return _last_mean(record, EPISODE_REWARD, steps)


def step_reward(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the mean size of a step's reward in the last episodes: the sum's absolute value / steps."""
    values = record.values(STEP_REWARD, steps)
    return None if values is None else mean_estimate(np.abs(_finite(values)[-LAST:]))


def penalty_share(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the mean share of bars with a penalty in the last episodes."""
    return _last_mean(record, PENALTY_SHARE, steps)


def explained_variance(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the critic's mean explained variance over the last updates."""
    return _last_mean(record, EXPLAINED_VARIANCE, steps)


def lowest_entropy(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the lowest mean entropy of an update, nats."""
    values = record.values(ENTROPY_LOSS, steps)
    return None if values is None else _extreme(-values, np.min)


def lowest_entropy_loss(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the lowest entropy loss of an update: minus the highest entropy, nats."""
    values = record.values(ENTROPY_LOSS, steps)
    return None if values is None else _extreme(values, np.min)


def highest_stage(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the highest stage of the curriculum that was reached, counted from 0."""
    values = record.values(STAGE, steps)
    return None if values is None else _extreme(values, np.max)


def early_ends_in_a_row(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return the most episodes in a row that a risk rule ended before their time."""
    values = record.values(EARLY_END, steps)
    if values is None:
        return None
    runs = [len(list(group)) for early, group in groupby(values > 0) if early]
    return exact(float(max(runs, default=0)), values.size)


def not_finite(record: TrainingRecord, steps: int | None) -> Estimate | None:
    """Return how many recorded numbers were not finite, and how many rewards and observations had to be replaced.

    SB3 logs no explained variance before the critic has seen returns that differ: its NaN is no fault and not counted.
    """
    counted = [values for name in record.series if (values := record.values(name, steps)) is not None]
    lost = sum(int((~np.isfinite(values)).sum()) for values in counted)
    critic = record.values(EXPLAINED_VARIANCE, steps)
    lost -= 0 if critic is None else int((~np.isfinite(critic)).sum())
    replaced = record.values(REPLACED, steps)
    lost += 0 if replaced is None else int(np.nansum(replaced))
    return exact(float(lost), sum(values.size for values in counted))


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _last_mean(record: TrainingRecord, metric: str, steps: int | None) -> Estimate | None:
    values = record.values(metric, steps)
    return None if values is None else mean_estimate(_finite(values)[-LAST:])


def _extreme(values: Floats, choose: Callable[[Floats], np.float64]) -> Estimate:
    finite = _finite(values)
    return exact(float(choose(finite)), finite.size) if finite.size else Estimate(math.nan, math.nan, math.nan, 0)
