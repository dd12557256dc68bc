"""Policies of the known-answer markets in the environment's own terms: observations in, actions out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.ou_oracle import MARKET_A, Policy

SESSION_MINUTES = 390


@dataclass(frozen=True)
class OraclePolicy:
    """An oracle's rule (t, x, q) -> target as a policy of the environment; it remembers what it ordered last."""

    rule: Policy
    step_semantics: bool

    def predict(self, observation: npt.NDArray[np.float32], state: Any = None, episode_start: Any = None) -> Any:
        """Return actions for observations of (level deviation in stationary sd, time left, position)."""
        ordered = np.zeros(len(observation), dtype=np.int64) if state is None else state
        ordered = np.where(episode_start, 0, ordered)
        x = observation[:, 0].astype(np.float64) * MARKET_A.stationary_sd_usd
        t = round(SESSION_MINUTES * (1.0 - float(observation[0, 1]))) - 1
        target = np.asarray(self.rule(min(t, MARKET_A.decisions - 1), x, ordered), dtype=np.int64)
        if self.step_semantics:
            target = ordered + np.clip(target - ordered, -1, 1)
            return target - ordered + 1, target
        return target + 1, target


def mean_and_error(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
