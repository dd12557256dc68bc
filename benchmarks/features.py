"""Speed and memory of the 41 market features beside pandas, on one core: `python benchmarks/features.py`.

Both compute all 41 columns of the same bars: 2,565 random sessions of 390 minutes, with what is known of earlier
sessions (medians of a minute, usual moves, volumes). The reference is the one to which the tests hold our columns,
written as fast as pandas does them. Fits of GARCH are given to both and timed apart: ours are arch's. Peak memory is
that of numpy's allocations, as tracemalloc counts them, from the bars to the finished table; the compiled pass itself
allocates nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc
from collections.abc import Callable, Mapping

from machine import best_of, machine_line, use_one_core, verdict

use_one_core()  # before numpy is imported

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from support.market_features import (  # noqa: E402
    PASS,
    PIPELINE,
    garch_seconds,
    opening_seconds,
    our_parts,
    pandas_parts,
    random_bars,
    update_seconds,
    with_pandas,
    without_garch_fits,
)

from intraday_rl.data import Bars  # noqa: E402
from intraday_rl.features import FeatureTable  # noqa: E402

OURS, PANDAS = "ours", "pandas"
WHOLE = "all 41 columns"
TIMES, MEMORY, UPDATE_US, OPENING_SECONDS = 7.0, 1.5, 100.0, 0.5
GARCH_SAMPLE = 20
RELATIVE, ABSOLUTE = 1e-5, 1e-6  # as in the tests
EDGE_BPS = 1e-4  # the root of a difference
PANDAS_LOSES = 1e-3  # what rolling.std has lost after a million rows; our columns lose nothing, see the tests
TOLERANCES = {
    "ohlc_spread_bps": (RELATIVE, EDGE_BPS),
    "bb_pctb": (PANDAS_LOSES, PANDAS_LOSES),
    "sma_slope": (PANDAS_LOSES, PANDAS_LOSES),
}


def main() -> None:
    """Measure, then print each figure with its target."""
    options = argparse.ArgumentParser(description="Speed and memory of the 41 market features beside pandas.")
    options.add_argument("--sessions", type=int, default=2_565, help="sessions of 390 minutes")
    options.add_argument("--repeats", type=int, default=5, help="rounds, of which the fastest of each counts")
    arguments = options.parse_args()
    print(machine_line())
    bars = random_bars(arguments.sessions)
    print(f"{len(bars):,} bars, 41 columns, best of {arguments.repeats} rounds in turn, GARCH fits apart\n")
    with without_garch_fits():
        say_speed(bars, arguments.repeats)
        table = say_memory(bars)
        say_equality(table, with_pandas(bars))
        microseconds = 1e6 * statistics.median(update_seconds(bars))
        making, opening = opening_seconds(arguments.sessions)
    say("one bar of one symbol, live, median", microseconds, UPDATE_US, "us", at_most=True)
    print(f"{'bars from a file, and their features':42}{making:8.2f} s")
    say("the same once they are in the cache", opening, OPENING_SECONDS, "s", at_most=True)
    fitting, reading = garch_seconds(bars, GARCH_SAMPLE)
    print(f"GARCH, apart: {1e3 * fitting:.0f} ms to fit a session, {reading:.2f} s to read all from disk once fitted")


def say_speed(bars: Bars, repeats: int) -> None:
    """Print the times of both and of their parts, and their ratio."""

    def counted(action: Callable[[], object]) -> Callable[[], int]:
        def run() -> int:
            action()
            return len(bars)

        return run

    whole = {OURS: lambda: PIPELINE.compute(bars), PANDAS: lambda: with_pandas(bars)}
    parts = {OURS: our_parts(bars), PANDAS: pandas_parts(bars)}
    contenders: dict[tuple[str, str], Callable[[], object]] = {
        **{(side, WHOLE): action for side, action in whole.items()},
        **{(side, part): action for side in parts for part, action in parts[side].items()},
    }
    rates = best_of({key: counted(action) for key, action in contenders.items()}, repeats)
    print_times(rates, len(bars))
    theirs = rates[PANDAS, WHOLE]
    say("pandas' time over ours", rates[OURS, WHOLE] / theirs, TIMES, "x")
    words = "pandas' time over that of the pass alone"
    print(f"{words:42}{rates[OURS, PASS] / theirs:8.2f} x")


def print_times(rates: Mapping[tuple[str, str], float], bars: int) -> None:
    """Print a line for each rate."""
    for (side, part), rate in rates.items():
        print(f"{side:8}{part:42}{1e3 * bars / rate:8.0f} ms{rate / 1e6:9.2f} M bars/s")
    print()


def say_memory(bars: Bars) -> FeatureTable:
    """Print the peak of the memory that is allocated on the way to the table, over the table's size."""
    tracemalloc.start()
    table = PIPELINE.compute(bars)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = table.values.nbytes + table.valid.nbytes
    print(f"table {size / 1e6:.0f} MB, peak of all allocations {peak / 1e6:.0f} MB")
    say("peak memory over the table's size", peak / size, MEMORY, "x", at_most=True)
    return table


def say_equality(table: FeatureTable, expected: pd.DataFrame) -> None:
    """Print how many columns are equal to those of pandas, and how many values are not."""
    unequal = {}
    for place, name in enumerate(table.names):
        column = expected[name].to_numpy(dtype=np.float32)
        relative, absolute = TOLERANCES.get(name, (RELATIVE, ABSOLUTE))
        close = np.isclose(table.values[:, place], column, rtol=relative, atol=absolute, equal_nan=True)
        if not close.all():
            unequal[name] = int((~close).sum())
    equal = len(table.names) - len(unequal)
    print(f"columns equal to those of pandas in all rows: {equal} of {len(table.names)} {unequal or ''}")


def say(words: str, measured: float, target: float, unit: str, at_most: bool = False) -> None:
    """Print a figure with its target."""
    relation = "<=" if at_most else ">="
    print(f"{words:42}{measured:8.2f} {unit}, target {relation} {target:g}: {verdict(measured, target, at_most)}")


if __name__ == "__main__":
    main()
