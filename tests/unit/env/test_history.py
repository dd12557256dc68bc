"""Frame stacking and windows: equal, bit for bit, to what plain Python puts together from single frames.

Reference: the same batch without history, the same actions; a queue per account holds what it saw of the running
episode, and bars before the first repeat the first.
"""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from intraday_rl.core.errors import FeatureError, ParameterError
from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.observation import ACCOUNT_FEATURES
from intraday_rl.env.single_env import TradingEnv
from intraday_rl.env.vec_env import TradingVecEnv
from intraday_rl.env.vector_env import TradingVectorEnv
from tests.support.exact import assert_same_bits
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution, make_layout, random_tape

MANY = 8 if JIT_DISABLED else 64  # plain Python is a hundred times slower
TAPE = random_tape(num_sessions=4, minutes=20, num_features=3)
PLAIN = make_layout(TAPE.feature_names, account=ACCOUNT_FEATURES)
FEW = ("feature1", "slippage_to_budget", "feature0")  # in an order of their own
LAYOUTS = {
    "few": replace(PLAIN, stacked=FEW, frames=4),
    "one": replace(PLAIN, stacked=("position",), frames=2),
    "long": replace(PLAIN, stacked=("feature2",), frames=30),  # longer than a session
    "window": replace(PLAIN, stacked=PLAIN.current, frames=5),
}
ACTIONS = np.random.default_rng(7).integers(0, 3, (70, MANY))


def new_batch(num_envs, layout):
    return full_batch(TAPE, num_envs, seed=3, execution=make_execution(**COSTLY), layout=layout)


def roll(num_envs, layout):
    """Return the observations, (T + 1, N, W), who ended, (T, N), and the last observations there, (T, N, W)."""
    batch = new_batch(num_envs, layout)
    observations = batch.reset()
    seen, ends, finals = [observations.copy()], [], []
    for actions in ACTIONS[:, :num_envs]:
        batch.step(actions, observations)
        seen.append(observations.copy())
        ends.append((batch.terminated + batch.truncated) > 0)
        finals.append(batch.final_observations.copy())
    return np.stack(seen), np.stack(ends), np.stack(finals)


def put_together(layout, episode):
    """Return the row that shows the last of an episode's single frames, oldest first."""
    places = [layout.current.index(name) for name in layout.stacked]
    lags = [episode[max(len(episode) - 1 - lag, 0)][places] for lag in range(1, layout.frames)]
    return np.concatenate([episode[-1], *lags])


@pytest.fixture(scope="module")
def frames():
    return roll(MANY, PLAIN)


@pytest.mark.parametrize("name", LAYOUTS)
def test_history_equals_single_frames_put_together(frames, name):
    layout = LAYOUTS[name]
    singles, ends, last_singles = frames
    seen, same_ends, finals = roll(MANY, layout)
    np.testing.assert_array_equal(ends, same_ends)
    assert ends.sum() > 2 * MANY  # episodes ended and began inside
    for n in range(MANY):
        episode = [singles[0, n]]
        assert_same_bits(seen[0, n], put_together(layout, episode))
        for t, ended in enumerate(ends[:, n]):
            if ended:
                assert_same_bits(finals[t, n], put_together(layout, [*episode, last_singles[t, n]]))
                episode = []
            episode.append(singles[t + 1, n])
            assert_same_bits(seen[t + 1, n], put_together(layout, episode))


@pytest.mark.parametrize("name", LAYOUTS)
def test_history_does_not_depend_on_the_other_accounts(name):
    alone, together = roll(1, LAYOUTS[name]), roll(MANY, LAYOUTS[name])
    assert_same_bits(alone[0], together[0][:, :1])
    over = alone[1][:, 0]
    assert_same_bits(alone[2][over, 0], together[2][over, 0])


def test_reset_forgets_what_was_seen():
    batch = new_batch(2, LAYOUTS["window"])
    observations = batch.reset()
    for actions in ACTIONS[:5, :2]:
        batch.step(actions, observations)
    first = batch.reset().reshape(2, *LAYOUTS["window"].shape)
    for row in range(1, 5):
        assert_same_bits(first[:, row], first[:, 0])


