"""The curriculum in training: what is set, kept, said and written when the stage changes, and what stays as it is."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.algorithms.ppo import build_ppo
from intraday_rl.agents.callbacks import curriculum as module
from intraday_rl.agents.callbacks.curriculum import Curriculum, describe_change
from intraday_rl.agents.trainer import make_training_env, train
from intraday_rl.env.curriculum.stages import CurriculumPlan, SharpeGate, Stage, StageChange
from tests.support.training import RememberingListener, tiny_task
from tests.unit.agents.callbacks.stubs import NotedBatch, attach, step

LIMIT, UNITS = "terms.turnover.limit", "limits.units.units"
GATE = SharpeGate(promotion_episodes=2, demotion_episodes=3, demotion_share=0.8)
STAGES = (
    Stage("low", 2, 1.0, {LIMIT: 0.015, UNITS: 100.0}),
    Stage("middle", 2, 2.0, {LIMIT: 0.02, UNITS: 100.0}),
    Stage("high", 2, 3.0, {LIMIT: 0.025, UNITS: 150.0}),
)
GOOD, BAD = [0.01, 0.02], [-0.01, -0.02, -0.01]


@pytest.fixture
def kept():
    return []


@pytest.fixture
def batch():
    return NotedBatch()


@pytest.fixture
def callback(kept, monkeypatch):
    monkeypatch.setattr(module, "take_snapshot", lambda model: "snapshot")
    return Curriculum(CurriculumPlan(GATE, STAGES), lambda snapshot, name: kept.append((snapshot, name)))


def episodes(returns):
    return [{"session_return": value} for value in returns]


def test_change_sets_every_parameter_of_the_stage_and_keeps_the_policy_that_leaves(callback, batch, kept):
    attach(callback, batch)
    step(callback, episodes(GOOD[:1]))
    assert batch.parameters == kept == []
    step(callback, episodes(GOOD[1:]))
    assert batch.parameters == [(LIMIT, 0.02), (UNITS, 100.0)]
    assert kept == [("snapshot", "stage_1_low")]
    step(callback, episodes(BAD))
    assert batch.parameters[2:] == [(LIMIT, 0.015), (UNITS, 100.0)]  # at once, in one step
    assert kept[1:] == [("snapshot", "stage_2_middle")]


def test_change_is_written_at_its_step_with_the_sharpe_ratio_that_decided(callback, batch):
    logger = attach(callback, batch)
    step(callback, [])
    step(callback, episodes(GOOD))
    ((at, numbers),) = logger.dumps
    assert at == 16
    assert numbers["curriculum/stage"] == 1
    # mean 0.015, deviations -0.005 and 0.005, variance (n - 1) 5e-5
    assert numbers["curriculum/sharpe"] == pytest.approx(0.015 / np.sqrt(5e-5) * np.sqrt(252), rel=1e-12)


def test_stage_is_recorded_with_each_evaluation(callback, batch):
    logger = attach(callback, batch)
    callback.record()
    assert logger.waiting["curriculum/stage"] == 0
    assert np.isnan(logger.waiting["curriculum/sharpe"])
    step(callback, episodes(GOOD))
    step(callback, episodes([0.01]))
    callback.record()
    assert logger.waiting["curriculum/stage"] == 1


def test_episodes_that_end_with_a_change_do_not_count_in_the_new_stage(callback, batch, kept):
    """Accounts end their sessions together: one step may not run through all stages."""
    attach(callback, batch)
    step(callback, episodes(GOOD * 4))
    assert callback.curriculum.stage == 1
    assert callback.curriculum.episodes_in_stage == 0
    assert [name for _, name in kept] == ["stage_1_low"]


def test_changes_are_said_in_the_log(callback, batch, caplog):
    attach(callback, batch)
    with caplog.at_level(logging.INFO, logger="intraday_rl"):
        step(callback, episodes(GOOD))
        step(callback, episodes(BAD))
        step(callback, episodes(GOOD))
        step(callback, episodes(GOOD))
        step(callback, episodes([0.02, 0.03]))
        step(callback, episodes([0.02, 0.03]))
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(", step")[0] for line in said] == [
        f"Stage Upgrade - set {LIMIT} from 1.5 % to 2 %, low to middle",
        f"Stage Downgrade - reverted {LIMIT} from 2 % to 1.5 %, middle to low",
        f"Stage Upgrade - set {LIMIT} from 1.5 % to 2 %, low to middle",
        f"Stage Upgrade - set {LIMIT} from 2 % to 2.5 %, {UNITS} from 100 to 150, middle to high",
        "Curriculum completed",
    ]
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert said[0].endswith(", step 8, Sharpe ratio 33.67")  # 0.015/sqrt(5e-5) x sqrt(252)


def test_change_without_a_changed_parameter_is_said_too():
    stages = (STAGES[0], STAGES[1]._replace(parameters=STAGES[0].parameters))
    assert describe_change(stages, StageChange(0, 1, 2.0)) == "Stage Upgrade - set nothing, low to middle"


# --- with a real learner --------------------------------------------------------------------------------------------


def real_task(**changes):
    stages = tuple(
        stage._replace(promote_above=threshold) for stage, threshold in zip(STAGES, (-3e9, -2e9, -1e9), strict=True)
    )
    plan = CurriculumPlan(GATE._replace(demotion_share=1.0), stages)
    return replace(tiny_task(parameters={"total_timesteps": 1024}, **changes), curriculum=plan)


def test_training_starts_with_the_parameters_of_the_first_stage():
    batch = make_training_env(real_task()).unwrapped.batch
    assert batch.rules.terms["turnover"].limit == 0.015
    assert make_training_env(tiny_task()).unwrapped.batch.rules.terms["turnover"].limit == 0.02


def test_change_leaves_weights_and_normaliser_as_they_are():
    task = real_task()
    env = make_training_env(task)
    model = build_ppo(task.parameters, env, 0)
    names, kept = [], []
    callback = Curriculum(task.curriculum, lambda snapshot, name: (kept.append(snapshot), names.append(name)))
    model.learn(task.parameters.rollout_steps)  # statistics that are no longer the first ones
    callback.init_callback(model)
    moments, before = env._moments, state_of(model)
    callback._change(StageChange(0, 1, 1.0))
    assert state_of(model) == before
    assert env._moments is moments
    assert model.env is env
    assert env.unwrapped.batch.rules.terms["turnover"].limit == 0.02
    assert names == ["stage_1_low"]
    np.testing.assert_array_equal(kept[0].scaler.mean, env.obs_rms.mean)


def state_of(model):
    """Return everything that is learned or fitted, as bytes."""
    env = model.env
    weights = [tensor.numpy().tobytes() for tensor in model.policy.state_dict().values()]
    moments = [part.tobytes() for part in (env.obs_rms.mean, env.obs_rms.var, env.ret_rms.mean, env.ret_rms.var)]
    return weights, moments, env.obs_rms.count, env.ret_rms.count, env.returns.tobytes()


def test_training_goes_through_the_stages():
    listener, kept = RememberingListener(), []
    train(real_task(), lambda policy: {"net_return": 0.0}, lambda snapshot, name: kept.append(name), [listener])
    assert [name for name in kept if name.startswith("stage_")] == ["stage_1_low", "stage_2_middle"]
    seen = [(at, numbers["curriculum/stage"]) for at, numbers in listener.metrics if "curriculum/stage" in numbers]
    assert seen[0] == (0, 0)
    assert [stage for _, stage in seen] == sorted(stage for _, stage in seen)
    assert {stage for _, stage in seen} == {0, 1, 2}
    judged = {at for at, numbers in listener.metrics if "validation/net_return" in numbers}
    assert judged <= {at for at, _ in seen}
    assert judged == {256, 512, 768, 1024}
