"""Verdicts: which side an interval lies on, how many sessions would decide, and what makes the phase's verdict."""

import json
import math

import numpy as np
import pytest

from intraday_rl.evaluation.phases import MET, NOT_DECIDABLE, NOT_MET, Band, judge_phase
from intraday_rl.evaluation.phases.regimes import RegimeTable
from intraday_rl.evaluation.phases.training_record import TrainingRecord
from tests.unit.evaluation.phases.hand_evidence import evidence, limit

STEADY = [0.02, -0.01] * 25  # Sharpe ratio 5.24, 95 % 0.79 to 9.68 (see test_intervals)


def judged(criterion, e, training=None):
    return judge_phase({"it": criterion}, e, training, seed=0).criteria[0]


@pytest.mark.parametrize(
    ("comparison", "value", "verdict"),
    [
        (">=", 0.7, MET),
        (">=", 2.0, NOT_DECIDABLE),
        (">=", 9.7, NOT_MET),
        ("<", 9.7, MET),
        ("<", 2.0, NOT_DECIDABLE),
        ("<", 0.7, NOT_MET),
    ],
)
def test_verdict_needs_the_whole_interval_on_one_side(comparison, value, verdict):
    assert judged(limit("sharpe_ratio", comparison, value), evidence(STEADY)).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 10.0, MET),
        (2.0, 6.0, NOT_DECIDABLE),
        (0.1, 0.5, NOT_MET),
        (10.0, 11.0, NOT_MET),
        (5.0, 12.0, NOT_DECIDABLE),
    ],
)
def test_band_needs_the_whole_interval_inside(low, high, verdict):
    assert judged(Band("sharpe_ratio", None, low, high, None, "decides"), evidence(STEADY)).verdict == verdict


def test_sessions_needed_shrink_the_interval_to_the_limit():
    """The half-width 4.44478 of 50 sessions has to become 5.23889 - 2."""
    found = judged(limit("sharpe_ratio", ">=", 2.0), evidence(STEADY))
    value = 0.005 / (0.015 * math.sqrt(50 / 49)) * math.sqrt(252)
    assert found.sessions_needed == math.ceil(50 * (4.44478 / (value - 2.0)) ** 2) == 95
    assert "about 95 sessions would decide" in found.reason


def test_sessions_needed_of_a_band_are_those_of_the_nearer_end():
    value = 0.005 / (0.015 * math.sqrt(50 / 49)) * math.sqrt(252)
    found = judged(Band("sharpe_ratio", None, 2.0, 6.0, None, "decides"), evidence(STEADY))
    assert found.sessions_needed == math.ceil(50 * (4.44478 / (6.0 - value)) ** 2)


def test_sessions_needed_of_a_share_follow_the_score_interval():
    """All of 30 sessions are complete; more than 99 % of them: (1.96 / 0.01)^2 x 0.99 x 0.01 = 380.3."""
    found = judged(limit("completed_share", ">", 0.99), evidence([0.0] * 30))
    assert (found.verdict, found.sessions_needed) == (NOT_DECIDABLE, 381)
    assert judged(limit("completed_share", ">", 0.99), evidence([0.0] * 381)).verdict == MET
    assert judged(limit("completed_share", ">", 0.99), evidence([0.0] * 380)).verdict == NOT_DECIDABLE


def test_sessions_needed_are_known_before_there_is_an_interval():
    """One session: sqrt(252 / n) x 1.96 reaches 2 at n = 252 x 0.9604."""
    found = judged(limit("sharpe_ratio", ">=", 2.0), evidence([0.01]))
    assert (found.verdict, found.sessions_needed) == (NOT_DECIDABLE, 243)


def test_a_value_on_its_limit_is_never_decided():
    found = judged(limit("hit_rate", ">=", 0.5), evidence([0.0] * 30))
    assert (found.verdict, found.sessions_needed) == (NOT_DECIDABLE, None)


def test_fewer_sessions_than_the_window_cannot_meet_but_can_fail():
    e = evidence([0.02, -0.005] * 20)
    assert judged(limit("sharpe_ratio", ">", 0.0, window=40), e).verdict == MET
    short = judged(limit("sharpe_ratio", ">", 0.0, window=60), e)
    assert (short.verdict, short.reason, short.sessions_needed) == (NOT_DECIDABLE, "needs 60 sessions", 60)
    losing = evidence([-0.02, 0.005] * 20)
    assert judged(limit("sharpe_ratio", ">", 0.0, window=60), losing).verdict == NOT_MET


def test_drawdown_below_twenty_sessions_is_not_decidable():
    found = judged(limit("max_drawdown", "<", 0.5), evidence([0.01, -0.01] * 9))
    assert (found.verdict, found.sessions_needed) == (NOT_DECIDABLE, 20)


def test_nothing_traded_is_not_met():
    found = judged(limit("sharpe_ratio", ">", 0.5), evidence([0.0] * 30))
    assert found.verdict == NOT_MET
    assert "nothing was traded" in found.reason


