"""Speed of the feature pass beside pandas, on one core: `python benchmarks/features.py`.

Both compute from the same bars of 2,565 random sessions of 390 minutes. The pass makes all 41 columns, in one call of
the compiled kernel with empty memories and a new table; what is fitted on earlier sessions is timed apart. pandas makes
a handful of the same columns, the easy ones; the ratio for each column supposes that the others cost it no more.
"""

from __future__ import annotations

import argparse
import time

from machine import best_of, machine_line, use_one_core

use_one_core()  # before numpy is imported

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from intraday_rl.data import Bars, Sessions  # noqa: E402
from intraday_rl.data.sessions import MINUTE_NS  # noqa: E402
from intraday_rl.features import (  # noqa: E402
    PRESETS,
    FeaturePipeline,
    Microstructure,
    Momentum,
    Regime,
    Volatility,
)

MINUTES = 390
NAMES = PRESETS["market41"]


def main() -> None:
    """Time the pass and pandas in turn, and print rates and ratios."""
    options = argparse.ArgumentParser(description="Speed of the feature pass beside pandas.")
    options.add_argument("--sessions", type=int, default=2_565, help="sessions of 390 minutes")
    options.add_argument("--repeats", type=int, default=5, help="rounds, of which the fastest of each counts")
    arguments = options.parse_args()
    bars = random_bars(arguments.sessions)
    families = (Microstructure(), Momentum(), Volatility(), Regime())
    pipeline = FeaturePipeline(families=families, names=NAMES, base_spread=0.01)
    start = time.perf_counter()
    fits = FeaturePipeline(families=families, names=NAMES[:1], base_spread=0.01).fit(bars, None)
    fitting = time.perf_counter() - start
    garch = {"garch_omega": 0.4, "garch_alpha": 0.1, "garch_beta": 0.86, "garch_variance": 10.0}  # the same every day
    for name, value in garch.items():
        fits.sessions[name] = value
    fits.minutes["usual_move"] = 1.0

    def one_pass() -> int:
        pipeline.run(bars, fits)
        return len(bars)

    def with_pandas() -> int:
        pandas_columns(bars)
        return len(bars)

    rates = best_of({"pass": one_pass, "pandas": with_pandas}, arguments.repeats)
    columns = pandas_columns(bars)
    report(rates, len(bars), len(columns), fitting)
    print(f"columns equal to pandas' within 1e-4: {equal_columns(bars, columns)} of {len(columns)}")


def report(rates: dict[str, float], bars: int, columns: int, fitting: float) -> None:
    """Print the rates, and what they are relative to each other."""
    print(machine_line())
    print(f"{bars:,} bars; medians and volumes of earlier sessions, without GARCH: {1e3 * fitting:.0f} ms")
    for label, rate, width in (("pass", rates["pass"], len(NAMES)), ("pandas", rates["pandas"], columns)):
        print(f"{label:8}{width:3} columns  {1e3 * bars / rate:7.0f} ms  {rate / 1e6:6.2f} M bars/s")
    ratio = rates["pass"] / rates["pandas"]
    print(f"ratio: {ratio:.1f} as they are, {ratio * len(NAMES) / columns:.1f} for each column")


def random_bars(sessions: int) -> Bars:
    """Return random bars of so many sessions."""
    rng = np.random.default_rng(0)
    rows = sessions * MINUTES
    open_ns = np.arange(sessions, dtype=np.int64) * 24 * 60 * MINUTE_NS
    close = 100.0 * np.exp(0.3 * np.sin(np.arange(rows) / 1e5) + np.cumsum(rng.normal(0.0, 3e-4, rows)) / 10)
    last = np.concatenate([close[:1], close[:-1]])
    columns = {
        "open": last,
        "high": np.maximum(last, close) * (1 + np.abs(rng.normal(0.0, 1e-4, rows))),
        "low": np.minimum(last, close) * (1 - np.abs(rng.normal(0.0, 1e-4, rows))),
        "close": close,
        "volume": np.floor(rng.lognormal(9.0, 0.6, rows)),
        "vwap": 0.5 * (last + close),
    }
    dates = np.datetime64("2000-01-01") + np.arange(sessions)
    grid = Sessions.from_times(dates, open_ns, open_ns + MINUTES * MINUTE_NS)
    return Bars.on_grid("RANDOM", grid, columns, np.ones(rows, dtype=np.bool_))


def pandas_columns(bars: Bars) -> dict[str, pd.Series[float]]:
    """Return a handful of the columns, as one would write them with pandas; sessions run into each other."""
    close, high, low = pd.Series(bars.close), pd.Series(bars.high), pd.Series(bars.low)
    logarithms = pd.Series(np.log(bars.close))
    returns = logarithms.diff()
    sigma = (returns**2).rolling(60).mean() ** 0.5
    moves = close.diff()
    gain = moves.clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    loss = (-moves).clip(lower=0.0).ewm(alpha=1 / 14, adjust=False).mean()
    last = close.shift()
    ranges = high.where(high > last, last) - low.where(low < last, last)
    atr = ranges.ewm(alpha=1 / 14, adjust=False).mean()
    bands = close.rolling(20)
    return {
        "ret_1": returns / sigma,
        "ret_30": logarithms.diff(30) / (sigma * np.sqrt(30)),
        "rsi14": (gain - loss) / (gain + loss),
        "macd_line": (close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()) / atr,
        "bb_pctb": (close - bands.mean()) / (2 * bands.std(ddof=0)),
        "rv_60": 1e4 * sigma,
        "parkinson30": 1e4 * (pd.Series(np.log(bars.high / bars.low) ** 2).rolling(30).mean() / (4 * np.log(2))) ** 0.5,
        "atr_bps": 1e4 * atr / close,
        "er30": close.diff(30) / moves.abs().rolling(30).sum(),
    }


def equal_columns(bars: Bars, columns: dict[str, pd.Series[float]]) -> int:
    """Return how many columns the pass makes like pandas; compared in the second half of the last session."""
    pipeline = FeaturePipeline(families=(Momentum(), Volatility(), Regime()), names=tuple(columns), base_spread=0.01)
    values = pipeline.compute(bars).values[-MINUTES // 2 :]
    expected = np.stack([column.to_numpy()[-MINUTES // 2 :] for column in columns.values()], axis=1)
    return int(np.isclose(values, expected, rtol=1e-4, atol=1e-4).all(axis=0).sum())


if __name__ == "__main__":
    main()
