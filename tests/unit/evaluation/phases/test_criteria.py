"""Criteria as parameters: which values meet them, and what is refused."""

import math

import pytest

from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.phases import Band, Limit

LIMIT = {"metric": "sharpe_ratio", "level": None, "comparison": ">=", "limit": 2, "window": 60, "role": "decides"}
BAND = {"metric": "turnover_per_session", "level": None, "low": 0.5, "high": 3, "window": None, "role": "informs"}


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [(">", False, False, True), (">=", False, True, True), ("<", True, False, False), ("<=", True, True, False)],
)
def test_limit_holds_on_its_side(comparison, below, at, above):
    region = coerce(Limit, LIMIT | {"comparison": comparison}).region
    assert [region.holds(value) for value in (1.9, 2.0, 2.1, math.nan)] == [below, at, above, False]


def test_band_holds_between_its_ends():
    region = coerce(Band, BAND).region
    assert [region.holds(value) for value in (0.49, 0.5, 1.0, 3.0, 3.01)] == [False, True, True, True, False]
    assert [region.below(0.4), region.above(0.4), region.below(4.0), region.above(4.0)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"comparison": "=="}, "Limit.comparison must be one of >, >=, <, <="),
        ({"limit": math.inf}, "Limit.limit must be a finite number"),
        ({"role": "gates"}, "Limit.role must be one of decides, informs, warns, profile"),
        ({"window": 0}, "Limit.window must be >= 1"),
        (
            {"metric": "sharp_ratio"},
            "Limit.metric must be a metric of criteria, was 'sharp_ratio' (did you mean sharpe",
        ),
        ({"level": 0.05}, "Limit.level must be null for sharpe_ratio"),
        ({"metric": "shallow_session_share"}, "Limit.level must be a number for shallow_session_share"),
        ({"metric": "shallow_session_share", "level": -0.05}, "Limit.level must be > 0"),
    ],
)
def test_limit_refuses(change, words):
    coerce(Limit, LIMIT)
    with pytest.raises(ParameterError) as caught:
        coerce(Limit, LIMIT | change)
    assert words in str(caught.value)


def test_band_refuses_to_be_empty():
    with pytest.raises(ParameterError, match=r"Band.low must be < high \(3\), was 3"):
        coerce(Band, BAND | {"low": 3.0})
