"""The table of a study as text: a line for each row and baseline, with budgets, means, intervals and verdicts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.studies.intervals import Interval, Line, baseline_lines, column, row_lines
from intraday_rl.app.studies.progress import in_words
from intraday_rl.app.studies.results import Absent, Result
from intraday_rl.app.studies.study import STANDARD_ERRORS, Optimum, Study
from intraday_rl.metrics import METRICS

VERDICTS = ("pass", "fail", "not enough evidence")
NONE = "\N{EN DASH}"
SIGNIFICANT_ERRORS = 3.0  # standard errors


class Table(NamedTuple):
    """A table of texts; the first column is words, the others are numbers."""

    headers: list[str]
    rows: list[list[str]]


def main_table(study: Study, results: Sequence[Result], absent: Sequence[Absent]) -> Table:
    """Return the table of rows, then baselines."""
    headers = ["", "runs", "budget of a run", *(_header(metric) for metric in study.columns), "verdicts"]
    by_name = {line.name: line for line in row_lines(results)}
    rows = []
    for name in study.rows:
        own = [result for result in results if result.run.row == name]
        line = by_name.get(name, Line(name, {}))
        runs = _runs(own, [one for one in absent if one.run.row == name])
        verdicts = Counter(result.verdict for result in own)
        words = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict]) or NONE
        rows.append([name, runs, _budget(own), *_cells(line, study.columns), words])
    for line in baseline_lines(results, study.columns):
        rows.append([line.name, NONE, NONE, *_cells(line, study.columns), NONE])
    return Table(headers, rows)


def optimum_table(optimum: Optimum, results: Sequence[Result]) -> Table:
    """Return for each run its mean over test sessions, the standard error, and both in percent of the optimum."""
    headers = ["", f"mean ({optimum.unit})", "standard error", "of the optimum", "test sessions"]
    rows = []
    for result in results:
        mean, error = known_answer(optimum, result)
        mean_words, error_words, share = NONE, NONE, NONE
        if mean is not None:
            mean_words, share = f"{mean:.4g}", f"{mean / optimum.value:.1%}"
        if mean is not None and error is not None:
            error_words, share = f"{error:.2g}", f"{share} ± {error / optimum.value:.1%}"
            if mean > optimum.value and error:
                share += f" ({(mean - optimum.value) / error:.1f} standard errors above it)"
        rows.append([result.run.label, mean_words, error_words, share, f"{result.window.test_sessions:,}"])
    return Table(headers, rows)


def known_answer(optimum: Optimum, result: Result) -> tuple[float | None, float | None]:
    """Return a run's mean over test sessions and its standard error, in the unit of the optimum."""
    scaled = [result.metrics.get(key) for key in (optimum.metric, STANDARD_ERRORS[optimum.metric])]
    mean, error = (None if value is None else value * optimum.scale for value in scaled)
    return mean, error


def notes(study: Study, results: Sequence[Result], absent: Sequence[Absent]) -> list[str]:
    """Return what a reader of the table has to know: losses, what was left out, what failed, what is not comparable."""
    lines = [*row_lines(results), *baseline_lines(results, study.columns)]
    losers = [line.name for line in lines if (column(line, "net_pnl_usd").mean or 0.0) < 0.0]
    found = [f"Lost money on average, after all costs: {', '.join(losers)}."] if losers else []
    for line in lines:
        undefined = {metric: column(line, metric).undefined for metric in study.columns}
        words = [f"{METRICS[metric].label} in {count}" for metric, count in undefined.items() if count]
        if words:
            found.append(f"{line.name}: undefined and left out, of {len(line.values)} runs: {', '.join(words)}.")
    for one in absent:
        said = f": {_without_places(one.lines[-1], study)}" if one.lines else ""
        found.append(f"{one.run.label}: {one.status}, left out{said}.")
    found += _not_comparable(results)
    if study.optimum is not None:
        found += _above(study.optimum, results)
    return found


def _without_places(line: str, study: Study) -> str:
    """Return the line with paths as seen from the study or the project, since results are read on other machines."""
    return line.replace(f"{study.folder}/", "").replace(f"{PROJECT}/", "").rstrip(".")


def _above(optimum: Optimum, results: Sequence[Result]) -> list[str]:
    above = []
    for result in results:
        mean, error = known_answer(optimum, result)
        if mean is not None and error is not None and mean > optimum.value + SIGNIFICANT_ERRORS * error:
            above.append(result.run.label)
    what = f"more than {SIGNIFICANT_ERRORS:g} standard errors above the optimum, which no policy can be"
    return [f"{what.capitalize()}: {'; '.join(above)}. Look for a leak."] if above else []


def _not_comparable(results: Sequence[Result]) -> list[str]:
    """Say where runs that should differ in their row alone differ in bars, test sessions or costs too."""
    markets: dict[tuple[str, int], set[tuple[str, str, str]]] = {}
    for result in results:
        facts = (result.fingerprint, result.window.first, result.window.last)
        markets.setdefault((result.run.fold, result.run.seed), set()).add(facts)
    differing = [f"{fold}, seed {seed}" for (fold, seed), facts in markets.items() if len(facts) > 1]
    found = [f"Not all rows were trained and judged on the same sessions: {'; '.join(differing)}."] if differing else []
    if len({result.costs for result in results}) > 1:
        found.append("Not all runs had the same costs.")
    return found


def _header(metric: str) -> str:
    info = METRICS[metric]
    return f"{info.label} ({info.unit})" if info.unit not in ("", "%") else info.label


def _runs(results: Sequence[Result], absent: Sequence[Absent]) -> str:
    counts = Counter(one.status for one in absent)
    words = [f"{number} {status}" for status, number in sorted(counts.items())]
    return ", ".join([f"{len(results)} of {len(results) + len(absent)}" if absent else f"{len(results)}", *words])


def _budget(results: Sequence[Result]) -> str:
    """Return clonings, steps and the mean seconds of a run; where runs differ, from the least to the most."""
    if not results:
        return NONE
    budgets = [result.budget for result in results]
    epochs = _span([budget.cloning_epochs for budget in budgets])
    samples = _span([budget.cloning_samples for budget in budgets])
    steps = _span([budget.steps for budget in budgets])
    parts = [f"{epochs} epochs x {samples} samples"] if epochs != "0" else []
    parts += [f"{steps} steps"] if steps != "0" else []
    seconds = [budget.wall_seconds for budget in budgets if budget.wall_seconds is not None]
    timing = f"; {in_words(statistics.fmean(seconds))}" if seconds else ""
    return " + ".join(parts) + timing


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _cells(line: Line, metrics: Sequence[str]) -> list[str]:
    return [_cell(metric, column(line, metric)) for metric in metrics]


def _cell(metric: str, interval: Interval) -> str:
    if interval.mean is None:
        return "n/a"
    kind = METRICS[metric].format.replace("d", ".1f")  # a mean of counts is no whole number

    def text(value: float) -> str:
        return format(value, kind)

    if interval.half_width is None:
        return f"{text(interval.mean)} [{NONE}]"
    low, high = interval.mean - interval.half_width, interval.mean + interval.half_width
    return f"{text(interval.mean)} [{text(low)}, {text(high)}]"
