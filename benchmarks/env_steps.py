"""Throughput of the environment beside its peers, on one core: `python benchmarks/env_steps.py`.

All contenders step through the same 52 simulated sessions of 390 one-minute bars, with random actions drawn beforehand
and 47-wide observations. Ours charges the default costs and applies the default risk rules; once more under all rules,
costs and terms of experiment=phase6, 51 wide. gym-trading-env charges a
fee; gym-anytrading has no costs in its reward, keeps no account in its observation and returns views.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from machine import best_of, machine_line, peak_memory_gb, use_one_core, verdict

use_one_core()  # before numpy is imported

import numpy as np  # noqa: E402
from support.contenders import (  # noqa: E402
    ANYTRADING,
    BATCH,
    NORMALIZED,
    OUR_NORMALIZE,
    PHASE6,
    SB3_NORMALIZE,
    SINGLE,
    STEPS,
    TRADING,
    VEC,
    batch_call,
    ours,
    peers,
    under_all_rules,
)
from support.market import Market, repeat_sessions, simulated_market  # noqa: E402

SESSIONS = 52
SESSIONS_OF_A_MILLION = 2_565  # 1,000,350 bars of the same sessions, again and again
LARGE = 1_024
MILLION = BATCH.format(LARGE) + ", 1,000,350 bars"


@dataclass(frozen=True)
class Target:
    """A promise: the rate of `ours` is at least `times` that of `theirs`."""

    ours: str
    theirs: str
    times: float


TARGETS = (
    Target(SINGLE, TRADING, 10.0),
    Target(SINGLE, ANYTRADING, 1.3),
    Target(BATCH.format(LARGE), TRADING, 300.0),
    Target(VEC.format(LARGE), TRADING, 200.0),
    Target(PHASE6 + SINGLE, TRADING, 8.0),
    Target(PHASE6 + BATCH.format(LARGE), TRADING, 150.0),
    Target(MILLION, TRADING, 120.0),
    Target(OUR_NORMALIZE.format(NORMALIZED), SB3_NORMALIZE.format(NORMALIZED), 10.0),
)


def main() -> None:
    """Measure, then print the table and the targets."""
    options = argparse.ArgumentParser(description="Throughput of the environment beside its peers, on one core.")
    options.add_argument("--repeats", type=int, default=9, help="rounds of all contenders, of which the best counts")
    repeats = options.parse_args().repeats
    print(machine_line())
    market = simulated_market(SESSIONS)
    bars = len(market.tape.rows)
    print(f"{bars:,} bars, {market.batch(1).width} columns, best of {repeats} rounds, all contenders in turn\n")
    contenders = ours(market) | under_all_rules(simulated_market(SESSIONS, "experiment=phase6"))
    try:
        contenders |= peers(market)
    except ImportError as error:
        print(f"no peers: {error}; install them with pip install -e '.[bench]'\n")
    before_gb = peak_memory_gb()
    tape = repeat_sessions(market.tape, np.arange(SESSIONS_OF_A_MILLION) % SESSIONS)
    million = Market(market.plan, tape)
    contenders[MILLION] = batch_call(million.batch(LARGE), million.actions(STEPS[LARGE], LARGE))
    rates = best_of(contenders, repeats)
    print_table(rates)
    print(f"\npeak memory: {peak_memory_gb():.2f} GB with {len(tape.rows):,} bars, {before_gb:.2f} GB before them\n")
    print_targets(rates)


def print_table(rates: dict[str, float]) -> None:
    """Print each contender's rate and its ratios to the peers."""
    columns = [name for name in (TRADING, ANYTRADING) if name in rates]
    heads = [f"x {name.partition(',')[0]}" for name in columns]
    print(f"{'':42}{'steps/s':>12}" + "".join(f"{head:>20}" for head in heads))
    for name, rate in rates.items():
        print(f"{name:42}{rate:12,.0f}" + "".join(f"{rate / rates[column]:20.2f}" for column in columns))


def print_targets(rates: dict[str, float]) -> None:
    """Print each target with what was measured."""
    for target in TARGETS:
        if target.theirs in rates:
            ratio = rates[target.ours] / rates[target.theirs]
            words = f"{target.ours} >= {target.times:g} x {target.theirs.partition(',')[0]}"
            print(f"{words:74} {ratio:8.2f} x  {verdict(ratio, target.times)}")


if __name__ == "__main__":
    main()
