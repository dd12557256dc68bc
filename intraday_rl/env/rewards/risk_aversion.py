"""What an agent that dislikes risk pays for holding a position."""

from __future__ import annotations

from typing import NamedTuple

from intraday_rl.core import checks
from intraday_rl.env.rewards.base import StepRow, reward_term
from intraday_rl.market.rows import OwnMemory


class PositionRiskPenalty(NamedTuple):
    """A quadratic charge on the risk of the position held: with the net profit it makes mean-variance utility.

    Formula: risk_aversion / 2 * (sigma_usd * position)^2 / session-start NAV, USD a bar; position = units after the
    bar's fill. The risk of a unit is a constant here: nothing is estimated, and the account's profits and losses do not
    change it.
    Source: Garleanu, Pedersen (2013), equation 4; risk aversion per USD there is risk_aversion / session-start NAV.
    """

    risk_aversion: float  # relative: of returns on session-start NAV
    sigma_usd: float  # standard deviation of the value of a unit, USD per bar

    def check(self) -> None:
        """Refuse negative values."""
        checks.non_negative("PositionRiskPenalty", "risk_aversion", self.risk_aversion)
        checks.non_negative("PositionRiskPenalty", "sigma_usd", self.sigma_usd, "USD per bar and unit")


@reward_term.model.implement(PositionRiskPenalty)
def position_risk_penalty(params: PositionRiskPenalty, step: StepRow, memory: OwnMemory) -> float:
    """Return minus the charge."""
    risk_usd = params.sigma_usd * step.position
    return -0.5 * params.risk_aversion * risk_usd * risk_usd / step.start_nav
