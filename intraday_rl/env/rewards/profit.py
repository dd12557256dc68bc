"""Profit: the change of equity, net of every cost."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, TermMemory, reward_term


class Profit(NamedTuple):
    """Net profit of the bar: weight * (NAV after - NAV before), USD."""

    weight: float

    def check(self) -> None:
        """Refuse a weight that is not a finite number >= 0."""
        checks.non_negative("Profit", "weight", self.weight)


@reward_term.model.implement(Profit)
def profit(params: Profit, step: StepRow, memory: TermMemory) -> float:
    """Return the weighted change of NAV."""
    return params.weight * (step.nav_after - step.nav_before)
