"""Criteria read literally on rolling windows of 20 sessions (SPEC R182): how often they held, and on the last one.

Conventions: there are S - 19 windows, each one session later; values alone, without intervals, so a window holds or
does not. Numbers of the training that come once an episode roll over its episodes in the same way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from intraday_rl.evaluation.phases import training_measures as training
from intraday_rl.evaluation.phases.criteria import Criterion
from intraday_rl.evaluation.phases.evidence import SessionEvidence
from intraday_rl.evaluation.phases.measures import SessionMeasure
from intraday_rl.evaluation.phases.session_measures import Question
from intraday_rl.evaluation.phases.training_record import TrainingRecord

WINDOW = 20  # sessions or episodes
EPISODE_METRICS = {"episode_reward": training.EPISODE_REWARD, "penalty_share": training.PENALTY_SHARE}


class Rolling(NamedTuple):
    """On how many of the windows the criterion held, and its value on the last."""

    windows: int
    met: int
    last: float | None  # None: undefined


def roll_sessions(criterion: Criterion, measure: SessionMeasure, e: SessionEvidence) -> Rolling | None:
    """Return how the criterion held on the windows of the sessions; None where there are fewer than 20."""
    if e.count < WINDOW or measure.lacks(e):
        return None
    question = Question(criterion.level, WINDOW, None)
    return _count(
        criterion,
        [measure.estimate(e.window(first, WINDOW), question).value for first in range(e.count - WINDOW + 1)],
    )


def roll_episodes(criterion: Criterion, record: TrainingRecord) -> Rolling | None:
    """Return how the criterion held on the windows of the episodes; None for other metrics and fewer than 20."""
    metric = EPISODE_METRICS.get(criterion.metric)
    values = None if metric is None else record.values(metric, criterion.window)
    if values is None or values.size < WINDOW:
        return None
    return _count(criterion, np.lib.stride_tricks.sliding_window_view(values, WINDOW).mean(axis=1).tolist())


def _count(criterion: Criterion, values: list[float]) -> Rolling:
    met = sum(criterion.region.holds(value) for value in values)
    return Rolling(len(values), met, values[-1] if math.isfinite(values[-1]) else None)
