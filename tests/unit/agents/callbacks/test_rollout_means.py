"""Means over the episodes of a rollout, by hand."""

import pytest

from intraday_rl.agents.callbacks.rollout_means import KEYS, RolloutMeans
from tests.unit.agents.callbacks.stubs import NotedBatch, attach, step


def info(value, **terms):
    return {key: value * (i + 1) for i, key in enumerate(KEYS)} | {"episode_reward_parts": terms}


@pytest.fixture
def callback():
    return RolloutMeans()


def test_means_are_over_the_episodes_that_ended_in_the_rollout(callback):
    logger = attach(callback, NotedBatch())
    step(callback, [info(1.0, profit=4.0, turnover=-1.0), info(2.0, profit=0.0, turnover=0.0)])
    step(callback, [])
    step(callback, [info(6.0, profit=-1.0, turnover=-2.0)])
    callback._on_rollout_end()
    means = {f"rollout/{key}": 3.0 * (i + 1) for i, key in enumerate(KEYS)}  # of 1, 2 and 6
    assert logger.waiting == means | {"reward/profit": 1.0, "reward/turnover": -1.0}
    assert KEYS == ("turnover_ratio", "penalty", "penalty_frequency", "pattern_frequency", "shaped_minus_true")


def test_each_rollout_counts_its_own_episodes(callback):
    logger = attach(callback, NotedBatch())
    for value in (1.0, 5.0):
        step(callback, [info(value, profit=value)])
        callback._on_rollout_end()
    assert logger.waiting["reward/profit"] == 5.0


def test_rollout_in_which_no_episode_ended_records_nothing(callback):
    logger = attach(callback, NotedBatch())
    step(callback, [])
    callback._on_rollout_end()
    assert logger.waiting == {}
