import os
from pathlib import Path

import pytest

from intraday_rl import tracking
from intraday_rl.app.command_line import tools
from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.command_line.tools import main
from intraday_rl.tracking import Finding

FINE = Finding("ok", "python", "3.11", "")
SLOW = Finding("warning", "threads", "OMP_NUM_THREADS=4", "set it to 1")
BROKEN = Finding("problem", "packages", "missing: torch", "make setup")


@pytest.mark.parametrize(("findings", "status"), [([FINE], 0), ([FINE, SLOW], 0), ([FINE, SLOW, BROKEN], 1)])
def test_doctor_prints_the_findings_and_fails_on_problems(
    findings: list[Finding], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked: list[Path] = []
    monkeypatch.setattr(tracking, "diagnose", lambda root: asked.append(root) or findings)
    assert main(["doctor"]) == status
    out = capsys.readouterr().out
    assert all(finding.subject in out for finding in findings)
    assert asked == [PROJECT]


def test_ui_serves_the_projects_store(monkeypatch: pytest.MonkeyPatch):
    calls = []
    monkeypatch.setattr(tracking, "serve_ui", lambda store, host, port: calls.append((store.folder, host, port)) or 0)
    assert main(["ui"]) == 0
    assert main(["ui", "--host", "0.0.0.0", "--port", "6001"]) == 0
    folder = PROJECT / "experiments" / "mlflow"
    assert calls == [(folder, "127.0.0.1", 5000), (folder, "0.0.0.0", 6001)]


@pytest.mark.parametrize("arguments", [[], ["dokter"], ["ui", "--port", "x"]])
def test_wrong_arguments_end_with_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m intraday_rl" in capsys.readouterr().err


def test_dashboard_serves_the_journal_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    calls = []
    monkeypatch.setattr(tracking, "serve_dashboard", lambda *served: calls.append(served) or 0)
    monkeypatch.setattr(tools, "SWEEPS", tmp_path)
    for study in ("a", "b"):
        (tmp_path / study).mkdir()
        (tmp_path / study / "study.journal").write_text("")
    os.utime(tmp_path / "a" / "study.journal", (1.0, 1.0))
    assert main(["dashboard"]) == 0
    assert main(["dashboard", str(tmp_path / "a"), "--host", "0.0.0.0", "--port", "6001"]) == 0
    assert calls == [
        (tmp_path / "b" / "study.journal", "127.0.0.1", 8080),
        (tmp_path / "a" / "study.journal", "0.0.0.0", 6001),
    ]


def test_sweeps_are_looked_for_where_hydra_puts_them():
    assert tools.SWEEPS == PROJECT / "multirun"
