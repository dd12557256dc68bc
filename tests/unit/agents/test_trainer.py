"""Training: the seed decides everything, validation sees a frozen policy, and nothing else moves what is learned."""

import numpy as np
import pytest

from intraday_rl.agents.trainer import make_training_env, train
from intraday_rl.env.actions import Continuous
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.vec_env import TradingVecEnv
from intraday_rl.evaluation.validation import make_validator
from tests.support.training import RememberingListener, tiny_task


def run(task, evaluate=None, listeners=()):
    """Train and return the result with the names of what was kept, in order."""
    kept = []
    judge = evaluate or make_validator(task.tape, task.rules, np.array([4, 5]), task.seed)
    result = train(task, judge, lambda snapshot, name: kept.append((name, snapshot)), list(listeners))
    return result, kept


def weights_of(result):
    return {name: tensor.numpy().tobytes() for name, tensor in result.model.policy.state_dict().items()}


@pytest.fixture(scope="module")
def listener():
    return RememberingListener()


@pytest.fixture(scope="module")
def trained(listener):
    return run(tiny_task(), listeners=[listener])


def test_training_env_is_normalised_as_the_parameters_say():
    assert isinstance(make_training_env(tiny_task()), RunningNormalize)
    plain = make_training_env(tiny_task(parameters={"normalize": False}))
    assert isinstance(plain, TradingVecEnv)
    assert plain.num_envs == 4


def test_training_twice_with_a_seed_gives_the_same_bits(trained):
    again, _ = run(tiny_task())
    assert weights_of(again) == weights_of(trained[0])
    assert str(again.curve) == str(trained[0].curve)  # as text: ratios may be NaN
    moments, same = trained[0].model.env.obs_rms, again.model.env.obs_rms
    assert moments.mean.tobytes() == same.mean.tobytes()
    assert moments.var.tobytes() == same.var.tobytes()


def test_training_with_another_seed_differs(trained):
    assert weights_of(run(tiny_task(seed=1))[0]) != weights_of(trained[0])


def test_training_does_not_depend_on_how_often_it_is_judged(trained):
    """Evaluation touches neither weights, nor statistics, nor random numbers."""
    seldom, _ = run(tiny_task(every_steps=10**9))
    often, _ = run(tiny_task(every_steps=32))
    assert len(often.curve) == 16
    assert weights_of(seldom) == weights_of(often) == weights_of(trained[0])
    for result in (seldom, often):
        assert result.model.env.obs_rms.mean.tobytes() == trained[0].model.env.obs_rms.mean.tobytes()
        assert result.model.env.obs_rms.count == trained[0].model.env.obs_rms.count
        assert result.model.env.ret_rms.var.tobytes() == trained[0].model.env.ret_rms.var.tobytes()


def test_training_sees_its_own_sessions_only(trained):
    task = tiny_task()
    first = int(task.tape.first_row[4])
    task.tape.features[first:] = 1e6
    task.tape.rows["close"][first:] *= 3.0
    other, _ = run(task)
    assert weights_of(other) == weights_of(trained[0])
    assert other.model.env.obs_rms.mean.tobytes() == trained[0].model.env.obs_rms.mean.tobytes()


def test_training_on_changed_sessions_differs(trained):
    task = tiny_task()
    task.tape.features[int(task.tape.first_row[3]) + 5] += 0.5
    assert weights_of(run(task)[0]) != weights_of(trained[0])


def test_training_is_judged_at_multiples_of_its_steps_and_at_the_end():
    result, _ = run(tiny_task(parameters={"total_timesteps": 768}, every_steps=200))
    assert [row["step"] for row in result.curve] == [200, 400, 600, 768]


def test_training_shorter_than_an_interval_is_judged_once():
    result, kept = run(tiny_task(parameters={"total_timesteps": 256}, every_steps=10**6))
    assert [row["step"] for row in result.curve] == [256]
    assert [name for name, _ in kept] == ["best", "last"]


def scores(*values):
    """Return an evaluator that gives these net returns in turn."""
    queue = list(values)
    return lambda policy: {"net_return": queue.pop(0)}


def test_training_keeps_the_best_and_always_the_last():
    result, kept = run(tiny_task(parameters={"total_timesteps": 1024}), scores(0.1, 0.3, 0.2, 0.3))
    assert [name for name, _ in kept] == ["best", "last", "best", "last", "last", "last"]
    assert result.best_step == 512  # a tie stays with the earlier
    assert result.best is kept[2][1]
    best, last = kept[2][1].weights, kept[-1][1].weights
    assert any((best[name] != last[name]).any() for name in best)


def test_training_keeps_the_policy_that_it_ended_with(trained):
    """The last update comes after the last rollout: what is kept last, and judged last, is what came of it."""
    result, kept = trained
    final = {name: tensor.numpy() for name, tensor in result.model.policy.state_dict().items()}
    assert kept[-1][0] == "last"
    assert all((kept[-1][1].weights[name] == value).all() for name, value in final.items())


def test_training_prefers_a_number_to_no_number():
    result, _ = run(tiny_task(parameters={"total_timesteps": 1024}), scores(float("nan"), -0.4, float("nan"), -0.5))
    assert result.best_step == 512


def test_training_curve_names_every_number(trained):
    result, _ = trained
    names = {"net_return", "net_pnl_usd", "sharpe_ratio", "profit_factor", "hit_rate", "worst_session_drawdown"}
    assert {f"validation/{name}" for name in names} <= set(result.curve[0])
    assert [row["step"] for row in result.curve] == [256, 512]


def test_listeners_hear_every_step_and_episode(trained, listener):
    assert listener.steps == list(range(4, 513, 4))
    lengths = [info["episode"]["l"] for info in listener.episodes]
    assert len(lengths) >= 4 * 3  # 128 steps of four accounts over sessions of at most 39 decisions
    assert all("session_return" in info for info in listener.episodes)


def test_listeners_hear_of_validation_and_of_the_learner(trained, listener):
    heard = {name for _, metrics in listener.metrics for name in metrics}
    assert {"validation/net_return", "train/loss", "train/entropy_loss", "train/entropy_coefficient"} <= heard
    steps = [step for step, metrics in listener.metrics if "validation/net_return" in metrics]
    assert steps == [256, 512]


def test_entropy_coefficient_follows_its_schedule(listener, trained):
    values = [
        metrics["train/entropy_coefficient"]
        for _, metrics in listener.metrics
        if "train/entropy_coefficient" in metrics
    ]
    # rollouts start at steps 0 and 256 of 512: 0.003, then 0.003 - 0.002 x 0.5 / 0.7
    assert values == pytest.approx([0.003, 0.003 - 0.002 * 0.5 / 0.7], abs=1e-12)


def test_training_with_continuous_actions():
    result, kept = run(tiny_task(actions=Continuous()))
    assert len(kept) >= 2
    assert "log_std" in result.best.weights
