"""Weights of training sessions from the episodes that were traded, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.callbacks.regime_sampling import RegimeSampling
from intraday_rl.agents.trainer import train
from tests.support.tapes import make_tape
from tests.support.training import RememberingListener, tiny_task
from tests.unit.agents.callbacks.stubs import NotedBatch, attach, step

REGIMES = np.array([0, 0, 1, -1, 0, 3, 2])  # of seven sessions, of which the first six are for training


@pytest.fixture
def tape():
    return make_tape([[{"close": 100.0}] * 3] * 7)


def episode(tape, session, value):
    return {"symbol": "TEST", "session": str(tape.dates[session]), "session_return": value}


def test_weights_are_those_of_the_regimes_with_unknown_ones_at_the_mean(tape):
    callback, batch = RegimeSampling(tape, REGIMES), NotedBatch(range(6))
    logger = attach(callback, batch)
    callback.update()
    # no Sharpe ratio yet: each of three regimes has the same say, 5/3 of the five sessions that have one
    assert batch.weights[-1] == pytest.approx([5 / 9, 5 / 9, 5 / 3, 1.0, 5 / 9, 5 / 3])
    step(callback, [episode(tape, 0, 0.01), episode(tape, 2, -0.01), episode(tape, 3, 9.0)])
    step(callback, [episode(tape, 1, 0.02), episode(tape, 2, -0.02)])
    callback.update()
    # Sharpe ratios s and -s, mean 0: factors 1 - s cut to 0.5, 1 + s cut to 2, and 1; 5 sessions over 3.5
    weights = [0.5 / 3 * 5 / 3.5, 2.0 * 5 / 3.5, 5 / 3.5]
    assert batch.weights[-1] == pytest.approx([weights[0], weights[0], weights[1], 1.0, weights[0], weights[2]])
    assert logger.waiting["sampling/regime_low_trend_weight"] == pytest.approx(weights[0])
    assert logger.waiting["sampling/regime_low_range_sharpe"] == pytest.approx(-0.015 / np.sqrt(5e-5) * np.sqrt(252))
    assert np.isnan(logger.waiting["sampling/regime_high_trend_sharpe"])


def test_training_sets_weights_at_each_evaluation_and_meets_sessions_by_them():
    task = tiny_task(episode_order="weighted", every_steps=256, parameters={"total_timesteps": 1024})
    listener = RememberingListener()
    task = replace(task, session_regimes=np.array([0, 0, 0, 1, 2, 3]))
    train(task, lambda policy: {"net_return": 0.0}, lambda snapshot, name: None, [listener])
    set_at = [at for at, numbers in listener.metrics if "sampling/regime_low_trend_weight" in numbers]
    assert set_at == [256, 512, 768, 1024]
    last = listener.metrics[-1][1]
    # three sessions and one: 3 w0 + w1 = 4 whatever the Sharpe ratios
    total = 3 * last["sampling/regime_low_trend_weight"] + last["sampling/regime_low_range_weight"]
    assert total == pytest.approx(4.0)
