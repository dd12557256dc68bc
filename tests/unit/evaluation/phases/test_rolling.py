"""Criteria on rolling windows of 20 sessions, read literally."""

import numpy as np
import pytest

from intraday_rl.evaluation.phases.measures import MEASURES
from intraday_rl.evaluation.phases.rolling import roll_episodes, roll_sessions
from intraday_rl.evaluation.phases.training_record import TrainingRecord
from tests.unit.evaluation.phases.hand_evidence import evidence, limit


def rolled(criterion, e):
    return roll_sessions(criterion, MEASURES[criterion.metric], e)


def test_no_window_before_twenty_sessions():
    assert rolled(limit("turnover_per_session", "<", 3), evidence([0.0] * 19)) is None
    assert rolled(limit("turnover_per_session", "<", 3), evidence([0.0] * 20)).windows == 1


def test_windows_move_one_session_at_a_time():
    """Turnover 1 in 20 sessions, then 5, 9: means 1, 1.2 and 1.6."""
    e = evidence([0.0] * 22, turnover=np.array([1.0] * 20 + [5.0, 9.0]))
    assert rolled(limit("turnover_per_session", "<=", 1.2), e) == (3, 2, pytest.approx(1.6))


def test_windows_cut_everything_to_their_sessions():
    wins = np.array([2] + [1] * 20)
    found = rolled(limit("hit_rate", ">", 0.5), evidence([0.0] * 21, wins=wins))
    assert found == (2, 1, 0.5)  # 21 of 40, then 20 of 40
    paths = np.array([[-0.1, 0.0]] + [[0.0, 0.0]] * 20)
    assert rolled(limit("max_drawdown", "<", 0.05), evidence([0.0] * 21, paths=paths)) == (2, 1, 0.0)
    market = evidence([0.01, -0.01, 0.02] * 8, benchmark=np.array([0.01, -0.01, 0.02] * 8))
    assert rolled(limit("market_correlation", "<", 0.6), market) == (5, 0, pytest.approx(1.0))


def test_undefined_windows_are_not_met():
    assert rolled(limit("sharpe_ratio", ">", 0.0), evidence([0.0] * 21)) == (2, 0, None)


def test_episodes_of_the_training_roll_too():
    steps, rewards = np.arange(22.0) * 100, np.array([5.0] * 20 + [25.0, 45.0])
    record = TrainingRecord({"episode.reward": (steps, rewards)}, 2100)
    assert roll_episodes(limit("episode_reward", "<=", 6.0), record) == (3, 2, pytest.approx(8.0))
    assert roll_episodes(limit("episode_reward", "<=", 6.0, window=2000), record) == (2, 2, pytest.approx(6.0))
    assert roll_episodes(limit("explained_variance", ">", 0.1), record) is None
