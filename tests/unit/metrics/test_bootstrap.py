import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import stationary_bootstrap


def _indices(seed=0, **changes):
    arguments = {"num_resamples": 400, "length": 300, "mean_block_length": 10.0} | changes
    blocks = stationary_bootstrap(50, rng=np.random.default_rng(seed), **arguments)
    return np.stack([index.copy() for index in blocks], axis=1)


def test_bootstrap_draws_every_observation_equally_often():
    counts = np.bincount(_indices().ravel(), minlength=50)
    assert counts.size == 50
    assert counts.min() > 0.9 * counts.mean()
    assert counts.max() < 1.1 * counts.mean()


def test_bootstrap_blocks_are_consecutive_on_a_ring_with_the_asked_mean_length():
    indices = _indices()
    breaks = (indices[:, :-1] + 1) % 50 != indices[:, 1:]
    # a new block starts with probability 1/10 and lands on the next observation by chance in 1 of 50
    assert breaks.mean() == pytest.approx(0.1 * 49 / 50, rel=0.05)
    assert ((indices[:, :-1] == 49) & (indices[:, 1:] == 0)).any()


def test_bootstrap_with_blocks_of_one_draws_independently():
    indices = _indices(mean_block_length=1.0)
    following = (indices[:, :-1] + 1) % 50 == indices[:, 1:]
    assert following.mean() == pytest.approx(1 / 50, rel=0.1)


def test_bootstrap_block_lengths_are_geometric():
    indices = _indices(num_resamples=5000, length=6)
    first = ((indices[:, :5] + 1) % 50 == indices[:, 1:6]).all(axis=1)
    # five times in a row no new block, or one that lands on the next observation
    assert first.mean() == pytest.approx((0.9 + 0.1 / 50) ** 5, abs=0.03)


def test_bootstrap_repeats_with_its_generator():
    assert (_indices(seed=5) == _indices(seed=5)).all()
    assert (_indices(seed=5) != _indices(seed=6)).any()


@pytest.mark.parametrize("name", ["num_resamples", "length", "mean_block_length"])
def test_bootstrap_refuses_numbers_below_one(name):
    with pytest.raises(ParameterError, match=f"{name} must be >= 1"):
        _indices(**{name: 0})


def test_bootstrap_refuses_an_empty_series():
    with pytest.raises(ParameterError, match="num_observations must be >= 1"):
        stationary_bootstrap(0, num_resamples=1, length=1, mean_block_length=1.0, rng=np.random.default_rng(0))
