"""The batch: the same results for any N and any order of accounts, seeds, assignment, infos, refused rules."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import ConfigError, IntradayError, ParameterError
from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.actions import BUY, HOLD
from intraday_rl.env.rewards import TurnoverPenalty
from intraday_rl.env.risk import FlatBeforeClose, HoldingLimit, MaxNotional, MaxUnits
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import Contract
from tests.support.exact import assert_same_bits, bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_batch, make_execution, make_rules, make_tape, random_tape

TAPE = random_tape(num_sessions=5, minutes=30, num_features=3)


PENALTY = TurnoverPenalty(weight=5e-5, limit=0.02, linear_slope_mul=50.0)


def costly_batch(num_envs, seed=0, **changes):
    return full_batch(TAPE, num_envs, seed, execution=make_execution(**COSTLY), **changes)


def roll(batch, actions):
    """Step through actions (S, N) and return everything each step showed, stacked over steps."""
    observations = batch.reset()
    seen = {"observations": [observations.copy()], "accounts": [], "fills": [], "parts": []}
    for row in actions:
        batch.step(np.ascontiguousarray(row), observations)
        for name, value in zip(seen, (observations, batch.accounts, batch.fills, batch.reward_parts), strict=True):
            seen[name].append(value.copy())
    return {name: np.stack(value) for name, value in seen.items()}


def assert_equal_columns(one, many, columns=slice(None), names=("observations", "accounts", "fills", "parts")):
    """Compare the accounts of one roll with `columns` of another, bit by bit."""
    for name in names:
        assert_same_bits(one[name], many[name][:, columns], name)


MANY = 8 if JIT_DISABLED else 64  # plain Python is a hundred times slower
ACTIONS = np.random.default_rng(1).integers(0, 3, (65, MANY))  # two sessions of thirty minutes and a bit


@pytest.fixture(scope="module")
def many():
    return roll(costly_batch(MANY), ACTIONS)


def test_comparison_of_rolls_sees_a_single_bit(many):
    changed = {name: value.copy() for name, value in many.items()}
    assert_equal_columns(changed, many)
    changed["accounts"]["cash"][3, 5] = np.nextafter(changed["accounts"]["cash"][3, 5], np.inf)
    with pytest.raises(AssertionError, match=r"accounts: not the same bits in \['cash'\]"):
        assert_equal_columns(changed, many)


@pytest.mark.parametrize("size", [1, 5, MANY - 1])
def test_results_do_not_depend_on_the_number_of_accounts(many, size):
    assert_equal_columns(roll(costly_batch(size), ACTIONS[:, :size]), many, slice(0, size))


@pytest.mark.parametrize("n", [1, MANY // 2, MANY - 1])
def test_a_batch_of_one_repeats_any_row_of_a_larger_batch(many, n):
    large = costly_batch(MANY)
    large.reset()  # draws the episodes that account n will meet
    single = costly_batch(1)
    single.assign(np.array([0]), np.array([0]))
    single._episodes[:] = large._episodes[n : n + 1]
    assert_equal_columns(roll(single, ACTIONS[:, n : n + 1]), many, slice(n, n + 1))


def test_the_order_of_accounts_is_irrelevant():
    order = np.array([3, 1, 4, 0, 2])
    rolls = []
    for permutation in (np.arange(5), order):
        batch = costly_batch(5)
        batch.assign(permutation, 100 * permutation)
        rolls.append(roll(batch, ACTIONS[:26, permutation]))
    assert_equal_columns(rolls[1], rolls[0], order)


def test_the_same_seed_gives_the_same_results_and_another_does_not(many):
    again, other = roll(costly_batch(MANY), ACTIONS), roll(costly_batch(MANY, seed=1), ACTIONS)
    assert_equal_columns(again, many)
    assert bits(other["accounts"]["cash"]) != bits(many["accounts"]["cash"])


def test_seed_starts_the_streams_anew(many):
    batch = costly_batch(MANY, seed=9)
    roll(batch, ACTIONS[:40])
    batch.seed(0)
    assert_equal_columns(roll(batch, ACTIONS), many)


def test_rewards_and_ends_are_the_accounts_own():
    batch = costly_batch(3)
    observations = batch.reset()
    batch.step(np.full(3, BUY), observations)
    np.testing.assert_array_equal(batch.rewards, batch.accounts["reward"])
    np.testing.assert_array_equal(batch.terminated, batch.accounts["terminated"])
    np.testing.assert_array_equal(batch.truncated, batch.accounts["truncated"])


def test_reset_in_mid_episode_forgets_the_abandoned_rewards():
    batch = full_batch(make_tape([[{"close": 100.0 + i} for i in range(10)]]))
    observations = batch.reset()
    for _ in range(3):
        batch.step(np.array([BUY]), observations)
    batch.reset()
    while not batch.step(np.array([HOLD]), observations):
        pass
    info = batch.episode_infos([0])[0]
    assert info["episode"] == {"r": 0.0, "l": 8}
    assert info["episode_reward_parts"] == {"profit": 0.0, "turnover": 0.0}


def test_each_episode_tells_of_its_own_rewards_only():
    batch = full_batch(make_tape([[{"close": 100.0 + i} for i in range(6)]]), terms={"turnover": PENALTY})
    observations = batch.reset()
    infos = []
    for action in [BUY] * 4 + [HOLD] * 4 + [BUY] * 4:
        if batch.step(np.array([action]), observations):
            infos += batch.episode_infos(np.array([0]))
    assert [sum(info["episode_reward_parts"].values()) for info in infos] == [info["episode"]["r"] for info in infos]
    assert infos[0]["episode_reward_parts"] == infos[2]["episode_reward_parts"]
    assert infos[0]["episode_reward_parts"]["turnover"] < 0.0
    assert infos[1]["episode_reward_parts"] == {"profit": 0.0, "turnover": 0.0}


def test_memories_of_terms_are_cleared_at_each_start():
    batch = full_batch(make_tape([[{"close": 100.0} for _ in range(4)]]), 2)
    observations, terms = batch.reset(), batch.memory[:, : len(batch.term_names)]
    for ended in (0, 2):
        terms["first"] = terms["fourth"] = 7.0
        assert batch.step(np.full(2, HOLD), observations) == ended
        expected = 0.0 if ended else 7.0
        assert all(np.all(terms[name] == expected) for name in ("first", "fourth"))
    terms["second"] = 7.0
    batch.reset()
    assert np.all(terms["second"] == 0.0)


def test_rules_count_the_multiplier():
    # One contract at 2,000 and 5 USD a point is 10,000 USD, a fifth of NAV: three of them are at most 0.7 of it.
    tape = make_tape([[{"close": 2_000.0} for _ in range(6)]])
    batch = full_batch(
        tape,
        execution=make_execution(contract=Contract(5.0)),
        limits={"notional": MaxNotional(0.7)},
        terms={"turnover": PENALTY},
    )
    observations = batch.reset()
    assert batch.accounts["size"][0] == 3.0
    batch.step(np.array([BUY]), observations)
    assert batch.accounts["traded_notional"][0] == 30_000.0
    # The excess turnover is 0.6 - 0.02: 0.0025 (0.58 - 0.01) of 50,000 = 71.25 USD, 14.25 bp.
    assert batch.reward_parts[0].tolist() == [0.0, pytest.approx(-14.25, rel=1e-9)]


@pytest.mark.parametrize(
    "observations",
    [
        np.zeros((2, 9)),
        np.zeros((3, 9), dtype=np.float32),
        np.zeros((2, 8), dtype=np.float32),
        np.zeros((9, 2), dtype=np.float32).T,
        np.zeros((4, 9), dtype=np.float32)[::2],
    ],
    ids=["dtype", "accounts", "width", "order", "strides"],
)
def test_step_refuses_an_array_that_it_would_write_wrongly(observations):
    batch = costly_batch(2)
    batch.reset()
    with pytest.raises(ConfigError, match=r"must be a C-contiguous float32 array \(2, 9\)"):
        batch.step(np.full(2, HOLD), observations)
    assert batch.accounts["steps"].tolist() == [0, 0]


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint8, np.float32, np.float64, bool])
def test_actions_of_any_kind_of_number_mean_the_same(kind):
    batch, reference = costly_batch(2), costly_batch(2)
    rolls = [roll(batch, ACTIONS[:20, :2].clip(0, 1).astype(kind)), roll(reference, ACTIONS[:20, :2].clip(0, 1))]
    assert_equal_columns(*rolls)


def test_assigned_sessions_are_met_again_and_again():
    batch = full_batch(make_tape([[{"close": 100.0} for _ in range(4)]] * 2), 2)
    batch.assign(np.array([1, 0]), np.array([7, 8]))
    observations = batch.reset()
    dates = []
    while len(dates) < 140:  # more than the 64 episodes that are drawn ahead
        ended = batch.step(np.full(2, HOLD), observations)
        dates += [batch.episode_infos([n])[0]["session"] for n in range(2) if ended]
    assert dates == ["2024-01-03", "2024-01-02"] * 70
    assert batch.accounts["noise_cursor"].tolist() == [7, 8]


def test_assigned_sessions_must_be_usable():
    batch = full_batch(replace(TAPE, first_row=np.array([0, -1, 60, 90, 120])), 2)
    with pytest.raises(IntradayError):
        batch.assign(np.array([0, 1]), np.array([0, 0]))


def test_assigned_sessions_must_be_one_for_each_account():
    with pytest.raises((IntradayError, ValueError)):
        full_batch(TAPE, 2).assign(np.array([0]), np.array([0]))


def test_an_account_begins_its_next_episode_in_the_same_step():
    tape = make_tape([[{"close": 100.0} for _ in range(4)]] * 2)
    batch = full_batch(tape)
    observations = batch.reset()
    batch.step(np.array([BUY]), observations)
    assert batch.step(np.array([BUY]), observations) == 1
    assert (batch.accounts["steps"][0], batch.accounts["bar"][0] % 4, batch.accounts["nav"][0]) == (0, 0, 50_000.0)
    assert batch.finished["steps"][0] == 2
    assert batch.terminated[0] == 1  # the flags tell of the step that ended, not of the new episode
    np.testing.assert_array_equal(observations[0, :2], tape.features[batch.accounts["bar"][0]])
    np.testing.assert_array_equal(batch.final_observations[0, :2], tape.features[batch.finished["bar"][0]])


@pytest.mark.parametrize("group", ["limits", "exits", "terms"])
def test_rules_refuse_an_empty_group(group):
    with pytest.raises(ConfigError, match="must name at least one rule, was empty"):
        make_rules(TAPE, **{group: {}})


def test_rules_refuse_sessions_that_would_not_end_flat():
    with pytest.raises(ConfigError, match="FlatBeforeClose"):
        make_rules(TAPE, exits={"holding": HoldingLimit(30)})


@pytest.mark.parametrize("group", ["limits", "exits", "terms"])
def test_rules_refuse_a_struct_of_another_kind(group):
    good = {"exits": {"close": FlatBeforeClose(1)}, "limits": {}, "terms": {}}[group]
    with pytest.raises(ConfigError, match="must be one of"):
        make_rules(TAPE, **{group: good | {"odd": UniformLatency(0.0, 0.0)}})


def test_rules_refuse_an_action_map_of_another_kind():
    with pytest.raises(ConfigError, match=r"actions must be one of Continuous, DiscreteStep, DiscreteTarget"):
        make_rules(TAPE, actions=MaxUnits(1))


def test_rules_refuse_a_market_part_of_another_kind():
    with pytest.raises(ConfigError, match="must be one of"):
        make_rules(TAPE, execution=make_execution(latency=MaxUnits(1)))


@pytest.mark.parametrize("name", ["initial_capital_usd", "reward_scale"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_rules_refuse_capital_and_scale_that_are_not_positive(name, value):
    with pytest.raises(ParameterError, match="must be > 0"):
        make_rules(TAPE, **{name: value})


@pytest.mark.parametrize("num_envs", [0, -1])
def test_batch_refuses_to_be_empty(num_envs):
    with pytest.raises(ParameterError, match=r"env\.num_envs must be >= 1"):
        make_batch(TAPE, num_envs)
