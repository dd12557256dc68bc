"""A penalty on drawdown, and a bonus for having recovered."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, reward_term, usd_of_bps
from intraday_rl.market.rows import OwnMemory


class DrawdownPenalty(NamedTuple):
    """A charge for every bar in drawdown beyond a soft limit, growing in the course of training (R074, SPEC B49).

    Formula: lambda * max(0, drawdown - soft)^2 basis points of session-start NAV, lambda linear from lambda_start to
    lambda_end over the training. Over an episode it comes to at most `ceiling` of the trailing mean size of an
    episode's reward (of all at first; from the 20th on the newest counts a twentieth, and older ones fade); while that
    is 0, as before an episode is finished, there is nothing to measure by, and no ceiling.
    """

    soft_drawdown: float  # fraction of session-start NAV
    lambda_start: float  # bps per squared fraction
    lambda_end: float
    ceiling: float  # of the trailing mean size of an episode's reward

    def check(self) -> None:
        """Refuse negative lambdas and fractions outside (0, 1]."""
        checks.fraction("DrawdownPenalty", "soft_drawdown", self.soft_drawdown, "of session-start NAV")
        checks.non_negative("DrawdownPenalty", "lambda_start", self.lambda_start, "bps")
        checks.non_negative("DrawdownPenalty", "lambda_end", self.lambda_end, "bps")
        checks.fraction("DrawdownPenalty", "ceiling", self.ceiling, "of an episode's reward")


@reward_term.model.implement(DrawdownPenalty)
def drawdown_penalty(params: DrawdownPenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge; memory: USD charged in the episode so far."""
    excess = max(0.0, step.drawdown - params.soft_drawdown)
    factor = params.lambda_start + (params.lambda_end - params.lambda_start) * step.progress
    charge = usd_of_bps(factor * excess * excess, step)
    if step.typical_usd > 0.0:
        charge = min(charge, max(0.0, params.ceiling * step.typical_usd - memory.first))
    memory.first += charge
    return -charge


class RecoveryBonus(NamedTuple):
    """A bonus in the bar in which the account comes out of purgatory (R070, SPEC B50)."""

    bonus_bps: float  # of session-start NAV, before scaling

    def check(self) -> None:
        """Refuse a negative bonus."""
        checks.non_negative("RecoveryBonus", "bonus_bps", self.bonus_bps, "bps of session-start NAV")


@reward_term.model.implement(RecoveryBonus)
def recovery_bonus(params: RecoveryBonus, step: StepRow, memory: OwnMemory) -> float:
    """Return the bonus, once for each recovery."""
    return usd_of_bps(params.bonus_bps, step) if step.recovered else 0.0
