"""Alarms begin beyond their limit and not at it, say so once, and are handed on with their numbers."""

import json
import logging
from dataclasses import replace

import pytest

from intraday_rl.agents.callbacks.guards.alarms import Alarm, Alarms
from intraday_rl.agents.callbacks.guards.limits import MARTINGALE, OTHER, REAL, AlarmLimits
from intraday_rl.agents.trainer import train
from intraday_rl.core.errors import ParameterError
from tests.support.training import RememberingListener, tiny_task
from tests.unit.agents.callbacks.stubs import NotedBatch, attach

LIMITS = AlarmLimits(
    kl_max=0.05,
    early_entropy_min=0.30,
    early_fraction=0.20,
    entropy_min=0.02,
    explained_variance_max=0.8,
    martingale_t_max=3.0,
    action_share_max=0.99,
)
TOTAL = 1_000


class Learner:
    """A training of 1,000 steps whose numbers are made up."""

    def __init__(self, data_kind=REAL, is_discrete=True):
        self.alarms = Alarms(LIMITS, data_kind, TOTAL, is_discrete)
        self.logger = attach(self.alarms, NotedBatch())
        self.updates = 0

    def update(self, step, **numbers):
        """Let an update show these numbers, and return what the alarms make of them."""
        self.updates += 10
        self.alarms.num_timesteps = step
        self.logger.record("train/n_updates", self.updates)
        for name, value in numbers.items():
            self.logger.record(f"train/{name}", value)
        self.alarms._on_rollout_start()
        return self.written(step)

    def rollout(self, step, sell, hold, buy):
        self.alarms.num_timesteps = step
        for name, share in (("sell", sell), ("hold", hold), ("buy", buy)):
            self.logger.record(f"rollout/action_share_{name}", share)
        self.alarms._on_rollout_end()
        return self.written(step)

    def evaluation(self, step, score, **others):
        self.alarms.num_timesteps = step
        for name, value in ({"net_return": score} | others).items():
            self.logger.record(f"validation/{name}", value)
        self.alarms.update()
        return self.written(step)

    def written(self, step):
        """Return the alarms among what is written."""
        self.logger.dump(step)
        numbers = self.logger.dumps[-1][1]
        return {key.removeprefix("alarm/"): value for key, value in numbers.items() if key.startswith("alarm/")}


@pytest.fixture
def learner():
    return Learner()


@pytest.mark.parametrize(("kl", "rings"), [(0.05, 0.0), (0.0501, 1.0), (float("nan"), 0.0)])
def test_kl_alarm_begins_beyond_its_limit(learner, kl, rings):
    assert learner.update(100, approx_kl=kl) == {"kl": rings}
    assert learner.alarms.alarms == ([Alarm("kl", 100, kl, 0.05)] if rings else [])


@pytest.mark.parametrize(
    ("step", "loss", "early", "ever"),
    [
        (100, -0.30, 0.0, 0.0),  # SB3 logs minus the entropy
        (100, -0.29, 1.0, 0.0),
        (199, -0.29, 1.0, 0.0),
        (200, -0.29, 0.0, 0.0),  # 20 % of 1,000 steps are over
        (200, -0.02, 0.0, 0.0),
        (200, -0.019, 0.0, 1.0),
        (100, -0.019, 1.0, 1.0),
        (900, -1.0986, 0.0, 0.0),
    ],
)
def test_entropy_alarms_begin_below_their_limits(learner, step, loss, early, ever):
    assert learner.update(step, entropy_loss=loss) == {"early_entropy": early, "entropy": ever}


def test_entropy_of_a_density_may_be_negative():
    continuous = Learner(is_discrete=False)
    assert continuous.update(100, entropy_loss=3.0, approx_kl=0.01) == {"kl": 0.0}


@pytest.mark.parametrize(("explained", "rings"), [(0.8, 0.0), (0.81, 1.0), (float("nan"), 0.0), (-3.0, 0.0)])
def test_leak_alarm_on_real_bars_begins_beyond_what_a_critic_can_explain(learner, explained, rings):
    assert learner.update(100, explained_variance=explained) == {"leak": rings}
    assert learner.evaluation(150, 0.1, t_statistic=9.0) == {}
    assert [alarm.limit for alarm in learner.alarms.alarms] == ([0.8] if rings else [])


@pytest.mark.parametrize(("errors", "rings"), [(3.0, 0.0), (3.1, 1.0), (float("nan"), 0.0), (-9.0, 0.0)])
def test_leak_alarm_on_a_martingale_begins_beyond_what_chance_earns(errors, rings):
    learner = Learner(MARTINGALE)
    assert learner.evaluation(100, 0.1, t_statistic=errors) == {"leak": rings}
    assert learner.update(150, explained_variance=0.99) == {}
    assert [alarm.limit for alarm in learner.alarms.alarms] == ([3.0] if rings else [])


def test_other_markets_may_be_foreseen_and_earned_in():
    learner = Learner(OTHER)
    assert learner.update(100, explained_variance=0.99) == {}
    assert learner.evaluation(150, 0.1, t_statistic=9.0) == {}


