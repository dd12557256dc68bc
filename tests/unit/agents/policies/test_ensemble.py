"""Ensembles: means and ties by hand, members of every kind, each with its own scaler and memory."""

import json

import numpy as np
import pytest
import torch

from intraday_rl.agents.policies.actor_critic import NetworkPolicy
from intraday_rl.agents.policies.ensemble import Ensemble, EnsemblePolicy, agreed, pooled
from intraday_rl.agents.policies.networks import as_policy, build_policy, describe_network
from intraday_rl.env.actions import BUY, HOLD, SELL
from tests.support.networks import (
    ACTOR_CRITIC,
    CODES,
    RECURRENT,
    SAC,
    SIZES,
    box,
    example_rows,
    example_scaler,
    lively_network,
)

WIDTH = 7


def member(description=ACTOR_CRITIC, space=CODES, seed=0, scaled=True):
    network = lively_network(description, box(WIDTH), space, seed=seed)
    return network, example_scaler(WIDTH, seed) if scaled else None


def logits(*rows):
    """Return the logits of probabilities; a member may shift them all by any number."""
    return np.log(np.array(rows)).astype(np.float32) + 2.5


# --- by hand --------------------------------------------------------------------------------------------------------


def test_codes_go_by_the_mean_of_probabilities_not_by_votes():
    """Two members lean to BUY by a hair, one is sure of SELL: (0.9 + 0.4 + 0.4) / 3 of SELL, 0.32 of BUY."""
    outputs = np.stack([logits([0.9, 0.05, 0.05]), logits([0.4, 0.15, 0.45]), logits([0.4, 0.14, 0.46])])
    mean = pooled(outputs, CODES)
    assert mean == pytest.approx(np.array([[1.7 / 3, 0.34 / 3, 0.96 / 3]]), abs=1e-7)
    assert list(agreed(mean, CODES)) == [SELL]


def test_codes_are_not_chosen_by_the_mean_of_logits():
    """Arithmetic means 0.455, 0.315, 0.23; geometric ones, which mean logits give, in the ratio 0.095, 0.22, 0.067."""
    outputs = np.stack([logits([0.9, 0.09, 0.01]), logits([0.01, 0.54, 0.45])])
    assert outputs.mean(axis=0).argmax() == HOLD
    assert list(agreed(pooled(outputs, CODES), CODES)) == [SELL]


@pytest.mark.parametrize(
    ("first", "second", "action"),
    [
        ([0.5, 0.2, 0.3], [0.3, 0.2, 0.5], HOLD),  # SELL and BUY tie, HOLD is the least likely
        ([0.2, 0.3, 0.5], [0.4, 0.5, 0.1], HOLD),  # 0.3, 0.4, 0.3
        ([0.1, 0.5, 0.4], [0.2, 0.3, 0.5], BUY),  # 0.15, 0.4, 0.45
        ([0.2, 0.3, 0.5], [0.3, 0.4, 0.3], BUY),  # 0.25, 0.35, 0.4
        ([0.1, 0.6, 0.3], [0.1, 0.2, 0.7], BUY),  # 0.1, 0.4, 0.5
        ([0.1, 0.5, 0.4], [0.1, 0.4, 0.5], HOLD),  # HOLD and BUY tie
    ],
)
def test_ties_are_hold(first, second, action):
    assert list(agreed(pooled(np.stack([logits(first), logits(second)]), CODES), CODES)) == [action]


def test_a_difference_beyond_rounding_is_no_tie():
    assert list(agreed(np.array([[0.3, 0.3 + 1e-9, 0.4 - 1e-9], [0.4 + 1e-9, 0.2, 0.4 - 1e-9]]), CODES)) == [BUY, SELL]


def test_sizes_are_averaged_as_each_member_would_act():
    """Beyond the action space a member acts as at its bound: (1 - 0.2 + 0.1) / 3 and (-1 + 0.5 - 1) / 3."""
    outputs = np.array([[[7.0], [-3.0]], [[-0.2], [0.5]], [[0.1], [-1.0]]], dtype=np.float32)
    sizes = agreed(pooled(outputs, SIZES), SIZES)
    assert sizes.dtype == np.float32
    assert sizes == pytest.approx([0.3, -0.5], abs=1e-7)


def test_order_of_members_changes_nothing():
    rng = np.random.default_rng(0)
    for space, width in ((CODES, 3), (SIZES, 1)):
        outputs = rng.standard_normal((5, 200, width)).astype(np.float32)
        expected = pooled(outputs, space).tobytes()
        for _ in range(5):
            assert pooled(rng.permutation(outputs), space).tobytes() == expected


# --- as a policy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("description", "space"), [(ACTOR_CRITIC, CODES), (ACTOR_CRITIC, SIZES), (SAC, SIZES)])
def test_three_identical_members_are_the_member(description, space):
    network, scaler = member(description, space)
    single, rows = as_policy(network, scaler), example_rows(500, WIDTH)
    actions, _ = EnsemblePolicy(Ensemble([(network, scaler)] * 3), None).predict(rows)
    expected, _ = single.predict(rows)
    assert len(np.unique(expected)) >= 3
    assert actions.tobytes() == expected.tobytes()
    assert actions.dtype == expected.dtype


