"""The table of a sweep, `pareto.csv`: one row for each trial, in the order of their numbers.

Conventions: what is not known is an empty cell. The columns are number, state, feasible, on_front, contribution, net
return; the objectives; `violation.<constraint>`, <= 0 where it is kept; `params.<key>`; `<objective>.q05` to `.q95` of
the bootstrap boxes and the share of draws in which the front does not dominate the trial; seconds, reason.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from intraday_rl.sweeps.results.records import COMPLETE, INFEASIBLE, TrialRecord
from intraday_rl.sweeps.results.resampling import QUANTILES
from intraday_rl.sweeps.results.summary import SweepResults


def write_table(results: SweepResults, path: Path) -> None:
    """Write the table, whole or not at all; an existing file is replaced."""
    names = parameter_names(results)
    front = {record.number for record in results.front}
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, _columns(results, names), restval="", lineterminator="\n")
        rows.writeheader()
        rows.writerows(_row(record, results, front) for record in sorted(results.records, key=lambda r: r.number))
    os.replace(new, path)


def parameter_names(results: SweepResults) -> list[str]:
    """Return the keys of all trials' parameters, in the order in which they first occur."""
    return list(dict.fromkeys(key for record in results.records for key in record.params))


def _columns(results: SweepResults, names: list[str]) -> list[str]:
    objectives = [objective.name for objective in results.objectives]
    return [
        *("number", "state", "feasible", "on_front", "contribution", "net_return_on_validation"),
        *objectives,
        *(f"violation.{constraint.name}" for constraint in results.constraints),
        *(f"params.{name}" for name in names),
        *(_quantile_column(objective, level) for objective in objectives for level in QUANTILES),
        *("free_share", "seconds", "reason"),
    ]


def _quantile_column(objective: str, level: float) -> str:
    return f"{objective}.q{round(level * 100):02d}"


def _row(record: TrialRecord, results: SweepResults, front: set[int]) -> dict[str, Any]:
    is_judged = record.state in (COMPLETE, INFEASIBLE)
    row: dict[str, Any] = {
        "number": record.number,
        "state": record.state,
        "feasible": record.state == COMPLETE if is_judged else "",
        "on_front": record.number in front if is_judged else "",
        "contribution": results.contributions.get(record.number, ""),
        "net_return_on_validation": results.net_returns.get(record.number, ""),
        "seconds": "" if record.seconds is None else record.seconds,
        "reason": record.reason,
    }
    names = [objective.name for objective in results.objectives]
    row |= dict(zip(names, record.values or (), strict=False))
    row |= {f"violation.{c.name}": record.violations.get(c.name, "") for c in results.constraints}
    row |= {f"params.{key}": value for key, value in record.params.items()}
    box = results.boxes.by_number.get(record.number)
    if box is not None:
        for level, quantiles in zip(QUANTILES, box.quantiles.tolist(), strict=True):
            row |= {_quantile_column(name, level): value for name, value in zip(names, quantiles, strict=True)}
        row["free_share"] = "" if box.free_share is None else box.free_share
    return row
