"""Contract of reward terms: a function of one bar's happenings that returns USD, positive = good for the agent.

The environment divides the sum by one basis point of the session-start NAV and scales it last, once (SPEC C3, B7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from intraday_rl.core.jit import model


class StepRow(NamedTuple):
    """What happened to an account in one bar; all that a reward term may read."""

    nav_before: float  # USD, at the decision
    nav_after: float  # USD, at the close of the fill bar, net of all costs
    start_nav: float  # USD, at the session's start
    traded_usd: float  # absolute value of the fill
    drawdown: float  # from the session's high-water mark, fraction of start_nav
    position: float  # signed units after the fill


@dataclass
class TermMemory:
    """A reward term's own floats for one account, zeroed at each session's start."""

    first: float
    second: float
    third: float
    fourth: float


@model
def reward_term(params: Any, step: StepRow, memory: TermMemory) -> float:
    """Return the term's contribution in USD, before division by the reward unit and scaling.

    Args:
        params: the term's struct.
        step: what happened in the bar.
        memory: the term's own floats, which it may change.
    """
    raise NotImplementedError
