"""Rows of the training episodes of a curriculum: what is in them, and when they reach the file."""

import subprocess
import sys
import textwrap

import pytest

from intraday_rl.tracking import episodes_csv
from intraday_rl.tracking.episodes_csv import EpisodesCsv

HEADER = "timestep,episode,stage,symbol,session,session_return,max_drawdown,turnover,round_trips,episode_reward"
INFO = {
    "episode": {"r": -3.5, "l": 384},
    "symbol": "SPY",
    "session": "2024-11-04",
    "session_return": -0.0007,
    "max_drawdown": 0.002,
    "turnover": 4.5,
    "round_trips": 3,
    "in_market_bars": 40,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics_phase4.csv"


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(episodes_csv.time, "monotonic", lambda: now[0])
    return now


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_rows_hold_what_the_header_says(path):
    with EpisodesCsv(path) as rows:
        rows.add(3080, "conservative", INFO)
        rows.add(6160, "balanced", INFO | {"symbol": "QQQ", "session_return": 1 / 3})
    assert lines(path) == [
        HEADER,
        "3080,1,conservative,SPY,2024-11-04,-0.0007,0.002,4.5,3,-3.5",
        "6160,2,balanced,QQQ,2024-11-04,0.3333333333,0.002,4.5,3,-3.5",
    ]


def test_header_is_there_before_the_first_episode(path):
    with EpisodesCsv(path):
        assert lines(path) == [HEADER]


def test_rows_of_a_continued_run_follow_those_of_the_first_part(path):
    for timestep in (10, 20):
        with EpisodesCsv(path) as rows:
            rows.add(timestep, "a", INFO)
    assert [line.split(",")[0] for line in lines(path)] == ["timestep", "10", "20"]


def test_rows_are_written_once_a_second_at_most(path, clock):
    with EpisodesCsv(path) as rows:
        for timestep, now in ((1, 100.0), (2, 100.9), (3, 101.0), (4, 101.5)):
            clock[0] = now
            rows.add(timestep, "a", INFO)
            written = len(lines(path)) - 1
            assert written == (3 if timestep >= 3 else 0)
        clock[0] = 102.0
        rows.advance()  # also where no episode ends
        assert len(lines(path)) == 1 + 4
        rows.add(5, "a", INFO)
    assert len(lines(path)) == 1 + 5  # all of them on exit


def test_rows_survive_a_process_that_ends_with_an_error(path):
    script = """
        import sys
        from pathlib import Path
        from intraday_rl.tracking.episodes_csv import EpisodesCsv
        with EpisodesCsv(Path(sys.argv[1])) as rows:
            info = {"symbol": "A", "session": "d", "session_return": 0.0, "max_drawdown": 0.0, "turnover": 0.0}
            rows.add(1, "a", info | {"round_trips": 0, "episode": {"r": 0.0}})
            raise KeyboardInterrupt
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], check=False, stderr=subprocess.DEVNULL
    )
    assert done.returncode != 0
    assert lines(path) == [HEADER, "1,1,a,A,d,0,0,0,0,0"]
