"""The market of the benchmarks: simulated sessions through the project's own pipeline, 41 + 6 columns wide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from intraday_rl.app.build import Plan, build_plan
from intraday_rl.app.compose import compose
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.market.tape import MINUTE_NS, Tape, build_tape

SEED = 0


@dataclass(frozen=True)
class Market:
    """The default configuration as objects, and a tape of it on which every session can be traded."""

    plan: Plan
    tape: Tape

    def batch(self, num_envs: int) -> BatchEnv:
        """Return N accounts over all sessions."""
        return BatchEnv(self.tape, self.plan.rules, np.arange(len(self.tape.dates)), num_envs, SEED)

    def actions(self, num_steps: int, num_envs: int) -> npt.NDArray[np.int64]:
        """Return random actions of Discrete(3), (num_steps, N)."""
        return np.random.default_rng(SEED).integers(0, 3, (num_steps, num_envs))


def simulated_market(num_sessions: int, *overrides: str) -> Market:
    """Return so many sessions of the simulated market; one more is made for the features' warm-up and cut off."""
    plan = build_plan(compose([f"data.source.num_sessions={num_sessions + 1}", *overrides]))
    market = plan.markets[0]
    bars = market.source.load()
    table, scales = market.pipeline.compute(bars), market.scales.compute(bars)
    tape = build_tape(bars, table, scales, market.instrument, market.blackout)
    return Market(plan, repeat_sessions(tape, np.arange(1, num_sessions + 1)))


def repeat_sessions(tape: Tape, sessions: npt.NDArray[np.int64]) -> Tape:
    """Return a tape of these sessions of `tape`, in this order; a session may come more than once."""
    first = np.concatenate([[0], tape.last_row[:-1] + 1])[sessions]
    lengths = tape.last_row[sessions] + 1 - first
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])
    return replace(
        tape,
        rows=tape.rows[rows],
        features=tape.features[rows],
        first_row=starts[:-1] + tape.first_row[sessions] - first,
        last_row=starts[1:] - 1,
        dates=tape.dates[0] + np.arange(len(sessions)),
        symbol_of=tape.symbol_of[sessions],
        end_ns=tape.end_ns[0] + MINUTE_NS * np.arange(starts[-1]),
    )
