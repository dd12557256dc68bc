"""Moments of the training sessions: gaps take the mean, several symbols are scaled each by its own."""

import json

import numpy as np
import pytest

from intraday_rl.core.errors import DataError, FeatureError
from intraday_rl.features import FeatureTable
from intraday_rl.features.fitted.training import SymbolMoments, TrainingFit, fit_moments

NAN = np.nan
VALUES = np.array([[1, 10], [3, NAN], [NAN, 30], [5, 40], [100, NAN]], dtype=np.float32)


def table(values=VALUES):
    valid = ~np.isnan(values).any(axis=1)
    return FeatureTable(("a", "b"), values, valid, {"a": "bars", "b": "quotes"}, "print")


TRAINING = np.array([True, True, True, True, False])
DECISIONS = np.array([False, True, True, True, True])


def test_moments_are_of_the_rows_and_of_what_is_known():
    """Of 1, 3, 5 the mean is 3 and the variance 8/3; of 10, 30, 40: 80/3 and 1400/9; the last row is out."""
    moments = fit_moments(table(), TRAINING, "SPY")
    np.testing.assert_allclose(moments.mean, [3, 80 / 3])
    np.testing.assert_allclose(moments.deviation, np.sqrt([8 / 3, 1400 / 9]))


def test_deviation_of_a_constant_is_one():
    assert fit_moments(table(np.full((5, 2), 7, dtype=np.float32)), TRAINING, "SPY").deviation.tolist() == [1.0, 1.0]


def test_feature_never_known_in_training_is_refused():
    values = VALUES.copy()
    values[:4, 1] = NAN
    with pytest.raises(DataError, match="SPY: b is known in no minute of the training sessions"):
        fit_moments(table(values), TRAINING, "SPY")


def test_gaps_of_decisions_take_the_training_mean_and_are_counted():
    fit = TrainingFit(("a", "b"), {"SPY": fit_moments(table(), TRAINING, "SPY")})
    values, filled = fit.apply("SPY", table(), DECISIONS)
    np.testing.assert_allclose(values, [[1, 10], [3, 80 / 3], [3, 30], [5, 40], [100, 80 / 3]], rtol=1e-6)
    assert filled == {"a": 1, "b": 2}
    assert np.isnan(VALUES[1, 1])
    assert values.dtype == np.float32


def test_rows_before_a_decision_keep_their_gaps():
    fit = TrainingFit(("a", "b"), {"SPY": SymbolMoments(np.zeros(2), np.ones(2))})
    values, filled = fit.apply("SPY", table(), np.zeros(5, dtype=bool))
    np.testing.assert_array_equal(values, VALUES)
    assert filled == {}


def test_table_without_gaps_is_not_copied():
    fit = TrainingFit(("a", "b"), {"SPY": SymbolMoments(np.zeros(2), np.ones(2))})
    whole = table(np.ones((5, 2), dtype=np.float32))
    assert fit.apply("SPY", whole, DECISIONS)[0] is whole.values


def test_fit_of_one_symbol_serves_another():
    fit = TrainingFit(("a", "b"), {"SPY": SymbolMoments(np.array([2.0, 9.0]), np.ones(2))})
    assert fit.apply("QQQ", table(), DECISIONS)[0][2, 0] == 2.0


def test_each_of_several_symbols_is_scaled_by_its_own_moments():
    fit = TrainingFit(
        ("a", "b"),
        {
            "SPY": SymbolMoments(np.array([1.0, 10.0]), np.array([2.0, 5.0])),
            "QQQ": SymbolMoments(np.zeros(2), np.ones(2)),
        },
    )
    values, filled = fit.apply("SPY", table(), DECISIONS)
    np.testing.assert_allclose(values, [[0, 0], [1, 0], [0, 4], [2, 6], [49.5, 0]])
    assert filled == {"a": 1, "b": 2}
    np.testing.assert_allclose(fit.apply("QQQ", table(), DECISIONS)[0][3], [5, 40])
    with pytest.raises(FeatureError, match="it knows SPY, QQQ, not IWM"):
        fit.apply("IWM", table(), DECISIONS)


def test_fit_comes_back_from_json():
    fit = TrainingFit(("a", "b"), {"SPY": fit_moments(table(), TRAINING, "SPY")})
    again = TrainingFit.from_json(json.loads(json.dumps(fit.to_json())))
    assert again.names == fit.names
    np.testing.assert_array_equal(again.symbols["SPY"].mean, fit.symbols["SPY"].mean)
    np.testing.assert_array_equal(again.symbols["SPY"].deviation, fit.symbols["SPY"].deviation)


@pytest.mark.parametrize(("part", "value", "message"), [
    ("mean", [1.0], "must have 2 means"),
    ("mean", [1.0, float("nan")], "finite numbers"),
    ("deviation", [1.0, 0.0], "deviation must be > 0"),
    ("deviation", [1.0, "x"], "could not convert"),
])  # fmt: skip
def test_fit_from_a_damaged_json_is_refused(part, value, message):
    written = TrainingFit(("a", "b"), {"SPY": fit_moments(table(), TRAINING, "SPY")}).to_json()
    written["symbols"]["SPY"][part] = value
    with pytest.raises(ValueError, match=message):
        TrainingFit.from_json(written)
