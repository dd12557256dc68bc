"""Entropy with its own sign, and shares and moments of the actions of a rollout, by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.callbacks.guards.policy_statistics import PolicyStatistics
from intraday_rl.agents.parameters import RecurrentPpoParameters, SacParameters
from intraday_rl.agents.trainer import train
from intraday_rl.env.actions import Continuous
from tests.support.training import RememberingListener, tiny_task
from tests.unit.agents.callbacks.guards.test_alarms import LIMITS
from tests.unit.agents.callbacks.stubs import NotedBatch, attach

SHARES = ("rollout/action_share_sell", "rollout/action_share_hold", "rollout/action_share_buy")


def draw(statistics, *actions, **others):
    """Let the callback see a step in which each account drew one of these actions."""
    statistics.locals = {"actions": np.array(actions), **others}
    assert statistics._on_step()


def test_entropy_is_the_loss_with_the_other_sign():
    statistics = PolicyStatistics(is_discrete=True)
    logger = attach(statistics, NotedBatch())
    statistics._on_rollout_start()
    assert logger.waiting == {}
    logger.record("train/entropy_loss", np.float32(-1.0986))
    statistics._on_rollout_start()
    assert logger.waiting["train/entropy"] == pytest.approx(1.0986)


def test_shares_are_those_of_a_rollout():
    statistics = PolicyStatistics(is_discrete=True)
    logger = attach(statistics, NotedBatch())
    draw(statistics, 0, 1, 1, 2)
    draw(statistics, 1, 1, 1, 1)
    statistics._on_rollout_end()
    assert [logger.waiting[name] for name in SHARES] == [0.125, 0.75, 0.125]
    logger.dump(8)
    draw(statistics, 2, 2, 2, 0)
    statistics._on_rollout_end()
    assert [logger.waiting[name] for name in SHARES] == [0.25, 0.0, 0.75]


def test_moments_are_of_what_the_environment_got():
    statistics = PolicyStatistics(is_discrete=False)
    logger = attach(statistics, NotedBatch())
    draw(statistics, [1.7], [-0.5], clipped_actions=np.array([[1.0], [-0.5]], dtype=np.float32))
    draw(statistics, [0.5], [0.0], clipped_actions=np.array([[0.5], [0.0]], dtype=np.float32))
    statistics._on_rollout_end()
    # mean of 1, -0.5, 0.5, 0 = 0.25; mean of squares 1.5 / 4; variance 0.375 - 0.0625 = 0.3125
    assert logger.waiting["rollout/action_mean"] == pytest.approx(0.25, abs=1e-12)
    assert logger.waiting["rollout/action_std"] == pytest.approx(np.sqrt(0.3125), abs=1e-12)


def test_one_action_has_no_spread():
    statistics = PolicyStatistics(is_discrete=False)
    logger = attach(statistics, NotedBatch())
    draw(statistics, *[0.1] * 7)
    statistics._on_rollout_end()
    assert logger.waiting["rollout/action_std"] == pytest.approx(0.0, abs=1e-8)


def test_rollouts_of_one_step_count_together_until_they_are_written():
    """SAC's: numbers are written every few episodes, in the middle of a rollout."""
    statistics = PolicyStatistics(is_discrete=False)
    logger = attach(statistics, NotedBatch())
    for action in (0.0, 1.0):
        draw(statistics, action)
        statistics._on_rollout_end()
    assert logger.waiting["rollout/action_mean"] == 0.5
    draw(statistics, 0.4)
    logger.dump(3)
    assert logger.dumps[-1][1]["rollout/action_mean"] == 0.5
    statistics._on_rollout_end()
    draw(statistics, 0.6)
    statistics._on_rollout_end()
    assert logger.waiting["rollout/action_mean"] == 0.5  # of 0.4 and 0.6


def test_statistics_go_on_from_their_state():
    first, second = PolicyStatistics(is_discrete=True), PolicyStatistics(is_discrete=True)
    loggers = [attach(first, NotedBatch()), attach(second, NotedBatch())]
    draw(first, 0, 2)
    second.restore(json.loads(json.dumps(first.state())))
    for statistics in (first, second):
        draw(statistics, 2, 2)
        statistics._on_rollout_end()
    assert [logger.waiting[SHARES[2]] for logger in loggers] == [0.75, 0.75]


def test_listeners_hear_of_the_policy():
    heard = numbers_of(tiny_task())
    assert heard["train/entropy"] == [-loss for loss in heard["train/entropy_loss"]]
    assert all(0.9 < entropy <= np.log(3.0) + 1e-6 for entropy in heard["train/entropy"])
    for shares in zip(*(heard[name] for name in SHARES), strict=True):
        assert sum(shares) == pytest.approx(1.0)
        assert max(shares) < 0.6
    assert len(heard[SHARES[0]]) == 2  # rollouts


def test_listeners_hear_of_a_recurrent_policy():
    heard = numbers_of(tiny_task(RecurrentPpoParameters))
    assert heard["train/entropy"] == [-loss for loss in heard["train/entropy_loss"]]
    assert sum(heard[name][0] for name in SHARES) == pytest.approx(1.0)
    assert {"train/approx_kl", "train/clip_fraction", "train/explained_variance"} <= set(heard)


def test_listeners_hear_of_what_sac_draws_and_of_no_alarms():
    heard = numbers_of(replace(tiny_task(SacParameters), alarms=LIMITS))
    assert all(-1.0 <= mean <= 1.0 for mean in heard["rollout/action_mean"])
    assert len(heard["rollout/action_mean"]) > 1
    assert not any(name.startswith("alarm/") or name == "train/entropy" for name in heard)


def test_listeners_hear_of_a_policy_of_sizes():
    heard = numbers_of(tiny_task(actions=Continuous()))
    assert all(abs(mean) < 0.3 for mean in heard["rollout/action_mean"])
    assert all(0.5 < std < 0.9 for std in heard["rollout/action_std"])  # a unit normal clipped to [-1, 1] has 0.72
    assert SHARES[0] not in heard


def numbers_of(task):
    listener = RememberingListener()
    train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [listener])
    heard = {}
    for _, metrics in listener.metrics:
        for name, value in metrics.items():
            heard.setdefault(name, []).append(value)
    return heard
