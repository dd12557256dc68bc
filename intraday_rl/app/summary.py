"""The summary in the terminal: the result first (a loss as a loss), then metrics, gates, and where to look."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from intraday_rl.app.judging import Judged
from intraday_rl.evaluation.report import ReportData, headline
from intraday_rl.metrics import METRICS, format_metric

VERDICT_STYLES = {"pass": "green", "fail": "red", "not enough evidence": "yellow"}


def print_summary(console: Console, judged: Judged, report: ReportData, folder: Path) -> None:
    """Print the headline, metrics beside baselines, gates with verdicts, and paths."""
    console.print()
    console.print(headline(report), style="bold", markup=False)
    console.print(f"Verdict: {judged.judgement.explanation}", markup=False)
    sessions = report.description.judged
    console.print(metrics_table(judged, sessions))
    console.print(gates_table(judged, sessions))
    console.print(f"run folder   {folder}", soft_wrap=True, markup=False)
    console.print(f"report       {folder / 'report.html'}", soft_wrap=True, markup=False)
    console.print("all runs     make ui")


def metrics_table(judged: Judged, sessions: str) -> Table:
    """Return the metrics beside those of the baselines."""
    table = Table(title=f"{sessions[0].upper()}{sessions[1:]}, after all costs", title_justify="left")
    table.add_column("metric")
    for name in ("this run", *judged.baselines):
        table.add_column(name.replace("_", " "), justify="right")
    for key, info in METRICS.items():
        values = [judged.metrics[key], *(metrics[key] for metrics in judged.baselines.values())]
        if all(value is None for value in values):
            continue
        table.add_row(info.label, *(format_metric(key, value) for value in values))
    return table


def gates_table(judged: Judged, sessions: str) -> Table:
    """Return stage 1b's gates and guards: value, limit and verdict."""
    table = Table(title=f"Gates and evidence, all {sessions}", title_justify="left")
    for name in ("", "gate", "value", "limit", "verdict"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for gate in judged.judgement.stages[1].gates:
        style = VERDICT_STYLES[gate.verdict]
        value = "undefined" if gate.value is None else f"{gate.value:.4g}"
        table.add_row(gate.id, gate.name, value, gate.limit, f"[{style}]{gate.verdict}[/]")
    return table
