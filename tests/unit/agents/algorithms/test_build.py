"""Every algorithm through the trainer: the seed decides, bundles and exports act as the model does, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecNormalize

from intraday_rl.agents.algorithms.build import BUILDERS, build_model
from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.agents.snapshot import take_snapshot
from intraday_rl.agents.trainer import make_training_env, train
from intraday_rl.agents.warm_start import WarmStart, apply_warm_start
from intraday_rl.app.learning.keeping import export_sb3
from intraday_rl.evaluation.validation import make_validator
from tests.support.bundles import JUDGING, ORIGIN
from tests.support.networks import example_rows
from tests.support.training import RememberingListener, tiny_task

LIBRARY = {PpoParameters: PPO, RecurrentPpoParameters: RecurrentPPO, SacParameters: SAC}
KINDS = [pytest.param(kind, id=kind.__name__) for kind in LIBRARY]
VALIDATION = np.array([4, 5])


def run(kind, listeners=(), **changes):
    task = tiny_task(kind, **changes)
    judge = make_validator(task.tape, task.rules, VALIDATION, task.seed)
    return task, train(task, judge, lambda snapshot, name: None, list(listeners))


@pytest.fixture(scope="module")
def trained():
    """A function from the kind of parameters to its task, what training came to, and what listeners heard."""
    known = {}

    def of(kind):
        if kind not in known:
            listener = RememberingListener()
            known[kind] = (*run(kind, [listener]), listener)
        return known[kind]

    return of


def weights_of(result):
    return {name: tensor.numpy().tobytes() for name, tensor in result.model.policy.state_dict().items()}


def play(predict, rows):
    """Return the actions for rows of each step, (steps, N, F); episodes start at the first step and at the fifth."""
    state, actions = None, []
    for step, row in enumerate(rows):
        chosen, state = predict(row, state, np.full(len(row), step in (0, 5)))
        actions.append(np.array(chosen).reshape(len(row)))
    return np.array(actions)


ROWS = example_rows(10 * 20, 11).reshape(10, 20, 11)


def test_every_algorithm_is_tried_here():
    assert set(BUILDERS) == set(LIBRARY)


@pytest.mark.parametrize("kind", KINDS)
def test_model_is_the_librarys(trained, kind):
    task, result, _ = trained(kind)
    assert type(result.model) is LIBRARY[kind]
    assert result.model.num_timesteps == task.parameters.total_timesteps
    assert result.model._n_updates > 0
    assert result.model.device.type == "cpu"


@pytest.mark.parametrize("kind", KINDS)
def test_training_twice_with_a_seed_gives_the_same_bits(trained, kind):
    _, first, _ = trained(kind)
    _, again = run(kind)
    assert weights_of(again) == weights_of(first)
    assert str(again.curve) == str(first.curve)
    env = make_training_env(tiny_task(kind))
    one, other = (build_model(tiny_task(kind).parameters, env, seed).policy.state_dict() for seed in (0, 1))
    assert any((one[name] != other[name]).any() for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_bundle_acts_as_the_model_does(trained, kind, tmp_path):
    task, result, _ = trained(kind)
    snapshot = take_snapshot(result.model)
    parts = {"rules": task.rules, "features": {}, "config": {}, "judging": JUDGING, "origin": ORIGIN}
    save_bundle(tmp_path / "bundle", snapshot, **parts)
    loaded = load_bundle(tmp_path)
    state = loaded.policy.network.state_dict()
    assert {name: tensor.numpy().tobytes() for name, tensor in state.items()} == weights_of(result)
    actions = play(loaded.predict, ROWS)
    assert actions.tobytes() == play(snapshot.live_policy.predict, ROWS).tobytes()

    def library(row, state, start):
        seen = result.model.env.normalize_obs(row)
        return result.model.predict(seen, state, start, deterministic=True)

    assert actions == pytest.approx(play(library, ROWS), abs=1e-5)
    assert len(np.unique(actions)) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_from_a_bundle(trained, kind, tmp_path):
    """The whole network comes out of it, critics too, and the normaliser's moments."""
    task, result, _ = trained(kind)
    save_bundle(
        tmp_path, take_snapshot(result.model), rules=task.rules, features={}, config={}, judging=JUDGING, origin=ORIGIN
    )
    policy = load_bundle(tmp_path).policy
    weights = {name: tensor.numpy() for name, tensor in policy.network.state_dict().items()}
    model = build_model(task.parameters, make_training_env(task), 1)
    apply_warm_start(model, WarmStart(weights, policy.scaler))
    assert {name: tensor.numpy().tobytes() for name, tensor in model.policy.state_dict().items()} == weights_of(result)
    moments, expected = model.env.obs_rms, result.model.env.obs_rms
    assert moments.mean.tobytes() == expected.mean.tobytes()
    assert moments.var.tobytes() == expected.var.tobytes()
    assert moments.count == expected.count
    before = model.policy.state_dict()["actor.mu.weight" if kind is SacParameters else "action_net.weight"].clone()
    model.learn(task.parameters.total_timesteps)
    after = model.policy.state_dict()["actor.mu.weight" if kind is SacParameters else "action_net.weight"]
    assert (before != after).any()


@pytest.mark.parametrize("kind", KINDS)
def test_export_acts_as_the_best_policy_does(trained, kind, tmp_path):
    _, result, _ = trained(kind)
    best = take_snapshot(result.model)
    export_sb3(tmp_path, replace(result, best=best))
    loaded = LIBRARY[kind].load(tmp_path / "model.zip", device="cpu")
    normalize = VecNormalize.load(str(tmp_path / "vecnormalize.pkl"), result.model.env.venv)

    def library(row, state, start):
        return loaded.predict(normalize.normalize_obs(row), state, start, deterministic=True)

    assert play(library, ROWS) == pytest.approx(play(best.live_policy.predict, ROWS), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_entropy_is_annealed_where_its_coefficient_is_scheduled(trained, kind):
    _, _, listener = trained(kind)
    heard = {name for _, metrics in listener.metrics for name in metrics}
    assert ("train/entropy_coefficient" in heard) == (kind is not SacParameters)
    assert ("train/ent_coef" in heard) == (kind is SacParameters)
    assert len(listener.episodes) >= 4
    assert listener.steps[-1] == tiny_task(kind).parameters.total_timesteps
