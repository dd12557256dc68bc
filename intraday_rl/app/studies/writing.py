"""Write what a study found: result.md for people, result.csv with one line for each run for programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.studies.results import Absent, Result, relative_folder
from intraday_rl.app.studies.study import Study
from intraday_rl.app.studies.table import Table, main_table, notes, optimum_table
from intraday_rl.metrics import METRICS

RESULT, RUNS_CSV = "result.md", "result.csv"
FACTS = ("row", "fold", "seed", "status", "verdict", "steps", "cloning_epochs", "cloning_samples", "wall_seconds",
         "code", "folder")  # fmt: skip
HOW = (
    "Metrics are those of the test sessions, after all costs. A number is the mean over seeds of the means over folds; "
    "in brackets the 95 % t-interval of it, which is about seeds and says nothing about other markets; one seed alone "
    "has none. The time in a budget is the mean from start to end of a run on one core, loading and judging included. "
    "Baselines traded the same sessions beside each run."
)


def write_results(study: Study, results: Sequence[Result], absent: Sequence[Absent]) -> None:
    """Write result.md and result.csv into the study's folder."""
    (study.folder / RESULT).write_text(result_page(study, results, absent), encoding="utf-8")
    with (study.folder / RUNS_CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*FACTS, *METRICS])
        writer.writerows(_csv_line(study, one) for one in results)
        writer.writerows(_csv_line_of_absent(study, one) for one in absent)


def result_page(study: Study, results: Sequence[Result], absent: Sequence[Absent]) -> str:
    """Return result.md."""
    runs = [result.run for result in results] + [one.run for one in absent]
    seeds = sorted({run.seed for run in runs})
    parts = [
        f"# {study.question}",
        f"Command: `python -m intraday_rl study {place_in_project(study.folder)}`\n"
        f"Written: {datetime.now(UTC).date().isoformat()}, by code {'; '.join(_distinct(r.code for r in results))}\n"
        f"Seeds: {', '.join(map(str, seeds))}",
        "Test sessions:\n" + "\n".join(_windows(study, results)),
        "Costs: " + "\nCosts of other runs: ".join(_distinct(result.costs for result in results)),
        markdown(main_table(study, results, absent)),
    ]
    if study.optimum is not None:
        parts.append(f"Known optimum: {study.optimum.value:g} {study.optimum.unit}.")
        parts.append(markdown(optimum_table(study.optimum, results)))
    parts.append("\n".join(f"- {line}" for line in [*notes(study, results, absent), HOW]))
    return "\n\n".join(parts) + "\n"


def markdown(table: Table) -> str:
    """Return the table in Markdown."""
    lines = [table.headers, ["---", *("---:" for _ in table.headers[1:])], *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def place_in_project(folder: Path) -> str:
    """Return the folder relative to the project, or its name where it lies elsewhere."""
    return folder.relative_to(PROJECT).as_posix() if folder.is_relative_to(PROJECT) else folder.name


def _windows(study: Study, results: Sequence[Result]) -> list[str]:
    lines = []
    for fold, overrides in study.folds.items():
        found = _distinct(
            f"{window.test_sessions:,} sessions from {window.first} to {window.last}, after "
            f"{window.train_sessions:,} to train on"
            for window in (result.window for result in results if result.run.fold == fold)
        )
        lines.append(f"- {fold} ({' '.join(overrides) or 'as composed'}): {'; or '.join(found) or 'no result'}")
    return lines


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _csv_line(study: Study, result: Result) -> list[object]:
    run, budget = result.run, result.budget
    facts = [run.row, run.fold, run.seed, "finished", result.verdict, budget.steps, budget.cloning_epochs]
    facts += [budget.cloning_samples, budget.wall_seconds, result.code, relative_folder(run, study.folder)]
    return [*facts, *(result.metrics.get(key) for key in METRICS)]


def _csv_line_of_absent(study: Study, absent: Absent) -> list[object]:
    run = absent.run
    known = {"row": run.row, "fold": run.fold, "seed": run.seed, "status": absent.status}
    known["folder"] = relative_folder(run, study.folder)
    return [known.get(name) for name in (*FACTS, *METRICS)]
