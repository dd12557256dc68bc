"""The verdict of a phase as it is printed."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from intraday_rl.app.phases.reporting import print_phase
from intraday_rl.evaluation.phases import Band, judge_phase
from tests.unit.evaluation.phases.hand_evidence import evidence, limit

STEADY = [0.02, -0.01] * 25


@pytest.fixture(scope="module")
def printed():
    criteria = {
        "sharpe": limit("sharpe_ratio", ">=", 2.0),
        "turnover": Band("turnover_per_session", None, 0.5, 3.0, None, "decides"),
        "symbols": limit("num_symbols", ">=", 5),
        "shallow": limit("shallow_session_share", ">=", 0.9, level=0.05, role="informs"),
        "episode_reward": Band("episode_reward", None, 4.0, 6.0, None, "warns"),
        "profile_calmar_ratio": limit("calmar_ratio", ">", 3.0, role="profile"),
    }
    page = io.StringIO()
    print_phase(Console(file=page, width=220), judge_phase(criteria, evidence(STEADY), None, seed=0))
    return page.getvalue()


def row(printed, name):
    """Return the cells of a criterion's row; between two of them there are at least two blanks."""
    line = next(line for line in printed.splitlines() if line.strip().startswith(f"{name} "))
    return [cell.strip() for cell in re.split(r"\s{2,}", line.strip())]


def test_table_shows_value_limit_interval_verdict_and_windows(printed):
    assert row(printed, "sharpe")[:6] == ["sharpe", "5.24", ">= 2.00", "0.79 to 9.68", "not decidable", "95"]
    # 20 sessions of both kinds in turn: 0.005 / (0.015 sqrt(20/19)) sqrt(252) = 5.16
    assert row(printed, "sharpe")[6:] == ["31/31, 5.16"]
    assert row(printed, "turnover")[1:5] == ["1.00", "0.50 to 3.00", "exact", "met"]
    assert row(printed, "symbols")[1:5] == ["1", ">= 5", "exact", "not met"]


def test_table_says_what_is_not_known(printed):
    cells = row(printed, "episode reward")
    assert cells == ["episode reward (warns)", "undefined", "4.00 to 6.00", "none yet", "not decidable"]
    assert row(printed, "shallow")[0] == "shallow (informs)"
    assert "\n  episode_reward: no record of the training is at hand\n" in printed


def test_profile_stands_below_and_the_verdict_last(printed):
    assert printed.index("Criteria of the phase, 50 sessions") < printed.index("Target profile of the final system")
    assert printed.index("calmar ratio") > printed.index("Target profile")
    last = printed.strip().splitlines()[-1]
    assert last == "Phase: not met: symbols is 1, limit >= 5; 1 more not decidable (on 50 sessions)"


def test_undefined_values_are_said():
    page = io.StringIO()
    verdict = judge_phase({"s": limit("sharpe_ratio", ">", 0.0)}, evidence(np.zeros(25)), None, seed=0)
    print_phase(Console(file=page, width=200), verdict)
    assert "  s: undefined: nothing was traded" in page.getvalue()
    assert "0/6, undefined" in page.getvalue()
