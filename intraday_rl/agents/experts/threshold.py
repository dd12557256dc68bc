"""A threshold on one feature that reverts to zero: the known rule of a market whose optimum is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.experts.base import SidePolicy, Signals, check_fit
from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.core.protocols import Policy
from intraday_rl.env.batch_env import BatchEnv


class Threshold(NamedTuple):
    """Short while the feature is above `enter`, long while it is below -`enter`.

    In between a position is kept while the feature, taken on the position's side (x for short, -x for long), is above
    `exit`: 0 = until it has come back to zero, -`enter` = until it turns the position.

    Source: SPEC D2: on market A, in stationary deviations, enter 1 and exit 0 earn 85.6 % of the optimum.
    """

    feature: str
    enter: float  # units of the feature
    exit: float  # units of the feature

    def check(self) -> None:
        """Refuse a threshold that is not positive, and an exit that lies outside of it."""
        if not self.feature:
            raise ParameterError("Threshold.feature must be the name of a market feature, was ''")
        checks.positive("Threshold", "enter", self.enter, "units of the feature")
        checks.within("Threshold", "exit", self.exit, -self.enter, self.enter, "units of the feature")

    @property
    def signals(self) -> tuple[str, ...]:
        """The market feature that it reads."""
        return (self.feature,)

    @property
    def account(self) -> tuple[str, ...]:
        """The account features that show an agent what it decides by of its account."""
        return ("position",)

    def rule(self, signals: Signals) -> ThresholdRule:
        """Return the rule on a market whose signal is this; NaN = not known yet, flat."""
        return ThresholdRule(self, signals)


@dataclass(frozen=True)
class ThresholdRule:
    """The expert's parameters with a market's signal."""

    expert: Threshold
    signals: Signals

    def bind(self, batch: BatchEnv) -> Policy:
        """Return the rule as the policy of the batch's accounts.

        Raises:
            ConfigError: the signal is that of another market, or the action map knows no sides.
        """
        check_fit("Threshold", self.signals, batch)
        feature = self.signals[self.expert.feature]

        def sides(accounts: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
            return wanted_sides(self.expert, feature[accounts["bar"]], np.sign(accounts["target"]))

        return SidePolicy(batch, sides)


def wanted_sides(
    expert: Threshold, feature: npt.NDArray[np.float64], sides: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the wanted sides of accounts, (N,).

    Args:
        expert: parameters.
        feature: as of each account's last bar, (N,).
        sides: that the accounts are on, (N,).
    """
    kept = np.where(-sides * feature > expert.exit, sides, 0.0)
    return np.where(np.abs(feature) > expert.enter, -np.sign(feature), kept)
