"""The observation scaler: what a network's observations were normalised with when training ended, frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ObservationScaler:
    """Frozen running moments of the observations: clip((x - mean) / sqrt(variance + epsilon), -clip, clip).

    Attributes:
        mean: (F,).
        variance: (F,).
        epsilon: added to the variance.
        clip: bound on the result.
        count: observations that the moments stand for, where training goes on from them.
    """

    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    epsilon: float
    clip: float
    count: float

    def scale(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return scaled observations, (N, F)."""
        scaled = (observation - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.asarray(np.clip(scaled, -self.clip, self.clip), dtype=np.float32)

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the scaler as arrays by name, as bundles keep it."""
        limits = np.array([self.epsilon, self.clip, self.count])
        return {"mean": self.mean, "variance": self.variance, "limits": limits}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], width: int) -> ObservationScaler:
        """Return the scaler of arrays that may have been made by anyone.

        Raises:
            ValueError: they are not for `width` columns, or no moments.
            KeyError: one is missing.
        """
        mean, variance, limits = (np.asarray(arrays[name], dtype=np.float64) for name in ("mean", "variance", "limits"))
        if mean.shape != (width,) or variance.shape != (width,) or limits.shape != (3,):
            raise ValueError(f"mean and variance must have {width} numbers, limits 3")
        if not (np.isfinite(mean).all() and np.isfinite(variance).all() and np.isfinite(limits).all()):
            raise ValueError("mean, variance and limits must be finite")
        if (variance < 0).any() or (limits <= 0).any():
            raise ValueError("variances must be >= 0, limits > 0")
        return cls(mean, variance, *map(float, limits))


def network_inputs(observation: npt.NDArray[np.float32], scaler: ObservationScaler | None) -> npt.NDArray[np.float32]:
    """Return raw observations, rows (N, F) or windows (N, bars, features), as the network takes them: scaled rows."""
    rows = observation.reshape(len(observation), math.prod(observation.shape[1:]))
    return np.ascontiguousarray(rows if scaler is None else scaler.scale(rows))
