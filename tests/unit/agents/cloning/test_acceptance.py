"""Acceptance of a clone: skill against the prior, recalls and limits, by hand."""

import json
import math

import numpy as np
import pytest
import torch

from intraday_rl.agents.cloning.acceptance import (
    Acceptance,
    cross_entropy,
    entropy,
    judge_clone,
    recalls_of,
    side_codes,
)
from intraday_rl.agents.cloning.demonstrations import Demonstrations
from intraday_rl.agents.cloning.fitting import fit_clone
from intraday_rl.agents.policies.networks import as_policy
from tests.unit.agents.cloning.examples import CODES, PARAMETERS, SIZES, demonstrations_of, network_of

LIMITS = PARAMETERS.acceptance
NAMES = ("SELL", "HOLD", "BUY")


def made(**changes):
    values = {
        "loss": 0.05,
        "prior_loss": 0.5,
        "recalls": {"SELL": 0.8, "HOLD": 1.0, "BUY": 0.9},
        "profit_factor": 1.3,
        "decisions": 100,
        "limits": LIMITS,
    }
    return Acceptance(**(values | changes))


@pytest.mark.parametrize(("percent", "published"), [(1, 0.063), (2, 0.112), (5, 0.233)])
def test_prior_of_an_expert_that_mostly_waits(percent, published):
    """SPEC B36: the cross-entropy of always saying how often each action is."""
    codes = np.repeat([0, 1, 2], [percent, 200 - 2 * percent, percent])
    assert entropy(codes) == pytest.approx(published, abs=6e-4)


def test_prior_leaves_out_what_never_comes():
    assert entropy(np.array([1, 1, 1, 2])) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert entropy(np.array([1, 1])) == 0.0


def test_cross_entropy_by_hand():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]) + np.array([[3.0], [-1000.0]])
    assert cross_entropy(logits, np.array([2, 1])) == pytest.approx(-0.5 * (math.log(0.25) + math.log(0.8)))


def test_recalls_by_hand():
    wanted, done = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 1, 1, 1, 1, 2])
    assert recalls_of(wanted, done, NAMES) == {"SELL": 0.5, "HOLD": 0.75, "BUY": None}


def test_sides_of_sizes():
    assert side_codes(np.array([-1.7, -0.6, -0.4, 0.0, 0.49, 0.51, 1.0])).tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_numbers_by_hand():
    acceptance = made()
    assert acceptance.skill == pytest.approx(0.9)
    assert acceptance.macro_recall == pytest.approx(0.9)
    assert acceptance.is_accepted
    assert acceptance.lines() == [
        "skill 0.900 >= 0.8: met",
        "macro_recall 0.900 >= 0.8: met",
        "profit_factor 1.300 >= 1.2: met",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"loss": 0.11}, "skill 0.780 >= 0.8: not met"),
        ({"prior_loss": 0.0}, "skill nan >= 0.8: not met"),
        ({"recalls": {"SELL": 0.3, "HOLD": 1.0, "BUY": 1.0}}, "macro_recall 0.767 >= 0.8: not met"),
        ({"profit_factor": 1.19}, "profit_factor 1.190 >= 1.2: not met"),
        ({"profit_factor": math.nan}, "profit_factor nan >= 1.2: not met"),
    ],
)
def test_every_limit_counts(changes, line):
    acceptance = made(**changes)
    assert not acceptance.is_accepted
    assert line in acceptance.lines()


def test_action_that_never_comes_is_left_out_and_said():
    acceptance = made(recalls={"SELL": 0.8, "HOLD": 1.0, "BUY": None})
    assert acceptance.macro_recall == pytest.approx(0.9)
    assert acceptance.lines()[-1] == "macro_recall leaves out BUY: the expert never does it on these days"


def test_json_is_plain():
    values = json.loads(json.dumps(made(profit_factor=math.nan).to_json(), allow_nan=False))
    assert values["profit_factor"] is None
    assert values["skill"] == pytest.approx(0.9)
    assert values["recalls"] == {"SELL": 0.8, "HOLD": 1.0, "BUY": 0.9}
    assert values["limits"] == {"skill": 0.8, "macro_recall": 0.8, "profit_factor": 1.2}
    assert values["is_accepted"] is False


@pytest.mark.parametrize("space", [CODES, SIZES])
def test_judgement_is_of_the_days_that_it_is_given(space):
    network, shown = network_of(space), demonstrations_of(space)
    clone = fit_clone(network, shown, PARAMETERS, 5.0, 0, lambda numbers: None)
    rows = slice(18 * 60, None)  # the days that ended the fit
    fresh = Demonstrations(shown.observations[rows], shown.actions[rows], shown.sessions[rows], shown.dates[rows])
    judged = judge_clone(network, clone.scaler, fresh, LIMITS, 1.25)
    best = min(row["validation_loss"] for row in clone.curve)
    assert judged.loss == pytest.approx(best, rel=1e-4)
    last = shown.actions[18 * 60 :].astype(np.float64)
    assert judged.decisions == len(last) == 120
    assert (judged.profit_factor, judged.limits) == (1.25, LIMITS)
    shares = np.array([np.mean(last == value) for value in np.unique(last)])
    prior = -(shares * np.log(shares)).sum() if space is CODES else last.var()
    assert judged.prior_loss == pytest.approx(prior, rel=1e-6)
    done = np.rint(as_policy(network, clone.scaler).predict(shown.observations[18 * 60 :])[0])
    recalls = [np.mean(done[last == value] == value) for value in np.unique(last)]
    assert list(judged.recalls) == (list(NAMES) if space is CODES else ["short", "flat", "long"])
    assert list(judged.recalls.values()) == pytest.approx(recalls)


def test_network_that_knows_nothing_has_no_skill():
    network, shown = network_of(CODES), demonstrations_of(CODES)
    with torch.no_grad():
        network.action_net.weight.zero_()
    judged = judge_clone(network, None, shown, LIMITS, 1.25)
    assert judged.loss == pytest.approx(math.log(3.0), rel=1e-6)
    assert judged.skill < 0.0