def test_members_see_through_their_own_scalers():
    first, second = member(seed=1), member(seed=2, scaled=False)
    rows = example_rows(300, WIDTH)
    policy = EnsemblePolicy(Ensemble([first, second]), None)
    each = [NetworkPolicy(network, scaler).output(rows, None, None)[0] for network, scaler in (first, second)]
    shares = [np.exp(own.astype(float)) / np.exp(own.astype(float)).sum(axis=1, keepdims=True) for own in each]
    mean = sum(shares) / 2
    assert policy.output(rows, None, None)[0] == pytest.approx(mean, abs=1e-9)
    assert list(policy.predict(rows)[0]) == list(mean.argmax(axis=1))
    assert not (shares[0].argmax(axis=1) == shares[1].argmax(axis=1)).all()


def test_members_of_several_kinds_act_together():
    members = [member(space=SIZES, seed=1), member(SAC, SIZES, seed=2), member(RECURRENT, SIZES, seed=3)]
    rows = example_rows(100, WIDTH)
    actions, _ = EnsemblePolicy(Ensemble(members), None).predict(rows, None, np.ones(100, dtype=bool))
    each = [as_policy(*own).predict(rows, None, np.ones(100, dtype=bool))[0].astype(float) for own in members]
    assert actions == pytest.approx(sum(each) / 3, abs=1e-6)


def test_memory_of_a_recurrent_member_is_carried_and_reset():
    """A plain and a recurrent member, step by step, against the two stepped apart."""
    plain, recurrent = member(seed=1), member(RECURRENT, seed=2)
    both, alone = EnsemblePolicy(Ensemble([plain, recurrent]), None), as_policy(*recurrent)
    steps, count = 20, 30
    observations = example_rows(steps * count, WIDTH).reshape(steps, count, WIDTH)
    starts = np.random.default_rng(0).random((steps, count)) < 0.1
    starts[0] = True
    state, own = None, None
    carried, dropped = [], []
    for rows, start in zip(observations, starts, strict=True):
        mean, state = both.output(rows, state, start)
        remembered, own = alone.output(rows, own, start)
        outputs = np.stack([NetworkPolicy(*plain).output(rows, None, start)[0], remembered])
        assert mean.tobytes() == pooled(outputs, CODES).tobytes()
        carried.append(mean)
        dropped.append(both.output(rows, None, start)[0])
    assert len(state) == 2
    assert state[0] is None
    assert all(mine.tobytes() == its.tobytes() for mine, its in zip(state[1], own, strict=True))
    assert not np.array_equal(carried[1:], dropped[1:])


def test_outputs_do_not_depend_on_the_batch():
    policy = EnsemblePolicy(Ensemble([member(seed=1), member(seed=2)]), None)
    rows = example_rows(200, WIDTH)
    together = policy.output(rows, None, None)[0]
    for size in (1, 7, 100):
        apart = [policy.output(rows[i : i + size], None, None)[0] for i in range(0, 200, size)]
        assert np.concatenate(apart).tobytes() == together.tobytes(), size


# --- description ----------------------------------------------------------------------------------------------------

DESCRIPTION = {"network": "Ensemble", "members": [{**ACTOR_CRITIC, "scaled": True}, {**RECURRENT, "scaled": False}]}


def test_description_and_weights_are_all_that_an_ensemble_needs():
    network = Ensemble([member(seed=1), member(RECURRENT, seed=2, scaled=False)])
    found = json.loads(json.dumps(describe_network(network)))
    assert found == DESCRIPTION
    again = build_policy(found, box(WIDTH), CODES)
    again.load_state_dict({name: value.clone() for name, value in network.state_dict().items()})
    rows, start = example_rows(100, WIDTH), np.ones(100, dtype=bool)
    expected = as_policy(network, None).predict(rows, None, start)[0]
    assert len(set(expected)) == 3
    assert as_policy(again, None).predict(rows, None, start)[0].tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (None, "members must be 2 or more"),
        ([], "members must be 2 or more"),
        (DESCRIPTION["members"][:1], "members must be 2 or more"),
        ([3, 4], "members must be 2 or more"),
        ("ab", "members must be 2 or more"),
        ([{**ACTOR_CRITIC, "scaled": 1}] * 2, "scaled must be true or false"),
        ([{**ACTOR_CRITIC, "scaled": True, "hidden_layers": [0]}] * 2, "hidden_layers must be a list of widths"),
        ([{**SAC, "scaled": True}] * 2, "SACPolicy needs actions in a Box"),
        ([{**DESCRIPTION, "scaled": False}] * 2, "network must be one of ActorCriticPolicy, "),
    ],
)
def test_description_that_cannot_be_one_is_refused(members, words):
    with pytest.raises(ValueError, match=words) as caught:
        build_policy(DESCRIPTION | {"members": members}, box(WIDTH), CODES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["network", "scaled", "hidden_layers"])
def test_description_of_a_member_needs_every_key(missing):
    members = [{key: value for key, value in each.items() if key != missing} for each in DESCRIPTION["members"]]
    with pytest.raises(KeyError, match=missing):
        build_policy(DESCRIPTION | {"members": members}, box(WIDTH), CODES)


@pytest.mark.parametrize(("name", "value"), [("variance", -1.0), ("limits", 0.0), ("mean", float("nan"))])
def test_scaler_of_a_member_that_is_none_is_refused(name, value):
    network = Ensemble([member(seed=1), member(seed=2)])
    with torch.no_grad():
        getattr(network.members[1], name)[0] = value
    with pytest.raises(ValueError, match="must be"):
        as_policy(network, None)


def test_scaler_for_all_members_is_refused():
    with pytest.raises(ValueError, match="scalers of their own"):
        as_policy(Ensemble([member(seed=1), member(seed=2)]), example_scaler(WIDTH))
