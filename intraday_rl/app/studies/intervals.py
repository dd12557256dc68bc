"""Means over folds and intervals over seeds.

Conventions: the values of one seed on all folds are averaged first, so that a seed is one observation: folds are
chosen, seeds are drawn. The interval is Student's t-interval of the mean over seeds; it says nothing about other
markets. Undefined values (None) are left out and counted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

from intraday_rl.app.studies.results import Metrics, Result

LEVEL = 0.95

Cell = tuple[str, int]  # fold and seed


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float | None  # None = defined in no run
    half_width: float | None  # None = fewer than two seeds
    undefined: int  # values left out


class Line(NamedTuple):
    """One line of the table: a row, or a baseline."""

    name: str
    values: Mapping[Cell, Metrics]


def interval_over_seeds(values: Mapping[Cell, float | None]) -> Interval:
    """Return the mean over the seeds' means over folds, and the 95 % t-interval of it."""
    by_seed: dict[int, list[float]] = {}
    for (_, seed), value in values.items():
        if value is not None:
            by_seed.setdefault(seed, []).append(value)
    means = [statistics.fmean(own) for own in by_seed.values()]
    undefined = sum(value is None for value in values.values())
    if not means:
        return Interval(None, None, undefined)
    if len(means) < 2:
        return Interval(means[0], None, undefined)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, len(means) - 1))
    error = statistics.stdev(means) / math.sqrt(len(means))
    return Interval(statistics.fmean(means), quantile * error, undefined)


def column(line: Line, metric: str) -> Interval:
    """Return mean and interval of one metric of a line."""
    return interval_over_seeds({cell: metrics.get(metric) for cell, metrics in line.values.items()})


def row_lines(results: Sequence[Result]) -> list[Line]:
    """Return a line for each row, in the order of the results."""
    rows: dict[str, dict[Cell, Metrics]] = {}
    for result in results:
        rows.setdefault(result.run.row, {})[result.run.fold, result.run.seed] = result.metrics
    return [Line(name, values) for name, values in rows.items()]


def baseline_lines(results: Sequence[Result], columns: Sequence[str]) -> list[Line]:
    """Return a line for each baseline.

    A baseline is judged beside every run. Where all rows agree on the shown columns, fold by fold and seed by seed, it
    is one line; where they do not (other actions, an expert cloned in one row only), each group of rows that agree has
    its own, named after them.
    """
    by_name: dict[str, dict[str, dict[Cell, Metrics]]] = {}
    for result in results:
        for name, metrics in result.baselines.items():
            cells = by_name.setdefault(name, {}).setdefault(result.run.row, {})
            cells[result.run.fold, result.run.seed] = {key: metrics.get(key) for key in ("net_pnl_usd", *columns)}
    rows = {result.run.row for result in results}
    lines = []
    for name, by_row in by_name.items():
        groups: list[tuple[list[str], dict[Cell, Metrics]]] = []
        for row, cells in by_row.items():
            for members, merged in groups:
                if all(merged.get(cell, metrics) == metrics for cell, metrics in cells.items()):
                    members.append(row)
                    merged.update(cells)
                    break
            else:
                groups.append(([row], dict(cells)))
        for members, merged in groups:
            everywhere = set(members) == rows
            lines.append(Line(name if everywhere else f"{name} (beside {', '.join(members)})", merged))
    return lines
