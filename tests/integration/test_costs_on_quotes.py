"""Modelled costs beside real ones: SPY, IBM and BAC on 8 and 9 October 2013.

Measured: the effective half-spread abs(price - mid)/mid of each trade, the mid standing before the trade's stamp;
quotes of the same stamp do not count. Percentiles are weighted by volume: they are what a share paid. There are ticks
of the quotes of IBM and BAC; the finest quotes of SPY stand at the ends of seconds, so its trades meet the quote of the
second before, which may have moved since: its larger half-spreads are too large.

Modelled: half-spread and impact of an order of 100 shares over the mid, decided at the end of each minute and filled in
the next; neither commission nor latency. What stands in where a record has no quotes is computed without them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from intraday_rl.data import Bars, Instrument, read_bars, to_grid
from intraday_rl.features import FeaturePipeline
from intraday_rl.features.library import Volatility
from intraday_rl.market.blackout import Blackout
from intraday_rl.market.impact import KyleImpact, SquareRootImpact, temporary_impact
from intraday_rl.market.rows import BarRow
from intraday_rl.market.spreads import QuotedSpread, WideningSpread, half_spread
from intraday_rl.market.tape import build_tape
from tests.support.pandas_features import ticks
from tests.support.real_data import data_folder

BPS = 1e4
DAYS = ("2013-10-08", "2013-10-09")  # the sessions before are warm-up
SHARES = 100.0
TICK = 0.01
SHARE = Instrument(name="share", tick_size=TICK, multiplier=1.0, calendar="XNYS")
BLACKOUT = Blackout(atr_multiple=3.0, bars_after=5, events=None, minutes_before=5.0, minutes_after=5.0)
SPREADS = {
    "quotes": QuotedSpread(base_spread=TICK, multiple=1.0),
    "one tick": QuotedSpread(base_spread=TICK, multiple=1.0),
    "one tick, widened": WideningSpread(base_spread=TICK, widest=5.0, multiple=1.0),
}
IMPACTS = {
    "square root": SquareRootImpact(coefficient=1.0),
    "Kyle": KyleImpact(multiple=1.0, slow_share=0.5, slow_kept=0.7, fast_kept=0.5),
}
WITHIN = {  # the models whose median lies between the quartiles of what was measured
    "SPY": {(spread, impact) for spread in SPREADS for impact in IMPACTS},
    "IBM": {("quotes", "Kyle"), ("one tick", "square root"), ("one tick", "Kyle"),
            ("one tick, widened", "square root"), ("one tick, widened", "Kyle")},
    "BAC": {("quotes", "Kyle"), ("one tick", "Kyle")},
}  # fmt: skip

Costs = npt.NDArray[np.float64]


class Measured(NamedTuple):
    """Trades that met a quote: what they paid, bps, and how many shares."""

    half_spread_bps: Costs
    shares: Costs


def quartiles(values: Costs, weights: Costs) -> Costs:
    """Return the smallest values at which a quarter, half and three quarters of the weight are reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return np.array([values[order][np.searchsorted(reached, part - 1e-12)] for part in (0.25, 0.5, 0.75)])


def read(kind: str, symbol: str) -> pd.DataFrame:
    return pd.read_parquet(data_folder() / kind / "lean-equity" / f"{symbol}.parquet")


def second_before(trades: pd.DataFrame, seconds: pd.DataFrame) -> pd.Series:
    """Return for each trade the mid at the end of the second before its own, NaN where that has no usable quote."""
    mid = ((seconds["bid"] + seconds["ask"]) / 2).where(seconds["bid"] < seconds["ask"])
    at_end = mid.set_axis(seconds["timestamp"] + pd.Timedelta("1s"))
    return at_end.reindex(trades["timestamp"].dt.floor("s")).set_axis(trades.index)


def measure(symbol: str) -> Measured:
    """Return the effective half-spreads of the symbol's trades."""
    trades = ticks.market_trades(read("ticks-trades", symbol))
    trades = trades[~trades["auction"] & trades["session"].astype(str).isin(DAYS)]
    if symbol == "SPY":
        mid = second_before(trades, read("bars-1s", symbol))
    else:
        trades = ticks.signed_trades(trades, ticks.standing_quotes(read("ticks-quotes", symbol)))
        mid = trades["mid"]
    paid = (BPS * (trades["price"] - mid).abs() / mid).to_numpy()
    known = np.isfinite(paid)
    return Measured(paid[known], trades["size"].to_numpy(dtype=float)[known])


