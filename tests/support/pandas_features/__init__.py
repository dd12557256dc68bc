"""All 41 market features once more, in pandas, from their definitions: the oracle of the tests and of the benchmark.

Nothing here is shared with the engine but the bars: columns are written with rolling windows, exponential averages and
groups, as one would in a notebook, and as fast as pandas does them.
"""

from __future__ import annotations

import pandas as pd

from intraday_rl.data.bars import Bars
from tests.support.pandas_features.flow import flow_columns, trade_spread_columns
from tests.support.pandas_features.measured import has_sides, measured_spread_columns, quoted_order_flow
from tests.support.pandas_features.momentum import momentum_columns
from tests.support.pandas_features.quotes import has_quotes, has_sizes, quote_columns, standing_quotes
from tests.support.pandas_features.regime import clock_columns, regime_columns
from tests.support.pandas_features.series import price_frame, to_grid
from tests.support.pandas_features.volatility import volatility_columns


def pandas_features(bars: Bars, base_spread: float, garch: pd.DataFrame) -> pd.DataFrame:
    """Return the 41 market features of all grid minutes, float64.

    Args:
        bars: the record.
        base_spread: spread of a calm minute where there are no quotes, price units.
        garch: omega, alpha, beta and the variance of the session's first return (bps squared), one row a session.
    """
    frame = price_frame(bars)
    columns = microstructure_columns(bars, frame, base_spread)
    columns |= momentum_columns(frame)
    columns |= volatility_columns(bars, frame, garch)
    columns |= regime_columns(frame)
    return to_grid(bars, columns).assign(**clock_columns(bars))


def microstructure_columns(bars: Bars, frame: pd.DataFrame, base_spread: float) -> dict[str, pd.Series]:
    """Return the 15 microstructure columns."""
    quotes = standing_quotes(bars, frame) if has_quotes(bars) else None
    columns = quote_columns(bars, frame, quotes, base_spread)
    columns |= flow_columns(bars, frame)
    columns |= trade_spread_columns(frame)
    if quotes is not None and has_sizes(bars):
        columns["ofi"] = quoted_order_flow(bars, frame, quotes)
    if quotes is not None and has_sides(bars):
        columns |= measured_spread_columns(bars, frame, quotes)
    return columns


__all__ = ["microstructure_columns", "pandas_features"]
