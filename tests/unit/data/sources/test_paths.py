"""The vectorised recursion against a plain loop."""

import numpy as np
import pytest

from intraday_rl.data.sources.paths import autoregressive


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("shape", [(1,), (2, 1), (7,), (3, 390), (5000,)])
def test_autoregressive_equals_the_loop(phi, shape):
    innovations = np.random.default_rng(5).standard_normal(shape)
    expected = np.zeros(shape)
    for t in range(shape[-1]):
        expected[..., t] = innovations[..., t] + (phi * expected[..., t - 1] if t else 0.0)
    np.testing.assert_allclose(autoregressive(innovations, phi), expected, rtol=0, atol=1e-11)


def test_autoregressive_leaves_its_argument_and_the_past_alone():
    innovations = np.random.default_rng(6).standard_normal(100)
    before = innovations.copy()
    path = autoregressive(innovations, 0.8)
    np.testing.assert_array_equal(innovations, before)
    np.testing.assert_array_equal(autoregressive(innovations[:40], 0.8), path[:40])
