"""SAC's replay buffer on our environments: raw transitions, an episode's last observation kept, normalised late."""

from dataclasses import replace

import pytest
import torch
from stable_baselines3.common.utils import set_random_seed

from intraday_rl.agents.algorithms.sac import build_sac
from intraday_rl.agents.parameters import SacParameters
from intraday_rl.agents.trainer import make_training_env
from tests.support.training import tiny_task

STEPS = 120  # of each of four environments: three ends of episodes


def explored(normalize, frames=1, **parameters):
    """Return a model that has made random steps only."""
    changes = {}
    if frames > 1:
        plain = tiny_task().rules.layout
        changes["layout"] = replace(plain, stacked=plain.current, frames=frames)
    given = {"normalize": normalize, "normalize_clip": 1e6, "learning_starts": 10**9} | parameters
    task = tiny_task(SacParameters, parameters=given, **changes)
    return build_sac(task.parameters, make_training_env(task), 0).learn(4 * STEPS)


@pytest.mark.parametrize("frames", [1, 3])
def test_buffer_holds_what_the_environment_showed(frames):
    """With normalisation and without it the same raw transitions are kept."""
    plain, normalized = explored(False, frames).replay_buffer, explored(True, frames).replay_buffer
    shape = (11,) if frames == 1 else (frames, 11)
    assert plain.observations.shape[1:] == (4, *shape)
    assert plain.pos == STEPS
    ends = plain.dones[:STEPS] > 0
    assert ends.sum() == 12
    for name in ("observations", "actions", "rewards", "dones", "timeouts"):
        assert getattr(normalized, name)[:STEPS].tobytes() == getattr(plain, name)[:STEPS].tobytes(), name
    nexts, same = plain.next_observations[:STEPS], normalized.next_observations[:STEPS]
    assert nexts[~ends].tobytes() == same[~ends].tobytes()
    assert same[ends] == pytest.approx(nexts[ends], rel=1e-4, abs=1e-4)  # there and back again in float32


def test_buffer_follows_each_observation_by_the_next_and_ends_with_the_last():
    buffer = explored(False).replay_buffer
    ends = buffer.dones[: STEPS - 1] > 0
    following = buffer.observations[1:STEPS]
    kept = buffer.next_observations[: STEPS - 1]
    assert (kept[~ends] == following[~ends]).all()
    assert (kept[ends] != following[ends]).any(axis=1).all()  # not the first one of the next episode


@pytest.mark.parametrize("frames", [1, 3])
def test_batches_are_normalised_with_the_present_moments(frames):
    model = explored(True, frames, normalize_clip=2.0)
    plain = model.env.as_vec_normalize()  # SB3's own arithmetic
    set_random_seed(3)
    batch = model.replay_buffer.sample(64, env=model._vec_normalize_env)
    set_random_seed(3)
    raw = model.replay_buffer.sample(64, env=None)
    for ours, theirs in (
        (batch.observations, plain.normalize_obs(raw.observations.numpy())),
        (batch.next_observations, plain.normalize_obs(raw.next_observations.numpy())),
        (batch.rewards, plain.normalize_reward(raw.rewards.numpy())),
    ):
        assert ours.numpy() == pytest.approx(theirs, abs=1e-6)
    assert torch.abs(batch.observations).max() == 2.0
    assert torch.abs(raw.observations).max() > 3.0


def test_entropy_coefficient_is_tuned_or_fixed():
    tuned, fixed = explored(True), explored(True, entropy_coefficient=0.25)
    assert tuned.target_entropy == -1.0  # minus the number of the action's dimensions
    assert tuned.ent_coef_optimizer is not None
    assert fixed.ent_coef_optimizer is None
    assert float(fixed.ent_coef_tensor) == 0.25


def test_gradient_steps_follow_the_parameters():
    """Of twelve rounds of ten steps in four environments, those after the first 64 steps learn, three times each."""
    model = explored(True, learning_starts=64, train_every=10, gradient_steps=3)
    assert model._n_updates == 3 * (STEPS // 10 - 1)