@pytest.mark.parametrize(
    ("shares", "score", "rings"),
    [
        ((0.005, 0.005, 0.99), -0.1, 0.0),
        ((0.0, 0.009, 0.991), -0.1, 1.0),
        ((0.0, 0.991, 0.009), 0.0, 1.0),  # no better than doing nothing
        ((1.0, 0.0, 0.0), 0.001, 0.0),  # one action that earns
        ((0.4, 0.3, 0.3), -0.1, 0.0),
    ],
)
def test_collapse_needs_one_action_and_a_score_no_better_than_nothing(learner, shares, score, rings):
    assert learner.rollout(100, *shares) == {}  # no evaluation yet
    assert learner.evaluation(150, score) == {"collapse": rings}
    assert learner.alarms.has_collapsed == bool(rings)
    assert learner.rollout(200, *shares) == {"collapse": rings}


def test_collapse_is_over_when_either_condition_is(learner):
    learner.rollout(100, 1.0, 0.0, 0.0)
    assert learner.evaluation(150, -0.1) == {"collapse": 1.0}
    assert learner.evaluation(200, float("nan")) == {"collapse": 0.0}
    assert learner.evaluation(250, -0.1) == {"collapse": 1.0}
    assert learner.rollout(300, 0.5, 0.5, 0.0) == {"collapse": 0.0}
    assert not learner.alarms.has_collapsed
    assert [alarm.step for alarm in learner.alarms.alarms] == [150, 250]


def test_alarm_says_so_once_while_it_lasts(learner, caplog):
    with caplog.at_level(logging.INFO):
        for step, kl in ((100, 0.06), (200, 0.07), (300, 0.05), (400, 0.08)):
            learner.update(step, approx_kl=kl)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert caplog.messages[0] == (
        "alarm kl at step 100: an update moved the policy by a KL divergence of 0.06 nats, more than 0.05; lower "
        "algo.parameters.learning_rate"
    )
    assert learner.alarms.alarms == [Alarm("kl", 100, 0.06, 0.05), Alarm("kl", 400, 0.08, 0.05)]


def test_every_alarm_has_a_line_of_its_own(learner, caplog):
    with caplog.at_level(logging.WARNING):
        learner.update(100, approx_kl=0.06, entropy_loss=-0.01, explained_variance=0.9)
        learner.rollout(150, 1.0, 0.0, 0.0)
        learner.evaluation(200, -0.1)
    names = ["kl", "early_entropy", "entropy", "leak", "collapse"]
    assert [alarm.name for alarm in learner.alarms.alarms] == names
    assert [message.split()[1] for message in caplog.messages] == names
    assert all("\n" not in message for message in caplog.messages)


def test_numbers_of_an_update_are_read_once(learner):
    """They wait in the logger through a whole rollout: what they say belongs to the step of the update."""
    learner.logger.record("train/n_updates", 10)
    learner.logger.record("train/entropy_loss", -0.2)
    for step, look in ((190, "_on_rollout_start"), (210, "_on_rollout_end"), (210, "update")):
        learner.alarms.num_timesteps = step
        getattr(learner.alarms, look)()
    assert learner.written(210) == {"early_entropy": 1.0, "entropy": 0.0}


def test_algorithm_that_logs_none_of_it_has_no_alarms():
    learner = Learner(is_discrete=False)
    assert learner.update(100, actor_loss=1.0, ent_coef=0.1) == {}
    assert learner.evaluation(150, -0.5) == {}
    assert not learner.alarms.has_collapsed


def test_alarms_go_on_from_their_state(learner):
    learner.update(100, approx_kl=0.06)
    learner.rollout(150, 1.0, 0.0, 0.0)
    learner.evaluation(160, -0.1)
    other = Learner()
    other.updates = learner.updates
    other.alarms.restore(json.loads(json.dumps(learner.alarms.state())))
    assert other.alarms.alarms == learner.alarms.alarms
    assert other.alarms.has_collapsed
    assert other.update(200, approx_kl=0.07) == learner.update(200, approx_kl=0.07) == {"kl": 1.0, "collapse": 1.0}
    assert [alarm.name for alarm in other.alarms.alarms] == ["kl", "collapse"]  # neither begins again


@pytest.mark.parametrize(
    "change",
    [{"kl_max": 0.0}, {"early_entropy_min": -0.1}, {"early_fraction": 0.0}, {"entropy_min": float("nan")},
     {"explained_variance_max": 1.5}, {"martingale_t_max": 0.0}, {"action_share_max": 1.1}],
)  # fmt: skip
def test_limits_refuse_what_is_none(change):
    with pytest.raises(ParameterError, match=rf"^AlarmLimits\.{next(iter(change))} must be"):
        replace(LIMITS, **change).check()


def test_training_raises_alarms_and_hands_them_on():
    """A tiny training under limits that nothing keeps: alarms reach listeners and the result."""
    strict = replace(LIMITS, kl_max=1e-12, early_entropy_min=1.2, entropy_min=1.2, early_fraction=0.9,
                     explained_variance_max=1e-9, action_share_max=0.1)  # fmt: skip
    task = replace(tiny_task(), alarms=strict, data_kind=REAL)
    listener = RememberingListener()
    result = train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [listener])
    assert {"kl", "early_entropy", "entropy", "collapse"} <= {alarm.name for alarm in result.alarms}
    assert result.has_collapsed
    heard = {name: value for _, metrics in listener.metrics for name, value in metrics.items()}
    assert heard["alarm/kl"] == heard["alarm/entropy"] == heard["alarm/collapse"] == 1.0
    assert {"train/approx_kl", "train/clip_fraction", "train/explained_variance"} <= set(heard)


def test_training_without_limits_raises_none():
    result = train(tiny_task(), lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [])
    assert result.alarms == ()
    assert not result.has_collapsed