@pytest.mark.parametrize(
    ("metric", "words"),
    [("information_ratio", "SPY among data.symbols"), ("penalty_at_limit", "the reward has no turnover penalty")],
)
def test_what_is_not_in_the_data_is_not_decidable(metric, words):
    found = judged(limit(metric, ">=", 1.5), evidence(STEADY))
    assert found.verdict == NOT_DECIDABLE
    assert words in found.reason


def record(steps=50_000, **series):
    pairs = {name: (np.linspace(0, steps, len(v)), np.array(v, dtype=float)) for name, v in series.items()}
    return TrainingRecord(pairs, steps)


def test_a_criterion_of_the_training_needs_its_record():
    asked = limit("explained_variance", ">=", 0.1)
    assert judged(asked, evidence(STEADY)).reason == "no record of the training is at hand"
    assert judged(asked, evidence(STEADY), record()).reason == "the training did not record it"
    known = record(**{"train/explained_variance": [0.3, 0.31] * 20})
    assert judged(asked, evidence(STEADY), known).verdict == MET


@pytest.mark.parametrize(
    ("metric", "series", "comparison", "value", "verdict"),
    [
        ("highest_stage", [0, 1, 2], ">=", 2, MET),  # reached is reached
        ("highest_stage", [0, 1, 1], ">=", 2, NOT_DECIDABLE),  # it may still come
        ("lowest_entropy", [-1.0, -0.1, -0.5], ">=", 0.3, NOT_MET),  # it was too low once
        ("lowest_entropy", [-1.0, -0.9, -0.5], ">=", 0.3, NOT_DECIDABLE),  # it may still fall
    ],
)
def test_a_training_shorter_than_its_window_decides_what_cannot_change(metric, series, comparison, value, verdict):
    name = {"highest_stage": "curriculum/stage", "lowest_entropy": "train/entropy_loss"}[metric]
    found = judged(limit(metric, comparison, value, window=100_000), evidence(STEADY), record(**{name: series}))
    assert found.verdict == verdict
    whole = judged(limit(metric, comparison, value, window=50_000), evidence(STEADY), record(**{name: series}))
    assert whole.verdict in (MET, NOT_MET)


GOOD, BAD, OPEN = (limit("sharpe_ratio", ">=", value) for value in (0.7, 9.7, 2.0))


@pytest.mark.parametrize(
    ("criteria", "verdict"),
    [
        ([GOOD, GOOD], MET),
        ([GOOD, OPEN], NOT_DECIDABLE),
        ([OPEN, BAD], NOT_MET),
        ([GOOD, BAD._replace(role="warns"), BAD._replace(role="profile"), OPEN._replace(role="informs")], MET),
    ],
)
def test_phase_is_as_good_as_its_worst_deciding_criterion(criteria, verdict):
    found = judge_phase({f"c{i}": c for i, c in enumerate(criteria)}, evidence(STEADY), None, seed=0)
    assert found.verdict == verdict
    assert found.explanation.startswith(verdict)
    assert "50 sessions" in found.explanation


def test_explanation_names_what_decided_and_how_much_is_open():
    found = judge_phase({"good": GOOD, "bad": BAD, "open": OPEN}, evidence(STEADY), None, seed=0)
    assert found.explanation == (
        "not met: bad is 5.24, limit >= 9.70, 95 % 0.79 to 9.68; 1 more not decidable (on 50 sessions)"
    )


def test_verdict_is_plain_json():
    found = judge_phase({"good": GOOD, "calmar": limit("calmar_ratio", ">=", 3.0)}, evidence([0.01] * 30), None, seed=0)
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [entry["name"] for entry in content["criteria"]] == ["good", "calmar"]
    assert content["criteria"][1]["value"] is None  # infinite: no drawdown
    assert content["criteria"][1]["verdict"] == MET
    assert content["verdict"] == NOT_MET  # a Sharpe ratio of equal returns is undefined


def test_same_seed_gives_the_same_intervals():
    e = evidence(np.random.default_rng(0).normal(0.001, 0.01, 40))
    asked = {"dd": limit("max_drawdown", "<", 0.04)}
    first, again, other = (judge_phase(asked, e, None, seed).criteria[0].estimate for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("metric", ["regime_return_degradation", "regime_hit_rate_degradation"])
def test_one_regime_alone_is_not_decidable(metric):
    ones = np.zeros((25, 4))
    ones[:, 1] = 1.0
    found = judged(limit(metric, "<", 0.05), evidence([0.01] * 25, regimes=RegimeTable(ones, ones, ones, ones)))
    assert found.verdict == NOT_DECIDABLE
    assert "regime" in found.reason


def test_phase_is_not_met_where_nothing_decides():
    verdict = judge_phase({"it": limit("sharpe_ratio", ">=", 0.7, role="informs")}, evidence(STEADY), None, seed=0)
    assert verdict.criteria[0].verdict == MET
    assert (verdict.verdict, verdict.explanation) == (
        NOT_DECIDABLE,
        "not decidable: no criterion decides (on 50 sessions)",
    )