def test_names_say_what_is_shown_and_from_when():
    layout = make_layout(("a", "b"), account=("position",), stacked=("b", "position"), frames=3)
    assert layout.names == ("a", "b", "position", "b_lag1", "position_lag1", "b_lag2", "position_lag2")
    assert layout.sources.tolist() == [0, 1, 2, 1, 2, 3, 4]
    assert layout.shape == layout.space().shape == (7,)
    assert replace(layout, frames=1).names == ("a", "b", "position")


@pytest.mark.parametrize(("stacked", "frames", "shape"), [((), 1, (14,)), (FEW, 8, (35,)), (PLAIN.current, 5, (5, 14))])
def test_shape_is_a_window_where_every_column_is_stacked(stacked, frames, shape):
    assert replace(PLAIN, stacked=stacked, frames=frames).shape == shape


def test_one_frame_of_every_column_is_no_window():
    assert replace(PLAIN, stacked=PLAIN.current).shape == (14,)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"stacked": ("feature9",), "frames": 2}, FeatureError, r"feature9 is not observed \(did you mean feature"),
        ({"stacked": ("position", "position"), "frames": 2}, FeatureError, "position stands twice"),
        ({"frames": 2}, FeatureError, "stacked must name the features of which 2 frames are shown, was empty"),
        ({"frames": 0}, ParameterError, r"observation\.frames must be >= 1 \(bars shown\), was 0"),
    ],
)
def test_layout_refuses_an_impossible_history(changes, error, message):
    with pytest.raises(error, match=message):
        replace(PLAIN, **changes)


# --- the faces of a window --------------------------------------------------------------------------------------------

WINDOW = LAYOUTS["window"]


def test_single_env_shows_windows():
    env, batch = TradingEnv(new_batch(1, WINDOW)), new_batch(1, WINDOW)
    rows = batch.reset()
    observation, _ = env.reset()
    ends = 0
    for actions in ACTIONS[:, :1]:
        assert observation.shape == (5, 14)
        assert_same_bits(observation, rows[0].reshape(5, 14))
        ended = batch.step(actions, rows)
        observation, _, terminated, truncated, _ = env.step(int(actions[0]))
        assert (terminated or truncated) == bool(ended)
        if ended:
            assert_same_bits(observation, batch.final_observations[0].reshape(5, 14))
            observation, _ = env.reset()
            ends += 1
    assert ends > 2


@pytest.mark.parametrize("check", [lambda env: check_env(env, skip_render_check=True), sb3_check_env])
@pytest.mark.filterwarnings("ignore:.*infinity.*", "ignore:.*Box.*", "ignore:.*image.*")
def test_window_passes_the_checkers_of_both_libraries(check):
    check(TradingEnv(new_batch(1, WINDOW)))


def test_vec_env_and_vector_env_show_windows():
    vec, vector, batch = (
        TradingVecEnv(new_batch(3, WINDOW)),
        TradingVectorEnv(new_batch(3, WINDOW)),
        new_batch(3, WINDOW),
    )
    rows = batch.reset()
    first = [vec.reset(), vector.reset()[0]]
    assert vec.observation_space.shape == (5, 14)
    assert vector.observation_space.shape == (3, 5, 14)
    ended = 0
    for actions in ACTIONS[:, :3]:
        for seen in first:
            assert_same_bits(seen, rows.reshape(3, 5, 14))
        batch.step(actions, rows)
        observations, _, dones, infos = vec.step(actions)
        others, _, _, _, more = vector.step(actions)
        first = [observations, others]
        for n in np.flatnonzero(dones):
            expected = batch.final_observations[n].reshape(5, 14)
            assert_same_bits(infos[n]["terminal_observation"], expected)
            assert_same_bits(more["final_obs"][n], expected)
            ended += 1
    assert ended > 3
