import math

import pytest

from intraday_rl.core.errors import IntradayError
from intraday_rl.sweeps.definition import Constraint, Objective


@pytest.mark.parametrize(
    ("low", "high", "value", "violation"),
    [
        (30.0, None, 10.0, 20.0),
        (30.0, None, 30.0, 0.0),
        (30.0, None, 50.0, -20.0),
        (None, 0.25, 0.5, 0.25),
        (None, 0.25, 0.0, -0.25),
        (1.0, 3.0, 2.5, -0.5),
        (1.0, 3.0, 0.0, 1.0),
        (1.0, 3.0, 4.0, 1.0),
        (30.0, None, None, 30.0),
        (30.0, None, math.nan, 30.0),
        (-5.0, None, None, 1.0),
        (None, 2.0, None, 1.0),
        (1.0, None, math.inf, 1.0 - 1e6),
        (None, 2.0, math.inf, 1e6 - 2.0),
        (1.0, None, -math.inf, 1.0 + 1e6),
    ],
)
def test_violation_is_how_far_a_value_is_outside_and_unknown_ones_are(low, high, value, violation):
    assert Constraint("c", low, high).violation(value) == violation


@pytest.mark.parametrize(("low", "high", "words"), [(None, None, "must have min or max"), (2.0, 1.0, "min must be")])
def test_constraint_without_limits_or_with_crossed_ones_is_refused(low, high, words):
    with pytest.raises(IntradayError, match=f"hparams.constraints.c.*{words}"):
        Constraint("c", low, high).check()


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (Objective("f", "up", None, 1.0), "hparams.objectives.f.direction must be one of"),
        (Objective("f", "minimize", math.inf, 1.0), "hparams.objectives.f.cap must be a finite number"),
        (Objective("f", "minimize", None, math.nan), "hparams.objectives.f.reference must be a finite number"),
    ],
)
def test_impossible_objective_is_refused(objective, words):
    with pytest.raises(IntradayError, match=words):
        objective.check()
