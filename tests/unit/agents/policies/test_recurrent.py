"""Policies with a memory: as sb3-contrib steps them, reset where episodes start, and alone as in company."""

import numpy as np
import pytest
import torch

from intraday_rl.agents.policies.recurrent import RecurrentNetworkPolicy
from tests.support.networks import CODES, RECURRENT, SIZES, box, example_rows, example_scaler, lively_network

WIDTH, STEPS, COUNT = 7, 30, 40
SPACES = [pytest.param(CODES, id="Discrete"), pytest.param(SIZES, id="Box")]
SCALER = example_scaler(WIDTH)


def network_of(space=CODES, gain=300.0, **changes):
    return lively_network(RECURRENT | {"hidden_layers": [32, 16]} | changes, box(WIDTH), space, gain=gain)


def stream(count=COUNT, seed=0):
    """Return observations of STEPS steps, and which rows begin an episode: all at first, then now and then one."""
    starts = np.random.default_rng(seed).random((STEPS, count)) < 0.05
    starts[0] = True
    return example_rows(STEPS * count, WIDTH, seed).reshape(STEPS, count, WIDTH), starts


def play(predict, observations, starts):
    """Return the actions of every step, (steps, N), and the last state."""
    state, actions = None, []
    for observation, start in zip(observations, starts, strict=True):
        chosen, state = predict(observation, state, start)
        actions.append(chosen)
    return np.array(actions), state


@pytest.mark.parametrize("changes", [{}, {"activation": "tanh", "lstm_size": 17, "hidden_layers": [5]}])
@pytest.mark.parametrize("space", SPACES)
def test_policy_remembers_as_sb3_contrib_does(space, changes):
    network, (observations, starts) = network_of(space, 3.0, **changes), stream()

    def contrib(observation, state, start):
        actions, state = network.predict(SCALER.scale(observation), state, start, deterministic=True)
        return actions.reshape(COUNT), state

    actions, state = play(RecurrentNetworkPolicy(network, SCALER).predict, observations, starts)
    expected, expected_state = play(contrib, observations, starts)
    assert len(np.unique(actions)) >= 3
    assert actions == pytest.approx(expected, abs=1e-5)
    for ours, theirs in zip(state, expected_state, strict=True):
        assert ours.shape == theirs.shape == (1, COUNT, network.lstm_actor.hidden_size)
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_policy_that_forgets_acts_otherwise():
    """The comparisons of this file can tell: without its state, and without resets, actions are others."""
    policy, (observations, starts) = RecurrentNetworkPolicy(network_of(), SCALER), stream()
    actions, _ = play(policy.predict, observations, starts)
    dropped, _ = play(lambda row, state, start: policy.predict(row, None, start), observations, starts)
    carried, _ = play(lambda row, state, start: policy.predict(row, state, None), observations, starts)
    assert (dropped[0] == actions[0]).all()
    assert (dropped[1:] != actions[1:]).mean() > 0.1
    after = np.cumsum(starts[1:], axis=0) > 0  # rows that were reset once more
    assert (carried[1:] != actions[1:])[after].mean() > 0.05
    assert (carried[1:] == actions[1:])[~after].all()


def test_policy_begins_episodes_with_an_empty_memory():
    """A row's second episode is what it would be if it came first."""
    policy, (observations, _) = RecurrentNetworkPolicy(network_of(SIZES, 3.0), SCALER), stream()
    starts = np.zeros((STEPS, COUNT), dtype=bool)
    starts[0] = starts[10] = True
    both, state = play(policy.predict, observations, starts)
    second, alone = play(policy.predict, observations[10:], starts[10:])
    assert both[10:].tobytes() == second.tobytes()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(state, alone, strict=True))


def test_policy_without_marks_of_starts_remembers_throughout():
    policy, (observations, starts) = RecurrentNetworkPolicy(network_of(SIZES, 3.0), SCALER), stream()
    starts[1:] = False
    marked, _ = play(policy.predict, observations, starts)
    unmarked, _ = play(policy.predict, observations, [None] * STEPS)
    assert marked.tobytes() == unmarked.tobytes()


@pytest.mark.parametrize("size", [6, 64])
def test_policy_outputs_do_not_depend_on_the_batch(size):
    """The same row alone and in any company: the same actions and the same memory, to the last bit."""
    policy = RecurrentNetworkPolicy(network_of(SIZES, 3.0, lstm_size=size), SCALER)
    observations, starts = (values[:8] for values in stream(70))
    together, state = play(policy.predict, observations, starts)
    assert len(np.unique(together)) > 8 * 70 // 2  # not clipped
    for count in (1, 32, 33):
        for i in range(0, 70, count):
            part = slice(i, i + count)
            apart, own = play(policy.predict, observations[:, part], starts[:, part])
            assert apart.tobytes() == together[:, part].tobytes()
            assert all((a == b[:, part]).all() for a, b in zip(own, state, strict=True))


def test_policy_takes_windows_and_rows_alike():
    policy, (observations, starts) = RecurrentNetworkPolicy(network_of(), SCALER), stream()
    rows, _ = play(policy.predict, observations, starts)
    windows, _ = play(policy.predict, observations[:, :, None], starts)
    assert len(np.unique(rows)) == 3
    assert windows.tobytes() == rows.tobytes()
    assert policy.predict(observations[0, :0])[0].shape == (0,)


def test_policy_leaves_alone_what_it_is_given_and_draws_no_random_numbers():
    policy, (observations, starts) = RecurrentNetworkPolicy(network_of(), SCALER), stream()
    _, state = policy.predict(observations[0], None, starts[0])
    given = [array.copy() for array in (observations[1], *state, starts[5])]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    policy.predict(observations[1], state, starts[5])
    assert torch.equal(before, torch.get_rng_state())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(given, (observations[1], *state, starts[5]), strict=True))
