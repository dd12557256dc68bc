"""The threshold expert, by hand."""

import numpy as np
import pytest

from intraday_rl.agents.experts import Threshold
from intraday_rl.agents.experts.threshold import wanted_sides
from intraday_rl.core.errors import ConfigError, ParameterError
from intraday_rl.core.protocols import Rule
from intraday_rl.env.actions import DiscreteStep, DiscreteTarget
from intraday_rl.evaluation.rollout import roll_out
from tests.support.tapes import make_batch, make_rules, make_tape

EXPERT = Threshold(feature="x", enter=1.0, exit=0.0)


def run(values, expert=EXPERT, **changes):
    """Return the targets of one session in sizes, at each decision; x is the feature's path."""
    tape = make_tape([[{"close": 100.0} for _ in range(len(values) + 4)]])
    feature = np.concatenate([values, np.zeros(4)])
    recording = roll_out(tape, make_rules(tape, **changes), np.arange(1), expert.rule({"x": feature}), seed=0)
    return (recording.target[: len(values), 0] / 100.0).tolist()


def test_expert_is_a_rule_with_its_feature_as_signal():
    assert EXPERT.signals == ("x",)
    assert isinstance(EXPERT.rule({}), Rule)


@pytest.mark.parametrize(
    ("exit_at", "values", "sides"),
    [
        (0.0, [1.0, 1.1, 0.4, 0.01, 0.0, 0.9, -1.0, -1.1, -0.1, 0.1], [0, -1, -1, -1, 0, 0, 0, 1, 1, 0]),
        (0.5, [1.1, 0.6, 0.5, 0.6, -1.2, -0.51, -0.5], [-1, -1, 0, 0, 1, 1, 0]),
        (-1.0, [1.1, 0.0, -0.9, -1.0, -1.1, 0.9, 1.1], [-1, -1, -1, 0, 1, 1, -1]),
        (0.0, [1.1, np.nan, 0.5, 1.1], [-1, 0, 0, -1]),
        (0.0, [1.1, -1.1, 1.1], [-1, 1, -1]),
    ],
)
def test_path_by_hand(exit_at, values, sides):
    assert run(values, EXPERT._replace(exit=exit_at)) == sides


def test_steps_pass_through_flat():
    assert run([1.1, -1.1, -1.1, 0.1, 0.1], actions=DiscreteStep()) == [-1, 0, 1, 0, 0]
    assert run([1.1, -1.1, -1.1, 0.1, 0.1], actions=DiscreteTarget()) == [-1, 1, 1, 0, 0]


def test_sides_of_many_accounts():
    feature, sides = np.array([2.0, 0.5, 0.5, -0.5, -0.5, -2.0]), np.array([1.0, 1.0, -1.0, 1.0, -1.0, 0.0])
    assert wanted_sides(EXPERT, feature, sides).tolist() == [-1.0, 0.0, -1.0, 1.0, 0.0, 1.0]


def test_signal_of_another_market_is_refused():
    batch = make_batch(make_tape([[{"close": 100.0}] * 5]))
    with pytest.raises(ConfigError, match="Threshold: x must have one value for each of 5 tape rows"):
        EXPERT.rule({"x": np.zeros(6)}).bind(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature": ""}, "Threshold.feature must be the name of a market feature"),
        ({"enter": 0.0}, "Threshold.enter must be > 0"),
        ({"exit": 1.1}, r"Threshold.exit must be in \[-1.0, 1.0\]"),
        ({"exit": -1.1}, r"Threshold.exit must be in \[-1.0, 1.0\]"),
    ],
)
def test_impossible_parameters_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        EXPERT._replace(**changes).check()
