"""Episodes: every session once before any twice, and streams that depend on nothing but the seed and the account."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import ConfigError, ParameterError
from intraday_rl.env.episodes import EPISODES_AHEAD, NOISE_SIZE, RandomEpisodes, draw_noise, episode_rows
from intraday_rl.env.single_env import TradingEnv
from intraday_rl.market.latency import UniformLatency
from tests.support.full_rules import full_batch
from tests.support.tapes import make_execution, make_tape

BARS = 5  # minutes of a session: three steps from its first bar to its end


def quiet_tape(num_sessions):
    return make_tape([[{"close": 100.0} for _ in range(BARS)] for _ in range(num_sessions)])


def sessions_met(batch, num_episodes):
    """Return the sessions that account 0 meets in turn, by running them to their ends."""
    observations = batch.reset()
    met, idle = [], np.ones(batch.num_envs, dtype=np.int64)
    while len(met) < num_episodes:
        if batch.step(idle, observations):
            met.append(int(batch.finished["last_bar"][0]) // BARS)
    return met


@pytest.mark.parametrize("num_sessions", [1, 7, EPISODES_AHEAD, 100])
def test_every_session_is_met_once_before_any_twice(num_sessions):
    met = sessions_met(full_batch(quiet_tape(num_sessions)), 3 * num_sessions)
    for start in range(0, len(met), num_sessions):
        assert sorted(met[start : start + num_sessions]) == list(range(num_sessions))


def test_passes_are_shuffled_anew():
    met = sessions_met(full_batch(quiet_tape(20)), 60)
    assert met[:20] != list(range(20))
    assert met[:20] != met[20:40]


def test_reset_in_mid_episode_goes_on_with_the_next_session():
    batch = full_batch(quiet_tape(7))
    met = []
    for _ in range(14):
        batch.reset()
        met.append(int(batch.accounts["last_bar"][0]) // BARS)
    assert sorted(met[:7]) == sorted(met[7:]) == list(range(7))


def test_reset_of_the_single_env_goes_on_with_the_next_session():
    env = TradingEnv(full_batch(quiet_tape(7)))
    met = []
    for episode in range(14):
        env.reset()
        met.append(int(env.batch.accounts["last_bar"][0]) // BARS)
        ended = False
        while not ended and episode % 2:  # every other episode is played to its end
            ended = env.step(1)[2]
    assert sorted(met[:7]) == sorted(met[7:]) == list(range(7))


def weighted(num_envs=2, num_sessions=4, seed=5):
    return RandomEpisodes(quiet_tape(num_sessions), np.arange(num_sessions), seed, num_envs, "weighted")


def sessions_of(rows):
    return rows["last_bar"] // BARS


def test_weighted_sessions_are_drawn_with_replacement_and_alike_at_the_start():
    episodes = weighted()
    drawn = np.concatenate([sessions_of(episodes.draw(0)) for _ in range(100)])
    counts = np.bincount(drawn, minlength=4)
    # 6,400 draws of 1/4: mean 1,600, deviation sqrt(6400 x 1/4 x 3/4) = 34.6
    assert np.abs(counts - 1600).max() < 4 * 34.6
    passes = [sorted(drawn[i : i + 4].tolist()) for i in range(0, 400, 4)]
    assert any(met != [0, 1, 2, 3] for met in passes)


def test_weighted_sessions_come_up_in_proportion_to_their_weights():
    episodes = weighted()
    episodes.set_weights(np.array([0.0, 1.0, 3.0, 4.0]))
    counts = np.bincount(np.concatenate([sessions_of(episodes.draw(1)) for _ in range(100)]), minlength=4)
    assert counts[0] == 0
    for count, share in zip(counts[1:], (1 / 8, 3 / 8, 4 / 8), strict=True):
        assert abs(count - 6400 * share) < 4 * np.sqrt(6400 * share * (1 - share))


def test_weighted_draws_of_an_account_do_not_depend_on_the_others():
    few, many = weighted(num_envs=2), weighted(num_envs=64)
    for episodes in (few, many):
        np.testing.assert_array_equal(sessions_of(episodes.draw(0)), sessions_of(weighted(num_envs=7).draw(0)))
        episodes.set_weights(np.array([1.0, 2.0, 0.5, 0.5]))
    for n in (0, 1):
        np.testing.assert_array_equal(few.draw(n), many.draw(n))
    assert sessions_of(few.draw(0)).tolist() != sessions_of(few.draw(1)).tolist()


@pytest.mark.parametrize("weights", [[1.0] * 3, [1.0, 1.0, 1.0, -0.1], [1.0, np.nan, 1.0, 1.0], [0.0] * 4])
def test_weights_are_one_for_each_session_and_no_less_than_nothing(weights):
    with pytest.raises(ParameterError, match=r"^episodes\.weights must be "):
        weighted().set_weights(np.array(weights))


def test_batch_meets_sessions_by_their_weights_from_the_next_episode_on():
    batch = full_batch(quiet_tape(4), 3, episode_order="weighted")
    observations = batch.reset()
    running = batch.accounts["last_bar"].tolist()
    batch.set_session_weights(np.array([0.0, 0.0, 1.0, 0.0]))
    assert batch.accounts["last_bar"].tolist() == running
    met = []
    while len(met) < 2 * EPISODES_AHEAD:
        if batch.step(np.ones(3), observations):
            met.append((batch.accounts["last_bar"] // BARS).tolist())
    assert met == [[2, 2, 2]] * (2 * EPISODES_AHEAD)


def test_batch_takes_no_weights_where_sessions_are_not_drawn_by_weight():
    with pytest.raises(ConfigError, match=r"needs env\.episode_order=weighted"):
        full_batch(quiet_tape(4)).set_session_weights(np.ones(4))


def test_unusable_sessions_are_never_met():
    tape = replace(quiet_tape(4), first_row=np.array([0, -1, 14, 15]))  # no valid row; only the last row
    batch = full_batch(tape)
    assert batch.sessions.tolist() == [0, 3]
    assert sorted(sessions_met(batch, 4)) == [0, 0, 3, 3]


def test_batch_without_a_usable_session_is_refused():
    tape = replace(quiet_tape(2), first_row=np.array([-1, -1]))
    with pytest.raises(ParameterError, match="usable sessions"):
        full_batch(tape)


def test_account_streams_do_not_depend_on_their_number():
    tape, sessions = quiet_tape(9), np.arange(9)
    few, many = (RandomEpisodes(tape, sessions, 5, size, "mixed") for size in (3, 64))
    for n in (0, 2):
        np.testing.assert_array_equal(few.draw(n), many.draw(n))
    assert few.draw(0).tobytes() != few.draw(1).tobytes()


def test_account_streams_do_not_depend_on_the_order_of_drawing():
    tape, sessions = quiet_tape(9), np.arange(9)
    one, other = (RandomEpisodes(tape, sessions, 5, 2, "mixed") for _ in range(2))
    first = [one.draw(0), one.draw(1), one.draw(0)]
    second = [other.draw(0), other.draw(0), other.draw(1)]
    np.testing.assert_array_equal(first[1], second[2])
    np.testing.assert_array_equal(first[2], second[1])


def test_episodes_read_the_noise_at_places_of_their_own():
    episodes = RandomEpisodes(quiet_tape(3), np.arange(3), 5, 16, "mixed")
    cursors = np.concatenate([episodes.draw(n)["noise_cursor"] for n in range(16)])
    assert cursors.min() >= 0
    assert cursors.max() < NOISE_SIZE
    assert len(np.unique(cursors)) > 0.9 * len(cursors)


def test_noise_is_uniform_and_changes_with_the_seed():
    noise = draw_noise(1)
    assert noise.shape == (NOISE_SIZE,)
    assert NOISE_SIZE & (NOISE_SIZE - 1) == 0  # the kernel wraps its cursor with a mask
    assert 0.0 <= noise.min() < 0.001 < 0.999 < noise.max() < 1.0
    assert noise.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / NOISE_SIZE))
    np.testing.assert_array_equal(noise, draw_noise(1))
    assert not np.array_equal(noise, draw_noise(2))


def test_each_step_reads_the_next_draw_from_the_episodes_cursor():
    # Bars run from 100 to a vwap of 101: where an order arrives tells the draw, 100 + noise * 59,999 / 60,000.
    sessions = [[{"close": 100.0, "open": 100.0, "vwap": 101.0, "high": 101.0} for _ in range(8)]] * 2
    execution = make_execution(latency=UniformLatency(0.0, 59_999.0))
    batch = full_batch(make_tape(sessions), 2, seed=4, execution=execution)
    batch.assign(np.array([0, 1]), np.array([5, NOISE_SIZE - 2]))  # the second wraps around
    observations = batch.reset()
    noise = draw_noise(4)
    for step in range(5):
        batch.step(np.full(2, 2 * (step % 2)), observations)  # each bar reverses the position
        draws = noise[[5 + step, (NOISE_SIZE - 2 + step) % NOISE_SIZE]]
        np.testing.assert_allclose(batch.fills["reference_price"], 100.0 + draws * 59_999 / 60_000, rtol=1e-12)


def test_episode_rows_hold_the_sessions_bounds():
    rows = episode_rows(quiet_tape(3), np.array([2, 0]), np.array([11, 12]))
    assert rows["first_bar"].tolist() == [10, 0]
    assert rows["last_bar"].tolist() == [14, 4]
    assert rows["noise_cursor"].tolist() == [11, 12]
