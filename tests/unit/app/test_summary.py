"""The summary: the result first, every metric beside the baselines, every gate with its verdict."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from intraday_rl.app.summary import gates_table, metrics_table, print_summary
from intraday_rl.metrics import METRICS
from tests.unit.app.test_judging import judge_by_hand


@pytest.fixture(scope="module")
def judged():
    return judge_by_hand()


def printed(table):
    page = io.StringIO()
    Console(file=page, width=200).print(table)
    return page.getvalue()


def test_summary_starts_with_the_headline_and_ends_with_where_to_look(judged):
    page = io.StringIO()
    print_summary(
        Console(file=page, width=200), judged, "Lost 23.00 USD (-0.05 %) over 3 test sessions after costs", Path("/r")
    )
    lines = [line.strip() for line in page.getvalue().splitlines() if line.strip()]
    assert lines[0].startswith("Lost 23.00 USD")
    assert lines[1].startswith("Verdict: fail.")
    assert [line.split()[-1] for line in lines[-3:]] == ["/r", "/r/report.html", "ui"]


def test_summary_shows_metrics_beside_the_baselines(judged):
    table = metrics_table(judged)
    assert [column.header for column in table.columns] == ["metric", "this run", "flat", "buy and hold"]
    shown = printed(table)
    for key, info in METRICS.items():
        values = [judged.metrics[key], *(metrics[key] for metrics in judged.baselines.values())]
        assert (info.label in shown) == any(value is not None for value in values), key


def test_summary_shows_every_gate_with_value_limit_and_verdict(judged):
    table = gates_table(judged)
    shown = printed(table)
    assert table.row_count == len(judged.judgement.stages[1].gates) == 13
    for gate in judged.judgement.stages[1].gates:
        assert gate.id in shown
        assert gate.limit in shown
        assert gate.verdict in shown


def test_summary_survives_names_that_look_like_markup(judged):
    """Rich takes [words] in brackets for styles: a folder's name must come out as it is."""
    page = io.StringIO()
    print_summary(Console(file=page, width=200), judged, "Lost [red]23[/red]", Path("/runs/[bold]x"))
    assert "/runs/[bold]x" in page.getvalue()
