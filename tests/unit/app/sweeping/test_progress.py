"""What the terminal shows, with a clock set by hand."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from intraday_rl.app.sweeping import progress
from intraday_rl.app.sweeping.progress import SweepProgress
from intraday_rl.sweeps.results.records import TrialRecord
from tests.support.small_studies import F1, F2


class Shown:
    """A progress of two objectives, 10 trials and 2 workers, and what it says."""

    def __init__(self, clock):
        self.clock, self.records, self.told = clock, [], []
        self.out = io.StringIO()
        console = Console(file=self.out, width=200, force_terminal=False)
        told = lambda record, volume: self.told.append((record.number, volume))  # noqa: E731
        self.progress = SweepProgress(console, lambda: list(self.records), (F1, F2), 10, 2, told)

    def end(self, number, state, values=None, reason=""):
        self.records.append(TrialRecord(number, state, {}, values, {}, 1.0, (), reason))
        self.progress.ended(number, state, reason)

    def bar(self):
        self.progress._show()
        return self.progress._bar.tasks[0].description


@pytest.fixture
def shown(monkeypatch):
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(progress, "time", clock)
    return Shown(clock)


def test_bar_counts_trials_and_says_the_hypervolume_and_the_time_left(shown):
    assert shown.bar() == "0 of 10 done, 0 running, 0 failed"
    shown.progress.began(0, {})
    shown.progress.began(1, {})
    assert shown.bar() == "0 of 10 done, 2 running, 0 failed"
    shown.clock.now += 60.0
    shown.end(0, "complete", (0.1, 0.1))
    # hypervolume 1 x 1; the one at work is overdue; 8 wait, 60 s each, two at a time
    assert shown.bar() == "1 of 10 done, 1 running, 0 failed, hypervolume 1, about 4 min left"
    shown.end(1, "failed", reason="exit status 1\nValueError: no")
    assert shown.bar() == "2 of 10 done, 0 running, 1 failed, hypervolume 1, about 4 min left"


def test_line_of_a_trial_says_how_it_ended_and_why(shown):
    for number in range(4):
        shown.progress.began(number, {})
    shown.clock.now += 12.0
    shown.end(0, "complete", (0.123456, 0.1))
    shown.end(1, "failed", reason="exit status 1\nValueError: [no] such thing")
    shown.end(2, "infeasible", (2.0, 3.0))
    shown.end(3, "stopped early", reason="below the quantile")
    assert shown.out.getvalue().splitlines() == [
        "trial 0: complete after 12 s: f1 0.1235, f2 0.1",
        "trial 1: failed after 12 s",
        "    exit status 1",
        "    ValueError: [no] such thing",
        "trial 2: infeasible after 12 s: f1 2, f2 3",
        "trial 3: stopped early after 12 s",
        "    below the quantile",
    ]
    assert "1 infeasible, 1 stopped early, 1 failed" in shown.bar()


def test_infeasible_trials_add_no_hypervolume_and_each_end_is_told(shown):
    for number, state, values in ((0, "infeasible", (0.0, 0.0)), (1, "complete", (0.6, 0.6)), (2, "failed", None)):
        shown.progress.began(number, {})
        shown.end(number, state, values)
    assert [number for number, _ in shown.told] == [0, 1, 2]
    assert [volume for _, volume in shown.told] == pytest.approx([0.0, 0.25, 0.25])


def test_no_time_left_is_shown_at_the_end(shown):
    for number in range(10):
        shown.progress.began(number, {})
        shown.end(number, "complete", (0.1, 0.1))
    assert shown.bar() == "10 of 10 done, 0 running, 0 failed, hypervolume 1"


def test_what_was_there_before_counts_from_the_beginning(monkeypatch, shown):
    shown.records = [TrialRecord(0, "complete", {}, (0.1, 0.1), {}, 1.0, (), "")]
    shown.progress._look()
    assert shown.bar() == "1 of 10 done, 0 running, 0 failed, hypervolume 1"
