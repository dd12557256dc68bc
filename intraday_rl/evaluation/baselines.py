"""Policies that need no training, to hold a trained one against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.protocols import Policy
from intraday_rl.env.actions import BUY, HOLD, Continuous


@dataclass(frozen=True)
class ConstantPolicy:
    """The same action at every decision."""

    action: float

    def predict(
        self, observation: npt.NDArray[np.float32], state: Any = None, episode_start: Any = None
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the action for each of N observations."""
        return np.full(len(observation), self.action), state


def baselines(action_map: Any) -> dict[str, Policy]:
    """Return the baselines by name: never in the market, and long from the first bar to the session's close."""
    if isinstance(action_map, Continuous):
        return {"flat": ConstantPolicy(0.0), "buy_and_hold": ConstantPolicy(1.0)}
    return {"flat": ConstantPolicy(HOLD), "buy_and_hold": ConstantPolicy(BUY)}
