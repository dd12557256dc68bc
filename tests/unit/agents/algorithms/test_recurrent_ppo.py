"""RecurrentPPO's policies trade as sb3-contrib's own loop does: the memory goes from bar to bar, and is reset."""

import numpy as np
import pytest

from intraday_rl.agents.algorithms.recurrent_ppo import build_recurrent_ppo
from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.parameters import RecurrentPpoParameters
from intraday_rl.agents.snapshot import take_snapshot
from intraday_rl.agents.trainer import make_training_env
from intraday_rl.evaluation.rollout import roll_out
from tests.support.bundles import JUDGING, ORIGIN
from tests.support.networks import enliven
from tests.support.training import tiny_task

SESSIONS = np.arange(6)


class Contrib:
    """The model's own deterministic predictions, with its own handling of the state."""

    def __init__(self, model):
        self.model = model

    def predict(self, observation, state=None, episode_start=None):
        seen = self.model.env.normalize_obs(observation)
        return self.model.predict(seen, state=state, episode_start=episode_start, deterministic=True)


class Forgetful:
    """A policy that hands no state back."""

    def __init__(self, policy):
        self.policy = policy

    def predict(self, observation, state=None, episode_start=None):
        return self.policy.predict(observation, None, episode_start)


@pytest.fixture(scope="module")
def task():
    return tiny_task(RecurrentPpoParameters, parameters={"hidden_layers": (32, 16), "lstm_size": 16})


@pytest.fixture(scope="module")
def model(task):
    """A model that has seen a few bars and is not indifferent."""
    built = build_recurrent_ppo(task.parameters, make_training_env(task), 0)
    built.env.reset()
    for step in range(100):
        built.env.step(np.full(4, step % 3))
    enliven(built.policy, 300.0)
    return built


@pytest.fixture(scope="module")
def bundle(task, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recurrent") / "bundle"
    parts = {"rules": task.rules, "features": {}, "config": {}, "judging": JUDGING, "origin": ORIGIN}
    save_bundle(folder, take_snapshot(model), **parts)
    return load_bundle(folder)


def trade(task, policy, sessions=SESSIONS):
    return roll_out(task.tape, task.rules, sessions, policy, 0)


def test_bundle_trades_as_sb3_contribs_own_loop_does(task, model, bundle):
    ours, theirs = trade(task, bundle), trade(task, Contrib(model))
    assert ours.wanted.tobytes() == theirs.wanted.tobytes()
    assert ours.nav.tobytes() == theirs.nav.tobytes()
    assert ours.fills.tobytes() == theirs.fills.tobytes()
    assert len(np.unique(np.sign(ours.wanted[~np.isnan(ours.wanted)]))) == 3


def test_rollout_that_drops_the_memory_trades_otherwise(task, model, bundle):
    """The comparison above can tell."""
    ours = trade(task, bundle)
    for policy in (Forgetful(bundle), Forgetful(Contrib(model))):
        forgetful = trade(task, policy)
        assert (ours.wanted[0] == forgetful.wanted[0]).all()
        assert (ours.wanted != forgetful.wanted).mean() > 0.05


def test_session_is_traded_alike_whatever_stands_beside_it(task, bundle):
    together = trade(task, bundle)
    for session in SESSIONS:
        alone = trade(task, bundle, np.array([session]))
        steps = len(alone.wanted)
        assert alone.wanted[:, 0].tobytes() == together.wanted[:steps, session].tobytes()
        assert alone.nav[:, 0].tobytes() == together.nav[:steps, session].tobytes()


def test_rollout_is_shared_by_the_environments(model):
    assert model.n_steps == 64  # 256 over 4 environments
    assert model.policy.lstm_actor.hidden_size == model.policy.lstm_critic.hidden_size == 16
