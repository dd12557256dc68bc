"""First observations that are not finite: shown as 0 and counted (R049). For rewards see `rewards/test_all_terms`."""

import numpy as np
import pytest

from intraday_rl.env.actions import HOLD
from tests.support.full_rules import full_batch
from tests.support.tapes import make_layout, make_tape


def odd_batch(values, num_envs=1, sessions=1):
    """Return a batch whose sessions' first bars have these two features; a session is two decisions long."""
    tape = make_tape([[{"close": 100.0} for _ in range(4)]] * sessions)
    tape.features[tape.first_row] = values
    return full_batch(tape, num_envs)


@pytest.mark.parametrize(
    ("values", "shown", "count"),
    [
        ((0.5, -1.5), [0.5, -1.5], 0),
        ((np.nan, 1.0), [0.0, 1.0], 1),
        ((np.inf, -np.inf), [0.0, 0.0], 2),
        ((1.0, -np.inf), [1.0, 0.0], 1),
    ],
)
def test_first_observation_that_is_not_finite_is_zero_and_counted(values, shown, count):
    batch = odd_batch(values)
    assert batch.replaced == 0
    assert batch.reset()[0, :2].tolist() == shown
    assert batch.replaced == count


def test_first_observations_of_later_episodes_are_counted_too():
    batch = odd_batch((np.nan, np.nan), num_envs=3)
    observations, counts = batch.reset(), []
    for _ in range(4):
        batch.step(np.full(3, HOLD), observations)
        counts.append((batch.replaced, np.isfinite(observations).all()))
    assert counts == [(6, True), (12, True), (12, True), (18, True)]


def test_count_goes_on_over_resets():
    batch = odd_batch((np.nan, 0.0))
    for k in range(1, 4):
        batch.reset()
        assert batch.replaced == k


def test_only_what_a_first_observation_shows_of_its_own_bar_is_counted():
    # The last bar of a session is not finite; its lags stand in the buffer when the next session begins.
    tape = make_tape([[{"close": 100.0} for _ in range(4)]])
    tape.features[1] = np.nan
    layout = make_layout(tape.feature_names, stacked=("feature0", "feature1"), frames=3)
    batch = full_batch(tape, layout=layout)
    observations = batch.reset()
    for _ in range(4):
        batch.step(np.array([HOLD]), observations)
    assert batch.replaced == 0
    batch.reset()
    assert batch.replaced == 0


def test_rubbish_in_a_new_buffer_is_not_counted(monkeypatch):
    tape = make_tape([[{"close": 100.0} for _ in range(4)]])
    batch = full_batch(tape, layout=make_layout(tape.feature_names, stacked=("feature0",), frames=2))
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype=dtype))
    batch.reset()
    assert batch.replaced == 0
