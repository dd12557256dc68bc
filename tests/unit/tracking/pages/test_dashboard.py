"""Which journal the dashboard opens, and that looking at it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from intraday_rl.core.errors import TrackingError
from intraday_rl.tracking.pages import dashboard
from intraday_rl.tracking.pages.dashboard import dashboard_pages, journal_of

DIRECTIONS = ["maximize", "minimize", "minimize"]
PROGRAM = """
import sys
from pathlib import Path
from intraday_rl.tracking import serve_dashboard
sys.exit(serve_dashboard(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2])))
"""


def leave_journal(folder: Path, age_seconds: float = 0.0) -> Path:
    folder.mkdir(parents=True)
    journal = folder / "study.journal"
    journal.write_text("")
    written = time.time() - age_seconds
    os.utime(journal, (written, written))
    return journal


def test_newest_journal_is_opened_unless_another_is_asked_for(tmp_path, monkeypatch):
    first = leave_journal(tmp_path / "multirun" / "first", 200)
    newest = leave_journal(tmp_path / "multirun" / "newest", 10)
    leave_journal(tmp_path / "multirun" / "another", 100)
    (tmp_path / "multirun" / "grid").mkdir()
    assert journal_of(None, tmp_path / "multirun") == newest
    monkeypatch.chdir(tmp_path)
    assert journal_of(Path("multirun/first"), tmp_path / "multirun") == first


def test_missing_journal_is_refused_with_a_remedy(tmp_path):
    words = re.escape(f"no sweep in {tmp_path} has a study.journal; start a sweep, or give the folder of one")
    with pytest.raises(TrackingError, match=words):
        journal_of(None, tmp_path)
    words = r"grid holds no study\.journal; give the folder of a sweep, such as sweeps/STUDY"
    with pytest.raises(TrackingError, match=words):
        journal_of(tmp_path / "grid", tmp_path / "sweeps")


def test_dashboard_that_is_not_installed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "PROGRAM", "no-such-dashboard")
    with pytest.raises(TrackingError, match=r"no-such-dashboard is not installed in .*; make setup installs it"):
        dashboard_pages(tmp_path / "study.journal")


def make_study(journal: Path) -> None:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(study_name="three", directions=DIRECTIONS, storage=storage)
    for x in (0.25, 0.5, 0.75):
        trial = study.ask(fixed_distributions={"x": optuna.distributions.FloatDistribution(0.0, 1.0)})
        study.tell(trial, (x, 1.0 - x, 2.0 * x))


@pytest.mark.slow
def test_dashboard_shows_the_study_and_leaves_its_journal_alone(tmp_path):
    journal = tmp_path / "study.journal"
    make_study(journal)
    before = hashlib.sha256(journal.read_bytes()).hexdigest()
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(journal), "18080"], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split("http", 1)[1].split()[0]
        opener = build_opener(ProxyHandler({}))
        answer = json.load(opener.open(f"http{address}/api/studies", timeout=30))
        (study,) = answer["study_summaries"]
        assert (study["study_name"], study["directions"]) == ("three", DIRECTIONS)
        trials = json.load(opener.open(f"http{address}/api/studies/{study['study_id']}?after=0", timeout=30))["trials"]
        assert [trial["values"] for trial in trials] == [[0.25, 0.75, 0.5], [0.5, 0.5, 1.0], [0.75, 0.25, 1.5]]
        assert b"<html" in opener.open(f"http{address}", timeout=30).read()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.communicate()
    assert hashlib.sha256(journal.read_bytes()).hexdigest() == before
    assert [path.name for path in tmp_path.iterdir()] == ["study.journal"]
