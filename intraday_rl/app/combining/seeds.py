"""One policy under several seeds of execution noise: how far its result is the luck of the latencies it met."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from intraday_rl.app.market_data import MarketData
from intraday_rl.core import seeding
from intraday_rl.core.protocols import Policy
from intraday_rl.evaluation.audit import audit
from intraday_rl.evaluation.ledger import build_ledger
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.rollout import Recording, roll_out_seeds
from intraday_rl.metrics import METRICS, format_metric, hit_rate, max_drawdown, profit_factor

FILE = "seeds.json"
STATISTICS: dict[str, Callable[[Sequence[float]], Any]] = {"mean": np.mean, "min": min, "max": max}


def execution_seeds(root: int, count: int) -> list[int]:
    """Return seeds of execution noise below a run's seed; the first is the one that the run is judged under."""
    return [seeding.integer(root, "evaluation", *([k] if k else [])) for k in range(count)]


def report_seeds(
    console: Console,
    policy: Policy,
    data: MarketData,
    sessions: npt.NDArray[np.int64],
    seeds: Sequence[int],
    folder: Path,
) -> None:
    """Let the policy trade the sessions under every seed, write `seeds.json` into the folder and print it as a table.

    Raises:
        AccountingError: the audit of a seed's ledger finds a difference of a cent.
    """
    recordings = roll_out_seeds(data.tape, data.rules, sessions, policy, seeds)
    table = spread_of([figures(recording) for recording in recordings])
    (folder / FILE).write_text(json.dumps({"seeds": list(seeds), "metrics": table}, indent=1) + "\n")
    console.print(_as_table(table, len(seeds)))


def figures(recording: Recording) -> dict[str, float]:
    """Return the audited figures of one seed, as `metrics.summary` defines them; undefined ones are NaN or infinite."""
    ledger = build_ledger(recording)
    audit(ledger)
    table, trades, _, bars = combine_by_date(ledger)
    pnl, capital = trades["net_pnl"].to_numpy(), float(table["start_nav"].iloc[0])
    return {
        "net_return": float(table["net_pnl"].sum()) / capital,
        "profit_factor": float(profit_factor(pnl)),
        "max_drawdown": float(max_drawdown(np.append(capital, bars["equity"]))),
        "hit_rate": float(hit_rate(pnl)),
    }


def spread_of(by_seed: Sequence[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Return mean, min, max and values of each figure; None for what is undefined, and for what is made of it."""
    spread = {}
    for name in by_seed[0]:
        values = [each[name] for each in by_seed]
        known = all(map(math.isfinite, values))
        statistics = {key: float(of(values)) if known else None for key, of in STATISTICS.items()}
        spread[name] = {**statistics, "values": [value if math.isfinite(value) else None for value in values]}
    return spread


def _as_table(spread: dict[str, dict[str, Any]], count: int) -> Table:
    table = Table(title=f"Under {count} seeds of execution noise", title_justify="left")
    table.add_column("metric")
    for key in STATISTICS:
        table.add_column(key, justify="right")
    for name, row in spread.items():
        table.add_row(METRICS[name].label, *(format_metric(name, row[key]) for key in STATISTICS))
    return table
