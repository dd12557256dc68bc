"""Snapshots: copies that training does not move."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecNormalize

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.parameters import PpoParameters, RecurrentPpoParameters, SacParameters
from intraday_rl.agents.snapshot import take_snapshot
from intraday_rl.agents.trainer import make_training_env
from intraday_rl.app.learning.keeping import export_sb3
from tests.support.networks import enliven
from tests.support.training import tiny_task

LIBRARY = {PpoParameters: PPO, RecurrentPpoParameters: RecurrentPPO, SacParameters: SAC}


def new_model(**parameters):
    task = tiny_task(parameters=parameters)
    return build_model(task.parameters, make_training_env(task), 0)


def window_model(kind):
    """Return a model that is shown windows of 3 bars, 11 features wide."""
    plain = tiny_task().rules.layout
    task = tiny_task(kind, layout=replace(plain, stacked=plain.current, frames=3))
    return build_model(task.parameters, make_training_env(task), 0)


def test_snapshot_holds_every_weight_and_the_scaler():
    model = new_model()
    model.learn(256)
    snapshot = take_snapshot(model)
    state = model.policy.state_dict()
    assert list(snapshot.weights) == list(state)
    for name, tensor in state.items():
        assert snapshot.weights[name].tobytes() == tensor.numpy().tobytes()
    moments = model.env.obs_rms
    assert snapshot.scaler.mean.tobytes() == moments.mean.tobytes()
    assert snapshot.scaler.variance.tobytes() == moments.var.tobytes()
    assert (snapshot.scaler.clip, snapshot.scaler.epsilon) == (10.0, 1e-8)
    assert snapshot.scaler.count == pytest.approx(256 + 4)  # every step's observations, and the first ones


def test_snapshot_stays_when_training_goes_on():
    model = new_model()
    model.learn(256)
    snapshot = take_snapshot(model)
    weights = {name: value.copy() for name, value in snapshot.weights.items()}
    mean, variance = snapshot.scaler.mean.copy(), snapshot.scaler.variance.copy()
    model.learn(256)
    assert any((value != weights[name]).any() for name, value in take_snapshot(model).weights.items())
    assert all((value == weights[name]).all() for name, value in snapshot.weights.items())
    assert (snapshot.scaler.mean == mean).all()
    assert (snapshot.scaler.variance == variance).all()
    assert (take_snapshot(model).scaler.mean != mean).any()


def test_snapshot_of_raw_observations_has_no_scaler():
    assert take_snapshot(new_model(normalize=False)).scaler is None


@pytest.mark.parametrize("normalize", [True, False])
def test_live_policy_acts_as_the_model_does(normalize):
    model = new_model(normalize=normalize)
    model.learn(256)
    raw = np.random.default_rng(0).standard_normal((200, 11)).astype(np.float32)
    seen = model.env.normalize_obs(raw) if normalize else raw
    expected, _ = model.predict(seen, deterministic=True)
    assert list(take_snapshot(model).live_policy.predict(raw)[0]) == list(expected)


@pytest.mark.parametrize(("kind", "library"), LIBRARY.items())
def test_policy_of_windows_acts_as_the_model_and_its_export_do(tmp_path, kind, library):
    model = window_model(kind)
    model.learn(256)
    enliven(model.policy, 300.0)
    assert model.observation_space.shape == (3, 11)
    snapshot = take_snapshot(model)
    raw = np.random.default_rng(0).standard_normal((200, 3, 11)).astype(np.float32)
    expected = model.predict(model.env.normalize_obs(raw), deterministic=True)[0].reshape(200)
    assert len(set(expected)) > 1
    assert snapshot.live_policy.predict(raw)[0] == pytest.approx(expected, abs=1e-5)
    assert snapshot.live_policy.predict(raw.reshape(200, 33))[0] == pytest.approx(expected, abs=1e-5)
    export_sb3(tmp_path, SimpleNamespace(model=model, best=snapshot))
    loaded = library.load(tmp_path / "model.zip", device="cpu")
    normalize = VecNormalize.load(str(tmp_path / "vecnormalize.pkl"), model.env.venv)
    assert normalize.obs_rms.mean.shape == (3, 11)
    exported = loaded.predict(normalize.normalize_obs(raw), deterministic=True)[0].reshape(200)
    assert exported == pytest.approx(expected, abs=1e-5)
