"""Episodes: every session once before any twice, and streams that depend on nothing but the seed and the account."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
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