def tape_rows(bars: Bars) -> Any:
    """Return the tape's rows."""
    table = FeaturePipeline(families=(Volatility(),), names=("atr_bps", "rv_60"), base_spread=TICK).compute(bars)
    return build_tape(bars, table, table, SHARE, BLACKOUT).rows


def row(rows: Any, t: int, quoted: bool) -> BarRow:
    bar = BarRow(**{name: rows[name][t].item() for name in BarRow._fields})
    return bar if quoted else bar._replace(quoted_spread=np.nan)


def modelled(bars: Bars) -> dict[tuple[str, str], float]:
    """Return the median one-way cost, bps, of each spread model with each impact model."""
    rows = tape_rows(bars)
    chosen = np.isin(bars.sessions.date.astype(str)[bars.session], DAYS) & (bars.minute > 0) & bars.traded
    medians = {}
    for spread_name, spread in SPREADS.items():
        quoted = spread_name == "quotes"
        pairs = [(row(rows, t - 1, quoted), row(rows, t, quoted)) for t in np.flatnonzero(chosen)]
        for impact_name, impact in IMPACTS.items():
            costs = [
                BPS * (half_spread(spread, decision, bar) + temporary_impact(impact, SHARES, decision)) / decision.mid
                for decision, bar in pairs
            ]
            medians[spread_name, impact_name] = float(np.median(costs))
    return medians


def test_quartiles_of_weighted_values_by_hand():
    values, weights = np.array([3.0, 1.0, 2.0, 9.0]), np.array([2.0, 1.0, 4.0, 1.0])
    assert quartiles(values, weights).tolist() == [2.0, 2.0, 3.0]  # 1 of 8, 5 of 8, 7 of 8
    assert quartiles(values, np.ones(4)).tolist() == [1.0, 2.0, 3.0]


def test_quote_of_the_second_before_by_hand():
    stamps = pd.to_datetime(["2013-10-08 14:00:00", "2013-10-08 14:00:01", "2013-10-08 14:00:03"], utc=True)
    seconds = pd.DataFrame({"timestamp": stamps, "bid": [10.0, 10.2, 10.4], "ask": [10.1, 10.2, 10.5]})
    clocks = pd.to_datetime([f"2013-10-08 14:00:0{s}" for s in ("0.5", "1.0", "1.999", "2.1", "4.2")], utc=True)
    mids = second_before(pd.DataFrame({"timestamp": clocks}), seconds)
    # before the first, twice after it, after a locked quote, after a second with one
    np.testing.assert_allclose(mids, [np.nan, 10.05, 10.05, np.nan, 10.45])


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["SPY", "IBM", "BAC"])
def test_median_cost_of_a_hundred_shares_lies_within_the_quartiles_of_half_spreads(symbol):
    """Kyle's impact on quotes does for all three symbols.

    Square-root impact is too much for a hundred shares of IBM and BAC: their trades pay the quote and no more. A tick
    that widens is too much for BAC, which quotes one tick all day. A tick is less than IBM's quotes, yet within.
    """
    measured = measure(symbol)
    low, middle, high = quartiles(*measured)
    by_count = quartiles(measured.half_spread_bps, np.ones(len(measured.shares)))
    folder = data_folder() / "bars-1m" / "lean-equity"
    medians = modelled(to_grid(read_bars(folder / f"{symbol}.parquet"), symbol, "XNYS"))
    print(
        f"\n{symbol}: {len(measured.shares)} trades, half-spread bps: {low:.3f} {middle:.3f} {high:.3f} (p25, median,"
    )
    print(f"  p75 by volume), {by_count[0]:.3f} {by_count[1]:.3f} {by_count[2]:.3f} (by trades)")
    for (spread, impact), cost in medians.items():
        print(f"  {spread:18s} {impact:12s} {cost:7.3f} {'within' if low <= cost <= high else 'outside'}")
    assert len(measured.shares) > 10_000
    assert {name for name, cost in medians.items() if low <= cost <= high} == WITHIN[symbol]
