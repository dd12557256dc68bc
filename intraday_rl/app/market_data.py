"""Load what a plan trades on: bars, features, tape, and the sessions of each part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.app.build import Plan
from intraday_rl.core.errors import DataError
from intraday_rl.data import Bars, SessionSplit
from intraday_rl.evaluation.report import DataDescription
from intraday_rl.features import FeatureTable
from intraday_rl.market.tape import Tape, build_tape


@dataclass(frozen=True)
class MarketData:
    """Bars made ready.

    Attributes:
        plan: what they were made ready for.
        bars: the grid of all sessions.
        tape: what the simulator runs on.
        features: names, parameters and sources of the features, plain JSON values.
    """

    plan: Plan
    bars: Bars
    tape: Tape
    features: dict[str, Any]

    @cached_property
    def split(self) -> SessionSplit:
        """The sessions of each part.

        Raises:
            DataError: a part has no session in which a decision can be taken.
        """
        split = self.plan.split.split(len(self.tape.dates))
        for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
            if len(self.tape.usable(part)) == 0:
                raise DataError(
                    f"{', '.join(self.tape.symbols)}: the {name} part has no usable session ({len(self.tape.dates)} "
                    "sessions in all, the first is the features' warm-up); give more sessions or change "
                    "evaluation.split"
                )
        return split

    def all_sessions(self) -> npt.NDArray[np.int64]:
        """Return the indices of all sessions."""
        return np.arange(len(self.tape.dates), dtype=np.int64)

    def describe(self, cost_model: str, judged: str, parts: tuple[int, int, int]) -> DataDescription:
        """Return the facts about the data that reports show.

        Args:
            cost_model: the costs in words.
            judged: the judged sessions in words, such as "test sessions".
            parts: how many of these sessions the policy was trained on, validated on and is judged on.
        """
        return DataDescription(
            symbol=", ".join(self.tape.symbols),
            first_session=str(self.tape.dates[0]),
            last_session=str(self.tape.dates[-1]),
            train_sessions=parts[0],
            validation_sessions=parts[1],
            test_sessions=parts[2],
            judged=judged,
            cost_model=cost_model,
        )

    def part_sizes(self) -> tuple[int, int, int]:
        """Return how many usable sessions the training, validation and test parts have."""
        split = self.split
        train, validation, test = (len(self.tape.usable(p)) for p in (split.train, split.validation, split.test))
        return train, validation, test


def load_market_data(plan: Plan) -> MarketData:
    """Load and check.

    Raises:
        DataError: the bars are missing, wrong or too few for the features.
    """
    bars = plan.source.load()
    table = plan.pipeline.compute(bars)
    has_scales = set(plan.scales.names) <= set(table.names)
    tape = build_tape(bars, table, table if has_scales else plan.scales.compute(bars), plan.instrument)
    tape.check()
    return MarketData(plan, bars, tape, _describe_features(plan, table))


def _describe_features(plan: Plan, table: FeatureTable) -> dict[str, Any]:
    return {
        "names": list(table.names),
        "families": {type(family).__name__: family._asdict() for family in plan.pipeline.families},
        "base_spread": plan.pipeline.base_spread,
        "sources": dict(table.sources),
    }
