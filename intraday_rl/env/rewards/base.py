"""Contract of reward terms: a function of one bar's happenings that returns USD, positive = good for the agent.

The environment divides the sum by one basis point of the session-start NAV and scales it last, once (SPEC C3, B7). So a
parameter in basis points (`_bps`) is in units of the reward before scaling. A term whose struct is named `...Penalty`
counts as a penalty in the episode's figures.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from intraday_rl.core.jit import model, njit
from intraday_rl.market.rows import OwnMemory

BPS = 1e-4


class StepRow(NamedTuple):
    """What happened to an account in one bar; all that a reward term may read."""

    nav_before: float  # USD, at the decision
    nav_after: float  # USD, at the close of the fill bar, net of all costs
    start_nav: float  # USD, at the session's start
    traded_usd: float  # absolute value of the fill
    drawdown: float  # as the risk layers measure it, fraction of start_nav
    position: float  # signed units after the fill
    closed_usd: float  # net result of the round trip that ended in the bar, else 0
    is_first_fill: bool  # of the episode
    recovered: bool  # the account came out of purgatory in the bar
    changed: bool  # the agent's order followed one of the other side within 10 bars
    repeats: int  # orders in a row on one side that added to the position or had no effect; 0 in a bar without an order
    ends: bool  # the episode ends flat with the bar
    progress: float  # of the training, 0 to 1; 1 outside of training
    typical_usd: float  # trailing mean size of an episode's reward; 0 before one is finished


@model
def reward_term(params: Any, step: StepRow, memory: OwnMemory) -> float:
    """Return the term's contribution in USD, before division by the reward unit and scaling.

    Args:
        params: the term's struct.
        step: what happened in the bar.
        memory: the term's own floats, which it may change.
    """
    raise NotImplementedError


@njit
def usd_of_bps(bps: float, step: StepRow) -> float:
    """Return basis points of the session-start NAV as USD."""
    return bps * BPS * step.start_nav
