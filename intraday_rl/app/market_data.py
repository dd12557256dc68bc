"""Load what a plan trades on: bars, features, tape, and the sessions of each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

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
        bars: the grid of all sessions.
        tape: what the simulator runs on.
        features: names, parameters and sources of the features, plain JSON values.
        split: the sessions of each part.
    """

    bars: Bars
    tape: Tape
    features: dict[str, Any]
    split: SessionSplit

    def all_sessions(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the indices of all sessions."""
        return np.arange(len(self.tape.dates), dtype=np.int64)

    def describe(self, cost_model: str) -> DataDescription:
        """Return the facts about the data that reports show."""
        parts = (self.split.train, self.split.validation, self.split.test)
        train, validation, test = (len(self.tape.usable(part)) for part in parts)
        return DataDescription(
            symbol=self.tape.symbol,
            first_session=str(self.tape.dates[0]),
            last_session=str(self.tape.dates[-1]),
            train_sessions=train,
            validation_sessions=validation,
            test_sessions=test,
            cost_model=cost_model,
        )


def load_market_data(plan: Plan) -> MarketData:
    """Load, check and split.

    Raises:
        DataError: the bars are missing, wrong or too few for the split.
    """
    bars = plan.source.load()
    table = plan.pipeline.compute(bars)
    tape = build_tape(bars, table, plan.scales.compute(bars), plan.instrument)
    tape.check()
    split = plan.split.split(len(tape.dates))
    for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        if len(tape.usable(part)) == 0:
            raise DataError(
                f"{tape.symbol}: the {name} part has no usable session ({len(tape.dates)} sessions in all, the first "
                "is the features' warm-up); give more sessions or change evaluation.split"
            )
    return MarketData(bars, tape, _describe_features(plan, table), split)


def _describe_features(plan: Plan, table: FeatureTable) -> dict[str, Any]:
    return {
        "names": list(table.names),
        "families": {type(family).__name__: family._asdict() for family in plan.pipeline.families},
        "base_spread": plan.pipeline.base_spread,
        "sources": dict(table.sources),
    }
