"""Each fault of a machine is found, and nothing makes the doctor fail."""

from __future__ import annotations

import io
import platform
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from intraday_rl.tracking import doctor
from intraday_rl.tracking.doctor import Finding, diagnose, render
from tests.support.mlflow_store import new_store

PROJECT = """
[project]
requires-python = ">=3.11"
dependencies = ["numpy>=1", "rich"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A sound project; torch is not asked, since that takes seconds."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints.txt").write_text(f"# pins\nnumpy=={np.__version__}\nnot-installed==1.0\n")
    monkeypatch.setattr(doctor, "TORCH_PROBE", "print('[\"2.0\", 1]')")
    monkeypatch.delenv("INTRADAY_RL_DATA", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


def found(project, subject: str) -> Finding:
    matches = [finding for finding in diagnose(project) if finding.subject == subject]
    assert len(matches) == 1
    return matches[0]


def test_doctor_of_a_sound_project_finds_no_problem(project):
    findings = diagnose(project)
    assert [finding for finding in findings if finding.level == "problem"] == []
    subjects = {finding.subject for finding in findings}
    assert subjects >= {"python", "packages", "cores", "threads", "memory", "disk", "experiments", "MLflow store"}
    assert subjects >= {"data", "compiled kernels", "git", "torch"}
    assert {path.name for path in project.iterdir()} == {"pyproject.toml", "constraints.txt"}  # nothing was made


def test_doctor_finds_a_python_outside_the_range(project):
    (project / "pyproject.toml").write_text(PROJECT.replace(">=3.11", "<3"))
    assert found(project, "python").level == "problem"


def test_doctor_finds_missing_and_other_packages(project):
    (project / "pyproject.toml").write_text(PROJECT.replace('"rich"', '"Surely_Not.There[extra]>=2"'))
    (project / "constraints.txt").write_text("numpy==0.1\n")
    missing, other = [finding for finding in diagnose(project) if finding.subject == "packages"]
    assert (missing.level, missing.text) == ("problem", "missing: surely-not-there")
    assert (other.level, other.text) == ("warning", f"numpy {np.__version__} (pinned 0.1)")


def test_doctor_takes_build_marks_of_versions_as_equal(project):
    (project / "constraints.txt").write_text(f"numpy=={np.__version__}+cpu\n")
    assert found(project, "packages").level == "ok"


def test_doctor_finds_threads_that_get_in_each_others_way(project, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert found(project, "threads").level == "warning"


@pytest.mark.parametrize(("free_gib", "level"), [(0.5, "problem"), (3, "warning"), (50, "ok")])
def test_doctor_finds_a_full_disk(project, monkeypatch, free_gib, level):
    class Usage:
        free = free_gib * 1024**3

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda root: Usage)
    assert found(project, "disk").level == level


def test_doctor_finds_experiments_that_cannot_be_written(project, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert found(project, "experiments").level == "problem"


def test_doctor_reads_the_store_and_counts_runs(project):
    new_store(project)
    finding = found(project, "MLflow store")
    assert (finding.level, finding.text.split(" in ")[0]) == ("ok", "0 runs")


def test_doctor_finds_the_schema_of_another_version(project):
    store = new_store(project)
    with sqlite3.connect(store.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abc'")
    connection.close()
    finding = found(project, "MLflow store")
    assert finding.level == "problem"
    assert f"mlflow db upgrade {store.uri}" in finding.remedy


@pytest.mark.parametrize("content", ["this is not a database" * 100, ""], ids=["text", "empty"])
def test_doctor_finds_a_damaged_store(project, content):
    store = new_store(project)
    store.database.write_text(content)
    assert found(project, "MLflow store").level == "problem"


def test_doctor_finds_a_store_that_another_process_holds(project):
    store = new_store(project)
    holder = sqlite3.connect(store.database)
    holder.execute("BEGIN EXCLUSIVE")
    finding = found(project, "MLflow store")
    holder.close()
    assert (finding.level, "locked" in finding.text) == ("problem", True)


def test_doctor_finds_runs_whose_process_is_gone(project):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store = new_store(project)
    with sqlite3.connect(store.database) as connection:
        connection.execute(
            "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id) "
            "VALUES ('abc', 'n', 'RUNNING', 'active', 0)"
        )
        tags = {"host": platform.node(), "pid": str(ended.pid), "process_started": "1000000000.0"}
        connection.executemany("INSERT INTO tags (run_uuid, key, value) VALUES ('abc', ?, ?)", list(tags.items()))
    connection.close()
    assert found(project, "MLflow runs").level == "warning"


def test_doctor_lists_the_folders_of_bars(project, tmp_path, monkeypatch):
    for name in ("bars-1m/spy", "bars-1m/msft", "quotes-1m/spy"):
        (project / "market" / name).mkdir(parents=True)
        (project / "market" / name / "part.parquet").write_text("")
    (project / "market" / "bars-1s").mkdir()
    monkeypatch.setenv("INTRADAY_RL_DATA", str(project / "market"))
    assert found(project, "data").text == f"{project / 'market'}: bars-1m/msft, bars-1m/spy"


def test_doctor_finds_a_data_folder_that_is_not_there_or_empty(project, monkeypatch):
    monkeypatch.setenv("INTRADAY_RL_DATA", str(project / "nowhere"))
    assert found(project, "data").level == "problem"
    monkeypatch.setenv("INTRADAY_RL_DATA", str(project))
    assert found(project, "data").level == "warning"


def test_doctor_finds_a_torch_that_does_not_import(project, monkeypatch):
    monkeypatch.setattr(doctor, "TORCH_PROBE", "raise ImportError('libtorch.so is gone')")
    finding = found(project, "torch")
    assert (finding.level, "libtorch.so is gone" in finding.text) == ("problem", True)


def test_doctor_finds_a_torch_that_ends_the_process(project, monkeypatch):
    monkeypatch.setattr(doctor, "TORCH_PROBE", "import os; os.abort()")
    assert found(project, "torch").level == "problem"


def test_doctor_gives_up_on_a_torch_that_hangs(project, monkeypatch):
    monkeypatch.setattr(doctor, "TORCH_PROBE", "import time; time.sleep(30)")
    monkeypatch.setattr(doctor, "TORCH_SECONDS", 0.1)
    assert found(project, "torch").level == "warning"


def test_doctor_survives_a_check_that_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "TORCH_PROBE", "print()")
    findings = {finding.subject: finding for finding in diagnose(tmp_path)}
    assert "could not be checked: FileNotFoundError" in findings["python"].text
    assert "could not be checked" in findings["torch"].text


def test_render_shows_every_finding_and_counts_them():
    findings = [Finding("ok", "git", "fine", ""), Finding("problem", "disk", "[red]full", "make room")]
    page = io.StringIO()
    Console(file=page, width=100).print(render(findings))
    for text in ("git", "fine", "disk", "[red]full", "make room", "1 problems, 0 warnings"):
        assert text in page.getvalue()
