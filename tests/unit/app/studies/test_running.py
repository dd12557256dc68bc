"""Runs at work: how many at a time, what is kept of failures and interruptions. Processes are stood in for."""

import subprocess
import sys

import pytest

from intraday_rl.app.studies import records, running
from intraday_rl.app.studies.planning import CONTINUED, NEW, plan_runs
from intraday_rl.app.studies.records import Record, read_record, write_record
from intraday_rl.app.studies.running import Work, carry_out, locked
from intraday_rl.core.errors import ConfigError
from tests.support.study_runs import leave_overrides, make_study


class Process:
    """Ends at the given poll with the given status."""

    def __init__(self, arguments, polls, status):
        self.arguments, self.polls, self.status, self.stopped = arguments, polls, status, False

    def poll(self):
        self.polls -= 1
        return None if self.polls >= 0 else self.status


class Launcher:
    """Starts processes that last so many polls; those of rows named in `failing` end with status 3."""

    def __init__(self, polls=1, failing=(), interrupt_at=None):
        self.polls, self.failing, self.interrupt_at = polls, failing, interrupt_at
        self.started, self.stopped = [], None

    def start(self, arguments, output):
        if len(self.started) == self.interrupt_at:
            raise KeyboardInterrupt
        output.write(b"one\ntwo\n\nthree\n")
        status = 3 if any(f"/{row}/" in arguments[-1] for row in self.failing) else 0
        self.started.append(Process(arguments, self.polls, status))
        return self.started[-1]

    def stop(self, processes):
        self.stopped = list(processes)


class Follower:
    """Remembers what it is told, and how many were at work at most."""

    def __init__(self):
        self.now, self.most, self.told = 0, 0, []

    def began(self, run):
        self.now += 1
        self.most = max(self.most, self.now)

    def ended(self, run, record):
        self.now -= 1
        self.told.append((run.row, record.status))

    def passed(self):
        pass


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "POLL_SECONDS", 0.001)
    return plan_runs(make_study(tmp_path / "which"))


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_runs_are_carried_out_so_many_at_a_time(runs, jobs):
    launcher, follower = Launcher(), Follower()
    assert carry_out([Work(run, NEW) for run in runs], jobs, launcher, follower) == 0
    assert [process.arguments[-1] for process in launcher.started] == [f'hydra.run.dir="{run.folder}"' for run in runs]
    assert follower.most == jobs
    assert len(follower.told) == len(runs) == 8
    assert {read_record(run.record).status for run in runs} == {records.FINISHED}
    assert all(0.0 <= read_record(run.record).wall_seconds < 60.0 for run in runs)
    assert launcher.stopped == []


def test_failed_runs_are_recorded_and_the_others_go_on(runs):
    follower = Follower()
    assert carry_out([Work(run, NEW) for run in runs], 2, Launcher(failing=["small"]), follower) == 4
    for run in runs:
        assert read_record(run.record).status == (records.FAILED if run.row == "small" else records.FINISHED)
    assert follower.told.count(("small", records.FAILED)) == 4
    assert records.last_lines(runs[0].log) == ["one", "two", "three"]


def test_new_run_begins_in_no_folder_and_a_continued_one_in_its_own(runs):
    new, old = runs[:2]
    for run in (new, old):
        leave_overrides(run.folder, run.overrides)
        run.log.write_text("before\n")
        write_record(run.record, Record(records.STOPPED, 100.0))
    launcher = Launcher()
    carry_out([Work(new, NEW), Work(old, CONTINUED)], 1, launcher, Follower())
    assert not new.folder.exists()  # train.py, which would make it, is stood in for
    assert old.folder.exists()
    assert launcher.started[1].arguments == [f'resume="{old.folder}"', "progress=false"]
    assert new.log.read_text() == "one\ntwo\n\nthree\n"
    assert old.log.read_text() == "before\none\ntwo\n\nthree\n"
    assert read_record(new.record).wall_seconds < 60.0
    assert 100.0 <= read_record(old.record).wall_seconds < 160.0


def test_time_of_a_run_that_was_cut_off_with_its_study_is_not_known(runs):
    write_record(runs[0].record, Record(records.RUNNING, 0.0))
    carry_out([Work(runs[0], CONTINUED)], 1, Launcher(), Follower())
    assert read_record(runs[0].record) == Record(records.FINISHED, None)


def test_interrupt_stops_all_that_are_at_work(runs):
    launcher = Launcher(polls=10**9, interrupt_at=2)
    with pytest.raises(KeyboardInterrupt):
        carry_out([Work(run, NEW) for run in runs], 4, launcher, Follower())
    assert launcher.stopped == launcher.started
    assert [read_record(run.record).status for run in runs[:2]] == [records.STOPPED, records.STOPPED]
    assert read_record(runs[3].record) is None


def test_no_second_study_begins_while_runs_hold_the_lock(tmp_path):
    with locked(tmp_path / "runs") as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    with pytest.raises(ConfigError, match=f"runs of {tmp_path} are at work already"), locked(tmp_path / "runs"):
        pass
    child.communicate(b"\n")
    with locked(tmp_path / "runs"):
        pass


def test_record_that_is_torn_is_none(tmp_path):
    (tmp_path / "a.json").write_text('{"status": "fin')
    assert read_record(tmp_path / "a.json") is None
