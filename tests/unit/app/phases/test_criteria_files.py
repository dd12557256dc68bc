"""The criteria of conf/ hold every number of the documents, and decide by those that mean something."""

import pytest

from intraday_rl.app.build import build_plan
from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.app.compose import compose
from intraday_rl.evaluation.phases import Band
from intraday_rl.evaluation.phases.criteria import DECIDES, INFORMS, WARNS

INF = float("inf")
DOCUMENTS = [  # (choice, metric, level, low, high, window, role), copied from documents 000, 001, 002 and 004 by hand
    ("phase1", "episode_reward", None, 5000, 15000, None, WARNS),
    ("phase1", "lowest_entropy_loss", None, -0.30, INF, 50_000, WARNS),
    ("phase1", "explained_variance", None, 0.80, INF, 50_000, WARNS),
    ("phase1", "step_reward", None, 1, 100, None, WARNS),
    ("phase1", "not_finite", None, -INF, 0, None, DECIDES),
    ("phase2", "turnover_per_session", None, 0.5, 3, None, DECIDES),
    ("phase2", "turnover_per_session", None, 0.3, 1.5, None, INFORMS),
    ("phase2", "penalty_at_limit", None, 1, 2, None, DECIDES),
    ("phase2", "session_return", None, 0, INF, None, DECIDES),
    ("phase2", "hit_rate", None, 0.40, INF, None, DECIDES),
    ("phase2", "hit_rate", None, 0.45, INF, None, INFORMS),
    ("phase2", "sharpe_ratio", None, 0, INF, None, DECIDES),
    ("phase3", "shallow_session_share", 0.05, 0.90, INF, None, DECIDES),
    ("phase3", "shallow_session_share", 0.04, 0.50, INF, None, INFORMS),
    ("phase3", "max_drawdown", None, -INF, 0.04, 30, INFORMS),
    ("phase3", "sharpe_ratio", None, 0.70, INF, 30, DECIDES),
    ("phase3", "sharpe_ratio", None, 0.50, INF, None, INFORMS),
    ("phase3", "early_ends_in_a_row", None, -INF, 20, None, DECIDES),
    ("phase4", "highest_stage", None, 2, INF, 1_000_000, DECIDES),
    ("phase4", "sharpe_ratio", None, 1.5, INF, 63, DECIDES),
    ("phase4", "max_drawdown", None, -INF, 0.04, 63, DECIDES),
    ("phase5", "num_symbols", None, 5, INF, None, DECIDES),
    ("phase5", "sharpe_ratio", None, 2.0, INF, 60, DECIDES),
    ("phase5", "max_drawdown", None, -INF, 0.03, 60, DECIDES),
    ("phase5", "shallow_session_share", 0.03, 0.95, INF, None, INFORMS),
    ("phase5", "information_ratio", None, 1.5, INF, 60, DECIDES),
    ("phase5", "calmar_ratio", None, 3.0, INF, 60, DECIDES),
    ("phase5", "hit_rate", None, 0.55, INF, None, DECIDES),
    ("phase6", "regime_return_degradation", None, -INF, 0.05, None, DECIDES),
    ("phase6", "regime_hit_rate_degradation", None, -INF, 0.05, None, DECIDES),
    ("phase6", "sharpe_ratio", None, 2.0, INF, None, DECIDES),
    ("fast_recovery", "episode_reward", None, 4, 6, 50_000, WARNS),
    ("fast_recovery", "lowest_entropy_loss", None, -0.4, INF, 50_000, WARNS),
    ("fast_recovery", "explained_variance", None, 0.10, INF, 50_000, DECIDES),
    ("fast_recovery", "penalty_share", None, -INF, 0.20, 50_000, DECIDES),
    ("fast_recovery", "longest_deep_drawdown", 0.03, -INF, 60, None, WARNS),
    ("target_profile", "sharpe_ratio", None, 2.0, 3.0, None, WARNS),
    ("target_profile", "hit_rate", None, 0.55, 0.65, None, WARNS),
    ("target_profile", "hit_rate", None, 0.70, INF, None, INFORMS),
    ("target_profile", "max_drawdown", None, -INF, 0.03, 60, "profile"),
    ("target_profile", "information_ratio", None, 1.5, INF, None, "profile"),
    ("target_profile", "calmar_ratio", None, 3.0, INF, 60, "profile"),
    ("target_profile", "turnover_per_session", None, 0.3, 1.5, None, "profile"),
    ("target_profile", "annualised_volatility", None, -INF, 0.20, None, "profile"),
    ("target_profile", "annualised_volatility", None, 0.15, 0.20, None, WARNS),
    ("target_profile", "market_correlation", None, -INF, 0.6, None, "profile"),
    ("target_profile", "completed_share", None, 0.99, INF, None, "profile"),
    ("target_profile", "evaluation_variation", None, -INF, 0.10, None, "profile"),
    ("target_profile", "regime_return_degradation", None, -INF, 0.05, None, "profile"),
]
CHOICES = sorted({"none", "phase0", *(row[0] for row in DOCUMENTS)})


def criteria_of(choice):
    return build_plan(compose([f"criteria={choice}"])).criteria


def facts(criterion):
    low, high, _ = criterion.region
    return criterion.metric, criterion.level, low, high, criterion.window, criterion.role


def test_every_choice_is_covered():
    assert list(list_groups()["criteria"]) == CHOICES


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice not in ("none", "phase0")])
def test_numbers_of_the_documents_are_there(choice):
    found = [facts(criterion) for criterion in criteria_of(choice).values()]
    for row in DOCUMENTS:
        assert row[0] != choice or row[1:] in found, row


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice not in ("none", "target_profile")])
def test_every_phase_decides_by_something_and_shows_the_profile(choice):
    criteria = criteria_of(choice)
    assert any(criterion.role == DECIDES for criterion in criteria.values())
    assert set(criteria_of("target_profile")) <= set(criteria)


@pytest.mark.parametrize("choice", CHOICES)
def test_bands_without_meaning_decide_nothing(choice):
    for name, criterion in criteria_of(choice).items():
        if criterion.metric in ("episode_reward", "step_reward", "lowest_entropy", "lowest_entropy_loss"):
            assert criterion.role in (WARNS, INFORMS), name
        if isinstance(criterion, Band) and criterion.role == DECIDES:
            assert criterion.metric in ("turnover_per_session", "penalty_at_limit"), name


@pytest.mark.parametrize("choice", CHOICES)
def test_hit_rates_never_decide_alone(choice):
    deciding = {criterion.metric for criterion in criteria_of(choice).values() if criterion.role == DECIDES}
    assert "hit_rate" not in deciding or "sharpe_ratio" in deciding


def test_no_criteria_are_the_default():
    assert build_plan(compose()).criteria == {}
