"""What is fitted on the training sessions and frozen with a policy: the mean and the deviation of every feature.

Conventions: gaps after a session's first decision are filled with the training mean and counted (0 after
normalisation); they are never carried back. Of several symbols each is scaled by its own moments, so that one policy
sees one scale; of one symbol the values stay raw, and scaling is the learner's. Moments are of the training sessions
alone. Shapes: T rows, F features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import DataError, FeatureError
from intraday_rl.features.base import FeatureArray, FeatureTable

Moments = npt.NDArray[np.float64]  # (F,)
Rows = npt.NDArray[np.bool_]  # (T,)


@dataclass(frozen=True, eq=False)
class SymbolMoments:
    """Mean and standard deviation of each feature on one symbol's training rows, (F,)."""

    mean: Moments
    deviation: Moments


@dataclass(frozen=True, eq=False)
class TrainingFit:
    """The moments of every symbol that a policy is trained on.

    Attributes:
        names: the F features.
        symbols: symbol -> its moments; of several, each is scaled by its own.
    """

    names: tuple[str, ...]
    symbols: Mapping[str, SymbolMoments]

    @property
    def is_scaled(self) -> bool:
        """Whether features are scaled symbol by symbol."""
        return len(self.symbols) > 1

    def apply(self, symbol: str, table: FeatureTable, decisions: Rows) -> tuple[FeatureArray, dict[str, int]]:
        """Return the values that agents see, and for each feature with gaps how many rows were filled.

        Args:
            symbol: whose table it is. A fit of one symbol serves any other, too.
            table: raw features.
            decisions: (T,) rows in which a decision may be taken; only in them are gaps filled.

        Raises:
            FeatureError: the fit is of several symbols and this one is not among them.
        """
        moments = self._moments_of(symbol)
        filled: dict[str, int] = {}
        values = table.values
        if self.is_scaled:
            values = ((values - moments.mean) / moments.deviation).astype(np.float32)
        for column, name in enumerate(self.names):
            gaps = np.flatnonzero(np.isnan(values[:, column]) & decisions)
            if len(gaps):
                if values is table.values:
                    values = values.copy()
                values[gaps, column] = 0.0 if self.is_scaled else moments.mean[column]
                filled[name] = len(gaps)
        return values, filled

    def _moments_of(self, symbol: str) -> SymbolMoments:
        if not self.is_scaled:
            return next(iter(self.symbols.values()))
        if symbol not in self.symbols:
            known = ", ".join(self.symbols)
            raise FeatureError(f"the policy scales each symbol by its own moments: it knows {known}, not {symbol}")
        return self.symbols[symbol]

    def to_json(self) -> dict[str, Any]:
        """Return the fit as plain JSON values."""
        return {
            "names": list(self.names),
            "symbols": {
                symbol: {"mean": _plain(moments.mean), "deviation": _plain(moments.deviation)}
                for symbol, moments in self.symbols.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainingFit:
        """Return the fit that `to_json` wrote.

        Raises:
            ValueError: names and moments are not of the same length, or no finite numbers.
        """
        names = tuple(value["names"])
        symbols = {
            symbol: SymbolMoments(*(_numbers(moments[part]) for part in ("mean", "deviation")))
            for symbol, moments in value["symbols"].items()
        }
        lengths = {len(part) for moments in symbols.values() for part in (moments.mean, moments.deviation)}
        if lengths != {len(names)}:
            raise ValueError(f"training_fit must have {len(names)} means and deviations for each symbol")
        if any((moments.deviation <= 0.0).any() for moments in symbols.values()):
            raise ValueError("training_fit.deviation must be > 0")
        return cls(names, symbols)


def fit_moments(table: FeatureTable, rows: Rows, symbol: str) -> SymbolMoments:
    """Return the moments over the rows, of each feature where it is known; a constant has the deviation 1.

    Raises:
        DataError: a feature is known in none of the rows.
    """
    means, deviations = np.empty(len(table.names)), np.empty(len(table.names))
    for column, name in enumerate(table.names):
        known = table.values[rows, column].astype(np.float64)
        known = known[~np.isnan(known)]
        if not len(known):
            raise DataError(
                f"{symbol}: {name} is known in no minute of the training sessions; give more sessions, or choose a "
                "preset without it"
            )
        means[column], deviation = known.mean(), known.std()
        deviations[column] = deviation if deviation > 0.0 else 1.0
    return SymbolMoments(means, deviations)


def _plain(values: Moments) -> list[float]:
    return [float(value) for value in values]


def _numbers(values: Any) -> Moments:
    numbers = np.array([float(value) for value in values])
    if not all(map(math.isfinite, numbers)):
        raise ValueError("training_fit must hold finite numbers")
    return numbers
