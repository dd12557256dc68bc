"""The observation scaler: by hand, and as the training environment normalises."""

import numpy as np
import pytest

from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.training import tiny_task


def test_scaler_by_hand():
    scaler = ObservationScaler(np.array([1.0, -2.0, 0.0]), np.array([4.0, 0.25, 1e-4]), 0.0, 5.0, 1.0)
    scaled = scaler.scale(np.array([[3.0, -2.5, 0.02], [1.0, 8.0, -1.0]], dtype=np.float32))
    assert scaled.dtype == np.float32
    assert scaled == pytest.approx(np.array([[1.0, -1.0, 2.0], [0.0, 5.0, -5.0]]), abs=1e-6)


def test_scaler_adds_epsilon_to_the_variance():
    scaler = ObservationScaler(np.zeros(1), np.zeros(1), 0.25, 10.0, 1.0)
    assert scaler.scale(np.array([[2.0]], dtype=np.float32))[0, 0] == 4.0


def test_scaler_gives_what_the_training_environment_gives():
    """The judged policy sees the observations that it was trained on (SPEC D3.8)."""
    task = tiny_task()
    env = RunningNormalize(TradingVecEnv(BatchEnv(task.tape, task.rules, task.sessions, 4, 0)), gamma=0.99, clip=10.0)
    env.reset()
    for step in range(100):
        env.step(np.full(4, step % 3))
    moments = env.obs_rms
    scaler = ObservationScaler(moments.mean, moments.var, env.epsilon, env.clip_obs, moments.count)
    raw = (100.0 * np.random.default_rng(0).standard_normal((500, env.observation_space.shape[0]))).astype(np.float32)
    assert scaler.scale(raw).tobytes() == env.normalize_obs(raw).tobytes()
