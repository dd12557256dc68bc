"""The summary: the result first, every metric beside the baselines, every gate with its verdict."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from intraday_rl.app.judging import report_data
from intraday_rl.app.summary import gates_table, metrics_table, print_summary
from intraday_rl.evaluation.report import DataDescription
from intraday_rl.metrics import METRICS
from tests.unit.app.test_judging import judge_by_hand

MANIFEST = {"seeds": {"seed": 0}, "git": {"commit": None}}


@pytest.fixture(scope="module")
def judged():
    return judge_by_hand()


def summary_of(judged, folder, words="test sessions"):
    """Return what is printed of a judged run."""
    description = DataDescription(
        symbol="TEST",
        first_session="2024-01-02",
        last_session="2024-01-04",
        train_sessions=1,
        validation_sessions=1,
        test_sessions=3,
        judged=words,
        cost_model="by hand",
    )
    report = report_data(
        judged,
        title="by hand",
        algorithm="none",
        description=description,
        curve=pd.DataFrame(),
        manifest=MANIFEST,
        commands=["python train.py"],
    )
    page = io.StringIO()
    print_summary(Console(file=page, width=200), judged, report, folder)
    return page.getvalue()


def printed(table):
    page = io.StringIO()
    Console(file=page, width=200).print(table)
    return page.getvalue()


def test_summary_starts_with_the_result_and_ends_with_where_to_look(judged):
    lines = [line.strip() for line in summary_of(judged, Path("/r")).splitlines() if line.strip()]
    assert lines[0].startswith("Lost 23.00 USD (-0.05 %) over 3 test sessions")
    assert lines[1].startswith("Verdict: fail: G1 profit factor")
    assert [line.split()[-1] for line in lines[-3:]] == ["/r", "/r/report.html", "ui"]


def test_summary_names_the_sessions_as_what_they_are(judged):
    said = summary_of(judged, Path("/r"), "sessions, training sessions among them")
    assert "test sessions" not in said.lower()
    assert "over 3 sessions, training sessions among them" in said


def test_summary_shows_metrics_beside_the_baselines(judged):
    table = metrics_table(judged, "test sessions")
    assert [column.header for column in table.columns] == ["metric", "this run", "flat", "buy and hold"]
    shown = printed(table)
    for key, info in METRICS.items():
        values = [judged.metrics[key], *(metrics[key] for metrics in judged.baselines.values())]
        assert (info.label in shown) == any(value is not None for value in values), key


def test_summary_shows_every_gate_with_value_limit_and_verdict(judged):
    table = gates_table(judged, "test sessions")
    shown = printed(table)
    assert table.row_count == len(judged.judgement.stages[1].gates) == 13
    for gate in judged.judgement.stages[1].gates:
        assert gate.id in shown
        assert gate.limit in shown
        assert gate.verdict in shown


def test_summary_survives_names_that_look_like_markup(judged):
    """Rich takes [words] in brackets for styles: a folder's name must come out as it is."""
    assert "/runs/[bold]x" in summary_of(judged, Path("/runs/[bold]x"))
