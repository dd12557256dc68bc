"""The time left by hand, and what is said of runs that end."""

import io

import pytest
from rich.console import Console

from intraday_rl.app.studies import records
from intraday_rl.app.studies.planning import plan_runs
from intraday_rl.app.studies.progress import StudyProgress, in_words, seconds_left
from intraday_rl.app.studies.records import Record
from tests.support.study_runs import make_study

DURATIONS = {"ppo": [10.0, 30.0], "sac": [100.0]}  # means 20 and 100, of all 140 / 3


@pytest.mark.parametrize(
    ("waiting", "running", "jobs", "expected"),
    [
        (["ppo", "sac"], [], 1, 120.0),
        (["ppo", "sac"], [("ppo", 5.0)], 1, 135.0),
        (["ppo", "sac"], [("ppo", 5.0), ("ppo", 50.0)], 2, (120.0 + 15.0) / 2),
        ([], [("sac", 10.0), ("ppo", 10.0)], 2, 90.0),  # the longest of those at work
        (["new"], [], 1, 140.0 / 3),
        ([], [], 4, 0.0),
    ],
)
def test_time_left_by_hand(waiting, running, jobs, expected):
    assert seconds_left(DURATIONS, waiting, running, jobs) == pytest.approx(expected)


def test_time_left_is_not_known_before_a_run_has_ended():
    assert seconds_left({}, ["ppo"], [("ppo", 3.0)], 1) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99.4, "99 s"), (125, "2 min"), (5990, "1 h 40 min"), (7500, "2 h 05 min")]
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


def test_ends_are_said_and_counted(tmp_path):
    runs = plan_runs(make_study(tmp_path / "which"))[:3]
    said = io.StringIO()
    console = Console(file=said, width=200)
    runs[1].folder.parent.mkdir(parents=True)
    runs[1].log.write_text("compiling\nerror: no money\n")
    with StudyProgress(console, runs, {}, 1) as progress:
        for run in runs[:2]:
            progress.began(run)
        progress.ended(runs[0], Record(records.FINISHED, 12.0))
        progress.ended(runs[1], Record(records.FAILED, 3.0))
        progress.passed()
    text = said.getvalue()
    assert "ppo, spring, seed 0: finished after 12 s\n" in text
    lines = ["small, spring, seed 0: failed after 3 s", "    compiling", "    error: no money"]
    assert "\n".join([*lines, f"    all of it is in {runs[1].log}", ""]) in text
    assert "1 of 3 done, 0 running, 1 failed, about 12 s left" in text
