"""Demonstrations are the decisions of a roll-out, and are split by day."""

from dataclasses import replace

import numpy as np
import pytest

from intraday_rl.agents.cloning.demonstrations import Demonstrations, demonstrate, split_demonstrations
from intraday_rl.agents.experts import Threshold
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.env.actions import Continuous, DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.evaluation.rollout import roll_out
from tests.support.policies import RecordingPolicy
from tests.support.tapes import COSTLY, make_execution, make_rules, random_tape
from tests.unit.agents.cloning.examples import PARAMETERS

EXPERT = Threshold(feature="x", enter=1.0, exit=0.0)


class Recorded:
    """A rule whose policy's observations and actions are kept."""

    def __init__(self, rule):
        self.rule = rule

    def bind(self, batch: BatchEnv):
        self.seen = RecordingPolicy(self.rule.bind(batch))
        return self.seen


@pytest.fixture(scope="module")
def tape():
    tape = random_tape(num_sessions=5, minutes=40, num_features=5)
    tape.first_row[1] = -1  # no session of it
    tape.first_row[2] += 7
    return tape


@pytest.mark.parametrize("actions", [DiscreteTarget(), Continuous()])
def test_demonstrations_are_the_decisions_of_a_roll_out(tape, actions):
    rule = Recorded(EXPERT.rule({"x": np.random.default_rng(0).standard_normal(len(tape.rows))}))
    rules = make_rules(tape, actions=actions, execution=make_execution(**COSTLY))
    recording = roll_out(tape, rules, np.arange(5), rule, seed=3)
    shown, done = np.array(rule.seen.observations), np.array(rule.seen.actions)
    made = demonstrate(rule.rule, tape, rules, np.arange(5), seed=3)
    alive = [shown[:n, s] for s, n in enumerate(recording.length)]
    assert made.observations.tobytes() == np.concatenate(alive).tobytes()
    assert made.actions.tolist() == np.concatenate([done[:n, s] for s, n in enumerate(recording.length)]).tolist()
    assert made.actions.dtype == (np.float32 if isinstance(actions, Continuous) else np.int64)
    assert len(np.unique(made.actions)) == 3
    assert made.sessions.tolist() == np.repeat([0, 2, 3, 4], recording.length).tolist()
    assert (made.dates == tape.dates[made.sessions]).all()


def test_no_usable_session_is_refused(tape):
    with pytest.raises(ParameterError):
        demonstrate(EXPERT.rule({"x": np.zeros(len(tape.rows))}), tape, make_rules(tape), np.array([1]), seed=0)


def of_days(days):
    """Return one decision for each of the days, numbers."""
    dates = np.datetime64("2024-01-01") + np.array(days)
    return Demonstrations(np.zeros((len(days), 2), np.float32), np.zeros(len(days), int), np.arange(len(days)), dates)


@pytest.mark.parametrize(
    ("num_days", "fraction", "embargo", "train", "validation"),
    [
        (20, 0.1, 1, range(17), range(18, 20)),
        (20, 0.1, 0, range(18), range(18, 20)),
        (20, 0.3, 4, range(10), range(14, 20)),
        (5, 0.1, 1, range(3), range(4, 5)),  # one day at least
    ],
)
def test_last_days_are_for_validation_with_an_embargo_before_them(num_days, fraction, embargo, train, validation):
    parameters = replace(PARAMETERS, validation_fraction=fraction, embargo_sessions=embargo)
    split = split_demonstrations(of_days(np.arange(num_days)), parameters)
    assert split.train.tolist() == list(train)
    assert split.validation.tolist() == list(validation)


def test_sessions_of_one_day_stay_together():
    split = split_demonstrations(of_days(np.repeat(np.arange(10), 3)), PARAMETERS)
    assert split.train.tolist() == list(range(24))
    assert split.validation.tolist() == [27, 28, 29]


def test_too_few_days_are_refused():
    with pytest.raises(DataError) as refusal:
        split_demonstrations(of_days(np.arange(2)), PARAMETERS)
    expected = "cloning: demonstrations of 2 days leave none to fit on, beside 1 to validate and 1 of embargo; "
    assert str(refusal.value) == expected + "give more sessions"


def test_few_sessions_are_warned_of():
    assert of_days(np.arange(100)).warnings() == []
    lines = of_days(np.arange(99)).warnings()
    assert lines == ["cloning: 99 sessions of demonstrations are few; give 100 or more"]
