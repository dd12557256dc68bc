"""The manifest names the code, also where git knows nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from intraday_rl.tracking import manifest
from intraday_rl.tracking.manifest import collect_manifest, git_state, package_versions, write_manifest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-b", "trunk")
    (tmp_path / "code.py").write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


@needs_git
def test_git_state_of_a_clean_repository(repository):
    state = git_state(repository)
    assert state["commit"] == git(repository, "rev-parse", "HEAD").strip()
    assert (state["branch"], state["dirty"], state["diff"], state["untracked"]) == ("trunk", False, "", [])
    assert state["problem"] is None


@needs_git
def test_git_state_holds_staged_and_unstaged_changes_and_untracked_files(repository):
    (repository / "code.py").write_text("x = 2\n")
    (repository / "staged.py").write_text("y = 1\n")
    git(repository, "add", "staged.py")
    (repository / "new file.py").write_text("")
    (repository / "run.log").write_text("ignored")
    state = git_state(repository)
    assert state["dirty"] is True
    assert "-x = 1\n+x = 2\n" in state["diff"]
    assert "+y = 1\n" in state["diff"]
    assert (state["untracked"], state["untracked_count"]) == (["new file.py"], 1)


@needs_git
def test_git_state_with_untracked_files_alone_is_dirty(repository):
    (repository / "new.py").write_text("")
    assert git_state(repository)["dirty"] is True


@needs_git
def test_git_state_cuts_long_diffs_and_lists(repository, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_DIFF_CHARACTERS", 20)
    monkeypatch.setattr(manifest, "MAX_UNTRACKED_FILES", 2)
    (repository / "code.py").write_text("x = 2\n" * 100)
    for name in "abc":
        (repository / name).write_text("")
    state = git_state(repository)
    assert (len(state["diff"]), state["diff_cut"]) == (20, True)
    assert (state["untracked"], state["untracked_count"]) == (["a", "b"], 3)


@needs_git
def test_git_state_outside_a_repository_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    state = git_state(tmp_path)
    assert state["commit"] is None
    assert state["dirty"] is None
    assert "not a git repository" in state["problem"]


@needs_git
def test_git_state_of_a_repository_without_commits_says_so(tmp_path):
    git(tmp_path, "init")
    state = git_state(tmp_path)
    assert state["commit"] is None
    assert state["problem"]


def test_git_state_without_git_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path)["problem"] == "git is not installed"


def test_git_state_gives_up_on_a_git_that_hangs(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(manifest, "GIT_SECONDS", 0.1)
    assert git_state(tmp_path)["problem"] == "git did not answer within 0.1 s"


def test_package_versions_hold_what_is_imported():
    assert package_versions()["numpy"] == np.__version__


def test_manifest_holds_the_run_and_survives_json(tmp_path):
    written = collect_manifest(tmp_path, {"algo": {"gamma": 0.99}, "path": tmp_path}, {"run": 7}, "abc")
    write_manifest(written, tmp_path / "manifest.json")
    read = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert read["config"] == {"algo": {"gamma": 0.99}, "path": str(tmp_path)}
    assert (read["seeds"], read["data_fingerprint"]) == ({"run": 7}, "abc")
    assert (read["python"], read["host"]) == (platform.python_version(), platform.node())
    assert (read["pid"], read["cpu_count"]) == (os.getpid(), os.cpu_count())
    age = datetime.now(UTC) - datetime.fromisoformat(read["started"])
    assert timedelta(0) <= age < timedelta(minutes=1)
