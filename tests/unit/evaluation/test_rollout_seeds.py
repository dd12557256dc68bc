"""Several seeds of noise in one batch: each comes to what it comes to alone, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.actions import Continuous, DiscreteStep, DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.episodes import NOISE_SIZE, SEED_STRIDE, draw_noise, draw_noise_of, noise_cursors
from intraday_rl.evaluation.rollout import roll_out, roll_out_seeds
from tests.support.policies import RowPolicy
from tests.support.tapes import COSTLY, make_execution, random_tape
from tests.unit.evaluation.hand_sessions import full_rules

SEEDS = [3, 11, 4]
SESSIONS = np.arange(6)
RECORDED = ("first_bar", "length", "nav", "cash", "position", "fills", "closing", "wanted", "target", "rule", "final")
MAPS = [DiscreteStep(), DiscreteTarget(), Continuous()]


@pytest.fixture(scope="module")
def tape():
    return random_tape(num_sessions=6, minutes=60)


class MemoryPolicy:
    """Acts by the running mean of a feature and its own position, each account for itself, anew at each start."""

    def predict(self, observation, state=None, episode_start=None):
        before = np.zeros(len(observation)) if state is None else np.where(episode_start, 0.0, state)
        state = 0.7 * before + observation[:, 0] + 0.3 * observation[:, 41]
        return np.digitize(state, [-0.4, 0.4]), state


def costly_rules(tape, actions):
    return full_rules(tape, execution=make_execution(**COSTLY), actions=actions)


def content(array):
    """Return the bytes of an array, of records field by field: what lies between fields has no meaning."""
    names = array.dtype.names
    return array.tobytes() if names is None else b"".join(array[name].tobytes() for name in names)


def same(left, right):
    return all(content(getattr(left, name)) == content(getattr(right, name)) for name in RECORDED)


@pytest.mark.parametrize("actions", MAPS, ids=lambda a: type(a).__name__)
def test_each_seed_of_a_batch_equals_the_seed_alone(tape, actions):
    rules = costly_rules(tape, actions)
    policy = RowPolicy(len(rules.layout.names), continuous=isinstance(actions, Continuous))
    together = roll_out_seeds(tape, rules, SESSIONS, policy, SEEDS)
    assert len(together) == len(SEEDS)
    for seed, recording in zip(SEEDS, together, strict=True):
        assert (recording.fills["quantity"] != 0).sum() > 30
        assert same(recording, roll_out(tape, rules, SESSIONS, policy, seed))
    assert not same(together[0], together[1])
    assert not same(together[0], roll_out(tape, rules, SESSIONS, policy, SEEDS[1]))


def test_each_account_keeps_its_own_memory(tape):
    rules = costly_rules(tape, DiscreteTarget())
    together = roll_out_seeds(tape, rules, SESSIONS, MemoryPolicy(), SEEDS)
    for seed, recording in zip(SEEDS, together, strict=True):
        assert same(recording, roll_out(tape, rules, SESSIONS, MemoryPolicy(), seed))


def test_session_that_meets_the_end_of_the_noise_reads_on_at_its_beginning(tape):
    """Stepped alone, an account reads the array of its own seed, which wraps; side by side it must meet the same."""
    days = np.datetime64("2000-01-01") + np.arange(NOISE_SIZE)
    every_day = replace(tape, dates=days, symbol_of=np.zeros(len(days), dtype=np.int64))
    late = int(np.flatnonzero(noise_cursors(every_day, np.arange(len(days))) == NOISE_SIZE - 20)[0])
    dated = replace(tape, dates=days[late : late + 6])
    rules = costly_rules(dated, DiscreteTarget())
    policy = RowPolicy(len(rules.layout.names))
    first = np.array([0])
    recording = roll_out_seeds(dated, rules, first, policy, SEEDS)[1]
    alone = BatchEnv(dated, rules, first, 1, seed=SEEDS[1])
    alone.assign(first, noise_cursors(dated, first))
    observations = alone.reset()
    for step in range(int(recording.length[0])):
        ended = alone.step(policy.predict(observations)[0], observations)
        account = alone.finished[0] if ended else alone.accounts[0]
        assert account["nav"] == recording.nav[step, 0]
        assert content(alone.fills[:1]) == content(recording.fills[step, :1])
    assert ended == 1
    assert recording.fills["quantity"][25:].any()  # traded on both sides of the wrap
    assert recording.fills["quantity"][:20].any()


def test_noise_of_several_seeds_is_that_of_each_twice_in_a_row():
    noise = draw_noise_of(SEEDS)
    assert len(noise) == 8 * NOISE_SIZE  # 6 are used; the kernel wants a power of two
    for k, seed in enumerate(SEEDS):
        own = draw_noise(seed)
        part = noise[k * SEED_STRIDE : (k + 1) * SEED_STRIDE]
        assert np.array_equal(part, np.concatenate([own, own]))
    assert np.array_equal(draw_noise_of([3]), np.tile(draw_noise(3), 2))


def test_seeds_without_a_usable_session_are_refused(tape):
    empty = replace(tape, first_row=np.full(6, -1))
    rules = costly_rules(empty, DiscreteTarget())
    with pytest.raises(ParameterError, match="usable sessions"):
        roll_out_seeds(empty, rules, SESSIONS, RowPolicy(len(rules.layout.names)), SEEDS)
