"""Measures of judged sessions, each with numbers worked out by hand."""

import math

import numpy as np
import pytest

from intraday_rl.evaluation.phases import session_measures as measures
from intraday_rl.evaluation.phases.session_measures import Question
from tests.unit.evaluation.phases.hand_evidence import evidence

VALUE = Question(None, 60, None)


def value(measure, e, level=None, length=60):
    return measure(e, Question(level, length, None)).value


def test_shares_are_counted():
    e = evidence(
        [0.01, -0.02, 0.03],
        wins=np.array([1, 0, 3]),
        round_trips=np.array([2, 1, 5]),
        flat=np.array([True, False, False]),
        complete=np.array([True, False, True]),
        drawdowns=np.array([0.01, 0.05, 0.02]),
    )
    assert value(measures.hit_rate, e) == 0.5
    assert value(measures.completed_share, e) == pytest.approx(2 / 3)
    assert measures.sessions_not_flat(e, VALUE) == (2.0, 2.0, 2.0, 3)
    assert value(measures.shallow_session_share, e, level=0.05) == pytest.approx(2 / 3)  # 5 % itself is not below


def test_ratios_against_the_market_need_the_market():
    e = evidence([0.01, -0.02, 0.03, 0.0])
    assert math.isnan(value(measures.information_ratio, e))
    assert math.isnan(value(measures.market_correlation, e))
    known = evidence([0.01, -0.02, 0.03, 0.0], benchmark=np.array([0.02, -0.04, 0.06, 0.0]))
    assert value(measures.market_correlation, known) == pytest.approx(1.0)
    # active returns -0.01, 0.02, -0.03, 0: mean -0.005, squared deviations 0.25, 6.25, 6.25, 0.25 e-4, sd^2 13/3 e-4
    assert value(measures.information_ratio, known) == pytest.approx(-0.005 / math.sqrt(13e-4 / 3) * math.sqrt(252))


def test_drawdown_and_calmar_ratio_chain_the_sessions():
    """1 -> 1.10 -> 0.99 (inside session 2) -> 1.05 -> 1.155: the fall is 0.11 of 1.10."""
    e = evidence([0.10, -0.05, 0.105], paths=np.array([[0.02, 0.10], [-0.11, -0.05], [0.0, 0.105]]))
    assert value(measures.max_drawdown, e) == pytest.approx(0.1)
    assert value(measures.calmar_ratio, e) == pytest.approx((1.155**84 - 1) / 0.1)
    assert value(measures.max_drawdown, e, length=1) == 0.0  # of the last session alone


def test_calmar_ratio_without_a_drawdown_is_infinite_or_undefined():
    assert value(measures.calmar_ratio, evidence([0.01] * 3)) == math.inf
    assert math.isnan(value(measures.calmar_ratio, evidence([0.0] * 3)))


def test_drawdown_interval_comes_from_paths_of_the_asked_length():
    """Sessions of +2 % and -1 % in turn: a path of one session falls by 0 or 1 %, one of many by 1 % at least."""
    e = evidence([0.02, -0.01] * 20)
    short = measures.max_drawdown(e, Question(None, 1, np.random.default_rng(0)))
    assert (short.low, short.high) == (0.0, pytest.approx(0.01))
    long = measures.max_drawdown(e, Question(None, 40, np.random.default_rng(0)))
    assert long.low == pytest.approx(0.01, rel=0.3)
    assert long.high > 2 * long.low


def test_longest_deep_drawdown_counts_minutes_in_a_row():
    path = [0.0, 0.02, -0.02, -0.03, 0.01, -0.02, -0.02, -0.02, -0.01]  # more than 3 % below the high of 2 %: 2, then 3
    e = evidence([-0.01], paths=np.array([path]))
    assert measures.longest_deep_drawdown(e, Question(0.03, 1, None)).value == 3.0
    assert measures.longest_deep_drawdown(e, Question(0.10, 1, None)).value == 0.0


def test_volatility_is_annual():
    e = evidence([0.01, -0.01] * 12)
    assert value(measures.annualised_volatility, e) == pytest.approx(0.01 * math.sqrt(24 / 23 * 252))
    found = measures.annualised_volatility(e, Question(None, 24, np.random.default_rng(0)))
    # chi-square, 23 degrees of freedom: 38.076 and 11.689 (table); resamples of +-1 % spread less
    assert found.low == pytest.approx(found.value * math.sqrt(23 / 38.076), rel=1e-4)
    assert found.high == pytest.approx(found.value * math.sqrt(23 / 11.689), rel=1e-4)


def test_evaluation_variation_compares_the_halves():
    e = evidence([0.01, 0.01, 0.01, 0.02, 0.02, 0.02])  # 0.01 against 0.02: 0.01 / 0.015
    assert value(measures.evaluation_variation, e) == pytest.approx(2 / 3)
    assert math.isnan(value(measures.evaluation_variation, evidence([0.0] * 6)))


def test_evaluation_variation_of_equal_halves_reaches_down_to_zero():
    e = evidence([0.02, -0.01, 0.01, 0.03] * 10)
    found = measures.evaluation_variation(e, Question(None, 40, np.random.default_rng(0)))
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert found.low == 0.0
    assert found.high > 0.1


def test_evaluation_variation_of_unequal_halves_stays_away_from_zero():
    e = evidence([0.010, 0.011] * 10 + [0.020, 0.021] * 10)
    found = measures.evaluation_variation(e, Question(None, 40, np.random.default_rng(0)))
    assert 0.5 < found.low < found.value < found.high < 0.8
