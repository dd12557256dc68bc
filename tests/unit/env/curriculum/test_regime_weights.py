"""Weights of regimes, by hand."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.env.curriculum.regime_weights import regime_weights, session_regimes

NAN = float("nan")


def test_without_performance_each_regime_has_the_same_say():
    """40 sessions, 4 regimes: each regime's sessions together count 10."""
    weights = regime_weights([1, 4, 10, 25], [NAN] * 4)
    np.testing.assert_allclose(weights, [10.0, 2.5, 1.0, 0.4])


def test_worse_regimes_count_more():
    """Mean 2: factors 1 + (2 - S)/2 = 0.5, 1.5, 1, 1 of S = 3, 1, 2, 2; their sum is 4, so 40/4 = 10 stays."""
    weights = regime_weights([10, 10, 10, 10], [3.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(weights, [0.5, 1.5, 1.0, 1.0])


def test_weights_with_unequal_sessions_by_hand():
    """Mean 0.5, scale 1: factors 1 - 0.5 and 1 + 0.5; 40 sessions over a sum of 2: 20 * 0.5/30 and 20 * 1.5/10."""
    weights = regime_weights([30, 10], [1.0, 0.0])
    np.testing.assert_allclose(weights, [1 / 3, 3.0])
    assert (30 * weights[0] + 10 * weights[1]) / 40 == pytest.approx(1.0)


def test_factor_stays_between_a_half_and_two():
    """Mean 0, scale 1: factors 1 - 10 and 1 + 10 become 0.5 and 2, of the sum 2.5; 20/2.5 * 0.5/10 = 0.4."""
    np.testing.assert_allclose(regime_weights([10, 10], [10.0, -10.0]), [0.4, 1.6])


def test_scale_is_the_size_of_a_losing_mean():
    """Mean -4: factors 1 + (-4 + 2)/4 = 0.5 and 1 + (-4 + 6)/4 = 1.5."""
    np.testing.assert_allclose(regime_weights([10, 10], [-2.0, -6.0]), [0.5, 1.5])


def test_mean_counts_each_regime_once():
    """Mean of 4 and 0 is 2, whatever their sessions: factors 0.5 (clipped from 0) and 2; 100/2.5 = 40."""
    np.testing.assert_allclose(regime_weights([90, 10], [4.0, 0.0]), [40 * 0.5 / 90, 40 * 2 / 10])


def test_regime_without_sharpe_has_the_factor_1():
    """Mean 2 of the known two; factors 0.5, 1.5, 1 of the sum 3; 30/3 = 10."""
    np.testing.assert_allclose(regime_weights([10, 10, 10], [3.0, 1.0, NAN]), [0.5, 1.5, 1.0])


def test_regime_without_sessions_has_weight_1_and_no_part_in_the_means():
    weights = regime_weights([10, 10, 0, 0], [3.0, 1.0, 50.0, NAN])
    np.testing.assert_allclose(weights, [0.5, 1.5, 1.0, 1.0])
    assert regime_weights([0, 0, 0, 0], [NAN] * 4).tolist() == [1.0] * 4


@pytest.mark.parametrize("seed", range(20))
def test_mean_over_sessions_is_1(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 50, 4) + np.array([1, 0, 0, 0])
    weights = regime_weights(counts, rng.choice([NAN, -3.0, 0.1, 2.0, 8.0], 4))
    assert (counts * weights).sum() / counts.sum() == pytest.approx(1.0)
    assert (weights > 0).all()


@pytest.mark.parametrize(
    ("counts", "sharpes", "message"),
    [
        ([1, 2], [1.0], r"regime_weights\.sharpes must have one number per regime \(2,\), had shape \(1,\)"),
        ([1, -2], [1.0, 1.0], r"regime_weights\.num_sessions must be >= 0 \(sessions\), was -2"),
        ([1, 2], [1.0, np.inf], r"regime_weights\.sharpes must be finite or NaN, was \[1\.0, inf\]"),
    ],
)
def test_impossible_arguments_are_refused(counts, sharpes, message):
    with pytest.raises(ParameterError, match=message):
        regime_weights(counts, sharpes)


def test_session_has_the_regime_of_most_bars():
    """The third session has 0 and 3 equally often, the fourth no known bar, the fifth no bar to count."""
    codes = np.array([-1, 1, 1, 2, 2, 2, 1, -1, -1, 3, 3, 0, 0, -1, -1, 1])
    first, last = np.array([0, 4, 9, 13, -1]), np.array([3, 8, 12, 14, 15])
    assert session_regimes(codes, first, last).tolist() == [1, 2, 0, -1, -1]


def test_session_counts_from_its_first_row_to_its_last():
    codes = np.array([0, 0, 0, 3, 3, 0, 0, 0])
    assert session_regimes(codes, np.array([2]), np.array([5])).tolist() == [0]
    assert session_regimes(codes, np.array([3]), np.array([5])).tolist() == [3]
