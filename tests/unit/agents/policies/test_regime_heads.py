"""Heads for each regime: the mixture by hand, what the attention sees at the start, and what training moves."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.bundle import save_bundle
from intraday_rl.agents.bundle_reading import load_bundle
from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.agents.policies.networks import as_policy, build_policy, describe_network
from intraday_rl.agents.policies.regime_heads import PRESENT_SHARE, RegimeHeads, RegimeHeadsPolicy, regime_columns
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.agents.snapshot import take_snapshot
from intraday_rl.agents.trainer import make_training_env
from intraday_rl.env.actions import Continuous, DiscreteTarget
from intraday_rl.features import REGIMES
from tests.support.bundles import CONFIG, FEATURES, JUDGING, ORIGIN
from tests.support.networks import CODES, SIZES, box, example_rows
from tests.support.tapes import make_layout
from tests.support.training import tiny_task

WIDTH, COLUMNS = 7, [2, 3, 4, 5]
DESCRIPTION = {"network": "RegimeHeadsPolicy", "hidden_layers": [16, 8], "regime_columns": COLUMNS}
SPACES = [pytest.param(CODES, id="Discrete"), pytest.param(SIZES, id="Box")]
SHARES = np.array([0.7, 0.2, 0.08, 0.02])  # how often each regime is met
NAMES = ("feature0", *REGIMES)


def observations(count=400, seed=0):
    """Return rows (count, WIDTH) with the regime's columns raw, and each row's regime."""
    rng = np.random.default_rng(seed)
    rows, regimes = example_rows(count, WIDTH, seed), rng.choice(4, size=count, p=SHARES)
    rows[:, COLUMNS] = np.eye(4, dtype=np.float32)[regimes]
    return rows, regimes


def scaler():
    """Return what the columns of these observations are normalised with after a long training."""
    mean, variance = np.zeros(WIDTH), np.full(WIDTH, 9.0)
    mean[COLUMNS], variance[COLUMNS] = SHARES, SHARES * (1.0 - SHARES)
    return ObservationScaler(mean, variance, 1e-8, 10.0, 1e6)


def lively(space=CODES, gain=300.0):
    """Return a network whose heads are far apart and whose attention looks at everything."""
    torch.manual_seed(0)
    network = build_policy(DESCRIPTION, box(WIDTH), space)
    with torch.no_grad():
        for head in network.action_net.heads:
            head.weight.mul_(gain)
        network.action_net.attention.weight[:, :8].normal_()
    return network


def attention(network, rows):
    latent = network.mlp_extractor.forward_actor(torch.from_numpy(rows))
    return torch.softmax(network.action_net.attention(latent), dim=1).detach().numpy()


def regime_task(actions=None, frames=1, **parameters):
    """Return a training whose sessions have a regime at each bar, one after another."""
    task = tiny_task(parameters={"regime_heads": True, **parameters}, actions=actions or DiscreteTarget())
    tape = replace(task.tape, feature_names=NAMES)
    tape.features[:, 1:] = np.eye(4, dtype=np.float32)[np.arange(len(tape.features)) // 7 % 4]
    layout = make_layout(NAMES)
    if frames > 1:
        layout = replace(layout, stacked=layout.current, frames=frames)
    return replace(task, tape=tape, rules=replace(task.rules, layout=layout))


# --- the mixture ----------------------------------------------------------------------------------------------------


def test_mixture_by_hand():
    """h = (1, 2); heads 1, 2, 4, -1; weights 1 2 3 4 of 10, and 3 2 3 4 of 12 where the first regime is present."""
    heads = RegimeHeads(latent_size=2, num_regimes=4, num_outputs=1)
    with torch.no_grad():
        for head, weight, bias in zip(heads.heads, ([1, 0], [0, 1], [1, 1], [0, 0]), (0, 0, 1, -1), strict=True):
            head.weight[:], head.bias[:] = torch.tensor([weight]), bias
        heads.attention.weight.zero_()
        heads.attention.weight[0, 2] = math.log(3)
        heads.attention.bias[:] = torch.log(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    latent = torch.tensor([[1.0, 2.0, 0.0, 0.0, 1.0, 0.0], [1.0, 2.0, 1.0, 0.0, 0.0, 0.0]])
    expected = [(1 * 1 + 2 * 2 + 3 * 4 - 4 * 1) / 10, (3 * 1 + 2 * 2 + 3 * 4 - 4 * 1) / 12]
    assert heads(latent).detach().numpy()[:, 0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scaled", [False, True])
def test_present_regime_has_most_of_the_weight_at_the_start(scaled):
    """Raw columns are 0 and 1; normalised, 0 and 1 are 2.2 apart for the frequent regime, 7.1 for the rare one."""
    rows, regimes = observations()
    network = build_policy(DESCRIPTION, box(WIDTH), CODES)
    weights = attention(network, scaler().scale(rows) if scaled else rows)
    present = np.eye(4)[regimes] == 1
    assert set(regimes) == {0, 1, 2, 3}
    assert weights[present] == pytest.approx(PRESENT_SHARE, abs=1e-6)
    assert weights[~present] == pytest.approx((1 - PRESENT_SHARE) / 3, abs=1e-6)


def test_attention_of_an_unknown_regime_is_even_at_the_start():
    rows = np.zeros((3, WIDTH), dtype=np.float32)
    assert attention(build_policy(DESCRIPTION, box(WIDTH), CODES), rows) == pytest.approx(0.25)


def test_value_does_not_pass_through_the_heads():
    network, (rows, _) = lively(), observations(40)
    before = network.predict_values(torch.from_numpy(rows)).detach().numpy()
    with torch.no_grad():
        for parameter in network.action_net.parameters():
            parameter.zero_()
    assert network.predict_values(torch.from_numpy(rows)).detach().numpy().tobytes() == before.tobytes()
    assert network.value_net.in_features == 8


# --- acting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
def test_policy_acts_as_sb3_does(space):
    network, (rows, _) = lively(space, 30.0), observations()
    actions, _ = NetworkPolicy(network, scaler()).predict(rows)
    expected, _ = PPO.predict(type("Model", (), {"policy": network})(), scaler().scale(rows), deterministic=True)
    assert len(np.unique(actions)) >= 3
    assert actions == pytest.approx(expected.reshape(len(rows)), abs=1e-5)


def test_policy_outputs_do_not_depend_on_the_batch():
    policy, (rows, _) = NetworkPolicy(lively(SIZES, 10.0), scaler()), observations()
    together = policy.predict(rows)[0]
    assert len(np.unique(together)) > 300
    for size in (1, 7, 100):
        apart = np.concatenate([policy.predict(rows[i : i + size])[0] for i in range(0, len(rows), size)])
        assert apart.tobytes() == together.tobytes(), size


def test_description_builds_the_same_network():
    network, (rows, _) = lively(), observations()
    found = json.loads(json.dumps(describe_network(network)))
    assert found == DESCRIPTION
    again = build_policy(found, network.observation_space, network.action_space)
    again.load_state_dict(network.state_dict())
    assert as_policy(again, None).predict(rows)[0].tobytes() == as_policy(network, None).predict(rows)[0].tobytes()
    assert str(again) == str(network)


@pytest.mark.parametrize(
    "columns", [None, [], [2, 3, 4], [2, 3, 4, 4], [2, 3, 4, 7], [-1, 3, 4, 5], [2.0, 3, 4, 5], "2345", [[], 1, 2, 3]]
)
def test_columns_that_cannot_be_are_refused(columns):
    with pytest.raises(ValueError, match="regime_columns must be 4 places in an observation of 7, was "):
        build_policy(DESCRIPTION | {"regime_columns": columns}, box(WIDTH), CODES)


# --- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 3])
def test_ppo_finds_the_columns_of_the_last_bar(frames):
    task = regime_task(frames=frames)
    model = build_model(task.parameters, make_training_env(task), 0)
    assert type(model.policy) is RegimeHeadsPolicy
    assert model.policy.regime_columns == [1, 2, 3, 4]
    assert task.rules.layout.shape == ((11,) if frames == 1 else (3, 11))
    assert regime_columns(task.rules.layout.names) == (1, 2, 3, 4)


@pytest.mark.parametrize("actions", [DiscreteTarget(), Continuous()], ids=lambda a: type(a).__name__)
def test_ppo_trains_heads_attention_and_trunk(actions):
    task = regime_task(actions)
    model = build_model(task.parameters, make_training_env(task), 0)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(256)
    moved = {name for name, value in model.policy.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == set(before)
    gradients = {name: parameter.grad for name, parameter in model.policy.named_parameters()}
    assert all(gradients[f"action_net.heads.{r}.weight"].abs().sum() > 0 for r in range(4))
    assert gradients["action_net.attention.weight"].abs().sum() > 0


def test_model_of_one_seed_is_one_network():
    task = regime_task()
    left, right, other = (build_model(task.parameters, make_training_env(task), seed).policy for seed in (3, 3, 4))
    pairs = list(zip(left.state_dict().values(), right.state_dict().values(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(left.action_net.heads[0].weight, other.action_net.heads[0].weight)
    assert not torch.equal(left.action_net.heads[0].weight, left.action_net.heads[1].weight)


def test_trained_policy_comes_back_from_its_bundle(tmp_path):
    task = regime_task(frames=3)
    model = build_model(task.parameters, make_training_env(task), 0)
    model.learn(256)
    snapshot = take_snapshot(model)
    files = {"features": FEATURES, "config": CONFIG, "judging": JUDGING, "origin": ORIGIN}
    save_bundle(tmp_path / "b", snapshot, rules=task.rules, **files)
    rows = example_rows(300, 33)
    actions = load_bundle(tmp_path / "b").predict(rows)[0]
    assert actions.tobytes() == snapshot.live_policy.predict(rows)[0].tobytes()
    seen = model.env.normalize_obs(rows.reshape(300, 3, 11))
    assert list(actions) == list(model.predict(seen, deterministic=True)[0])
