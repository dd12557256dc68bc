"""Network policies: the scaler by hand, actions as SB3 gives them, and one row's answer whatever stands beside it."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO

from intraday_rl.agents.policy import NetworkPolicy, ObservationScaler, build_network
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.normalize import RunningNormalize
from intraday_rl.env.vec_env import TradingVecEnv
from tests.support.training import tiny_task

WIDTH = 11
SPACES = [
    pytest.param(spaces.Discrete(3), id="Discrete"),
    pytest.param(spaces.Box(-1.0, 1.0, (1,)), id="Box"),
]


def scaler_of(width=WIDTH):
    rng = np.random.default_rng(1)
    return ObservationScaler(rng.standard_normal(width), rng.uniform(0.1, 4.0, width), 1e-8, 10.0)


def network_of(space, seed=0, layers=(32, 16), gain=3.0):
    """Return a network whose actions differ from one observation to the next (SB3 starts near indifference)."""
    torch.manual_seed(seed)
    network = build_network(spaces.Box(-np.inf, np.inf, (WIDTH,), dtype=np.float32), space, layers)
    with torch.no_grad():
        network.action_net.weight.mul_(100.0 * gain)
    return network


def observations_of(count, seed=0):
    return (3.0 * np.random.default_rng(seed).standard_normal((count, WIDTH))).astype(np.float32)


def test_scaler_by_hand():
    scaler = ObservationScaler(np.array([1.0, -2.0, 0.0]), np.array([4.0, 0.25, 1e-4]), 0.0, 5.0)
    scaled = scaler.scale(np.array([[3.0, -2.5, 0.02], [1.0, 8.0, -1.0]], dtype=np.float32))
    assert scaled.dtype == np.float32
    assert scaled == pytest.approx(np.array([[1.0, -1.0, 2.0], [0.0, 5.0, -5.0]]), abs=1e-6)


def test_scaler_adds_epsilon_to_the_variance():
    scaler = ObservationScaler(np.zeros(1), np.zeros(1), 0.25, 10.0)
    assert scaler.scale(np.array([[2.0]], dtype=np.float32))[0, 0] == 4.0


def test_scaler_gives_what_the_training_environment_gives():
    """The judged policy sees the observations that it was trained on (SPEC D3.8)."""
    task = tiny_task()
    env = RunningNormalize(TradingVecEnv(BatchEnv(task.tape, task.rules, task.sessions, 4, 0)), gamma=0.99, clip=10.0)
    env.reset()
    for step in range(100):
        env.step(np.full(4, step % 3))
    moments = env.obs_rms
    scaler = ObservationScaler(moments.mean, moments.var, env.epsilon, env.clip_obs)
    raw = (100.0 * np.random.default_rng(0).standard_normal((500, env.observation_space.shape[0]))).astype(np.float32)
    assert scaler.scale(raw).tobytes() == env.normalize_obs(raw).tobytes()


@pytest.mark.parametrize("space", SPACES)
def test_policy_acts_as_sb3_does(space):
    network, scaler = network_of(space), scaler_of()
    raw = observations_of(300)
    actions, state = NetworkPolicy(network, scaler).predict(raw, "state")
    expected, _ = PPO.predict(type("Model", (), {"policy": network})(), scaler.scale(raw), deterministic=True)
    assert state == "state"
    assert len(np.unique(actions)) >= 3
    assert actions == pytest.approx(expected.reshape(300), abs=1e-6)


def test_policy_without_scaler_takes_observations_as_they_are():
    network, scaler = network_of(spaces.Discrete(3)), scaler_of()
    raw = observations_of(200)
    plain = NetworkPolicy(network, None).predict(scaler.scale(raw))[0]
    assert list(plain) == list(NetworkPolicy(network, scaler).predict(raw)[0])
    assert list(plain) != list(NetworkPolicy(network, None).predict(raw)[0])


def test_policy_clips_to_the_action_space():
    actions, _ = NetworkPolicy(network_of(spaces.Box(-1.0, 1.0, (1,)), gain=50.0), None).predict(observations_of(300))
    assert (actions.min(), actions.max()) == (-1.0, 1.0)
    assert actions.shape == (300,)


def test_policy_actions_are_codes():
    actions, _ = NetworkPolicy(network_of(spaces.Discrete(3)), None).predict(observations_of(300))
    assert actions.dtype.kind == "i"
    assert set(actions) == {0, 1, 2}


def test_policy_takes_windows_and_rows_alike():
    policy, rows = NetworkPolicy(network_of(spaces.Discrete(3)), scaler_of()), observations_of(60)
    actions = policy.predict(rows)[0]
    assert len(set(actions)) == 3
    assert list(policy.predict(rows.reshape(60, 1, WIDTH))[0]) == list(actions)
    assert list(policy.predict(rows[:, :, None])[0]) == list(actions)
    assert len(policy.predict(rows[:0])[0]) == 0


def test_policy_leaves_its_observations_alone():
    raw = observations_of(20)
    kept = raw.copy()
    for scaler in (None, scaler_of()):
        NetworkPolicy(network_of(spaces.Discrete(3)), scaler).predict(raw)
    assert raw.tobytes() == kept.tobytes()


@pytest.mark.parametrize("layers", [(32, 16), (256, 256, 128)])
def test_policy_outputs_do_not_depend_on_the_batch(layers):
    """The same observation alone, in a batch of 400, and in batches of any size between: the same bits."""
    policy = NetworkPolicy(network_of(spaces.Box(-1.0, 1.0, (1,)), layers=layers, gain=0.1), scaler_of())
    raw = observations_of(400)
    together = policy.predict(raw)[0]
    assert len(np.unique(together)) > 300  # not clipped
    for size in (1, 2, 7, 24, 100):
        apart = np.concatenate([policy.predict(raw[i : i + size])[0] for i in range(0, 400, size)])
        assert apart.tobytes() == together.tobytes(), size


def test_policy_draws_no_random_numbers():
    policy = NetworkPolicy(network_of(spaces.Box(-1.0, 1.0, (1,))), scaler_of())
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = policy.predict(observations_of(50))[0]
    assert torch.equal(before, torch.get_rng_state())
    assert first.tobytes() == policy.predict(observations_of(50))[0].tobytes()
