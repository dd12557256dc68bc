"""Penalties on thrashing and spiralling, and a bonus for beginning at all."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, reward_term, usd_of_bps
from intraday_rl.market.rows import OwnMemory

FREE_REPEATS = 2


class ActionChangePenalty(NamedTuple):
    """A charge for an order that follows one of the other side within 10 bars: 0 -> 2 or 2 -> 0 (R071, SPEC B55)."""

    penalty_bps: float  # of session-start NAV, before scaling

    def check(self) -> None:
        """Refuse a negative penalty."""
        checks.non_negative("ActionChangePenalty", "penalty_bps", self.penalty_bps, "bps of session-start NAV")


@reward_term.model.implement(ActionChangePenalty)
def action_change_penalty(params: ActionChangePenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge."""
    return -usd_of_bps(params.penalty_bps, step) if step.changed else 0.0


class RepeatPenalty(NamedTuple):
    """A charge for the same order again and again, from the third on, growing by itself (R072, SPEC B48, B55).

    The k-th order in a row on one side that adds to the position or has no effect costs (k - 2) * penalty_bps. HOLD is
    no order: waiting costs nothing.
    """

    penalty_bps: float  # of session-start NAV, before scaling

    def check(self) -> None:
        """Refuse a negative penalty."""
        checks.non_negative("RepeatPenalty", "penalty_bps", self.penalty_bps, "bps of session-start NAV")


@reward_term.model.implement(RepeatPenalty)
def repeat_penalty(params: RepeatPenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge."""
    return -usd_of_bps(params.penalty_bps * max(0, step.repeats - FREE_REPEATS), step)


class BootstrapBonus(NamedTuple):
    """A bonus at the first fill of an episode (R070, SPEC B50)."""

    bonus_bps: float  # of session-start NAV, before scaling

    def check(self) -> None:
        """Refuse a negative bonus."""
        checks.non_negative("BootstrapBonus", "bonus_bps", self.bonus_bps, "bps of session-start NAV")


@reward_term.model.implement(BootstrapBonus)
def bootstrap_bonus(params: BootstrapBonus, step: StepRow, memory: OwnMemory) -> float:
    """Return the bonus, once."""
    return usd_of_bps(params.bonus_bps, step) if step.is_first_fill else 0.0
