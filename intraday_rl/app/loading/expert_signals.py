"""The market features that an expert reads, whatever the agent's own preset shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from intraday_rl.agents.experts.base import Expert
from intraday_rl.app.market_data import MarketData
from intraday_rl.features.cache import cached_features


def expert_signals(expert: Expert, data: MarketData) -> dict[str, npt.NDArray[np.float64]]:
    """Return the features that the expert asks for, raw, by name, one value for each tape row, (T,) each.

    They are computed with the run's own families; NaN where they are not known yet. Gaps are not filled.

    Raises:
        FeatureError: a feature is unknown, or its family is not among `features.families`.
    """
    tape = data.tape
    symbol_of = np.repeat(tape.symbol_of, tape.last_row + 1 - tape.session_starts)
    signals = {name: np.full(len(tape.rows), np.nan) for name in expert.signals}
    for k, (market, symbol) in enumerate(zip(data.plan.markets, data.symbols, strict=True)):
        table = symbol.table
        if not set(expert.signals) <= set(table.names):
            pipeline = replace(market.pipeline, names=expert.signals)
            table = cached_features(pipeline, symbol.bars, data.references)
        for name, values in signals.items():  # a symbol's rows stand in the same order on the tape
            values[symbol_of == k] = table.values[:, table.names.index(name)]
    return signals
