"""Rows of monitor.csv against arithmetic by hand."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap

import pytest

from intraday_rl.tracking.monitor_csv import FinishedEpisode, MonitorCsv

SEVEN = "timestep,episode,avg_reward,sharpe_30,max_dd_30,entropy,turnover"
HEADER = f"{SEVEN},turnover_ratio,penalty,penalty_frequency,pattern_frequency"
EMPTY = "1000,0,,,,,,,,,"


def episode(reward=0.0, session_return=0.0, session_drawdown=0.0, turnover=0.0, **means):
    """Return an episode in which nothing was charged or flagged, but for what is given."""
    none = {"turnover_ratio": 0.0, "penalty": 0.0, "penalty_frequency": 0.0, "pattern_frequency": 0.0}
    return FinishedEpisode(reward, session_return, session_drawdown, turnover, **(none | means))


def lines(path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_monitor_leaves_missing_values_empty(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        monitor.advance(1000)
    assert lines(tmp_path / "monitor.csv") == [HEADER, EMPTY]


def test_monitor_row_of_two_sessions(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        monitor.add_episode(episode(10.0, 0.01, 0.02, turnover=3.0))
        monitor.add_episode(episode(-4.0, 0.03, 0.005, turnover=4.0))
        monitor.set_entropy(0.75)
        monitor.advance(1000)
    timestep, number, reward, sharpe, drawdown, entropy, turnover = lines(tmp_path / "monitor.csv")[1].split(",")[:7]
    assert (timestep, number, reward, drawdown, entropy, turnover) == ("1000", "2", "3", "0.02", "0.75", "3.5")
    # mean 0.02, deviations -0.01 and 0.01, variance (n - 1) 0.0002
    assert float(sharpe) == pytest.approx(0.02 / math.sqrt(0.0002) * math.sqrt(252), rel=1e-9)


def test_monitor_windows_hold_20_episodes_and_30_sessions(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        for number in range(40):
            drawdown = 0.9 if number < 10 else 0.001 * number
            monitor.add_episode(episode(float(number), 0.01 * (number % 2), drawdown, float(number)))
        monitor.advance(1000)
    _, count, reward, sharpe, drawdown, _, turnover = lines(tmp_path / "monitor.csv")[1].split(",")[:7]
    assert count == "40"
    assert float(reward) == 29.5  # mean of 20 ... 39
    assert float(turnover) == 24.5  # mean of 10 ... 39
    assert float(drawdown) == 0.039
    # 30 returns, half 0 and half 0.01: mean 0.005, variance 30 x 0.005^2 / 29
    assert float(sharpe) == pytest.approx(0.005 / math.sqrt(30 * 0.005**2 / 29) * math.sqrt(252), rel=1e-9)


def test_monitor_means_of_steps_are_those_of_the_last_20_episodes(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        for number in range(25):
            share = number / 100
            means = {"penalty": -float(number), "penalty_frequency": share, "pattern_frequency": 2 * share}
            monitor.add_episode(episode(turnover_ratio=share / 10, **means))
        monitor.advance(1000)
    # mean of 5 ... 24 is 14.5
    assert lines(tmp_path / "monitor.csv")[1].split(",")[7:] == ["0.0145", "-14.5", "0.145", "0.29"]


def test_monitor_writes_once_for_each_thousand_steps_passed(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        for timestep in (8, 992, 1000, 1008, 1992, 2008, 5500, 5992, 6000):
            monitor.advance(timestep)
    assert [line.split(",")[0] for line in lines(tmp_path / "monitor.csv")[1:]] == ["1000", "2008", "5500", "6000"]


def test_monitor_leaves_values_that_are_not_finite_empty(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        for value in (math.inf, 0.01):
            monitor.add_episode(episode(math.nan, value, 0.01, 1.0, penalty=math.nan))
        monitor.set_entropy(math.nan)
        monitor.advance(1000)
    assert lines(tmp_path / "monitor.csv")[1] == "1000,2,,,0.01,,1,0,,0,0"


def test_monitor_sharpe_of_equal_returns_is_empty(tmp_path):
    with MonitorCsv(tmp_path / "monitor.csv") as monitor:
        for _ in range(3):
            monitor.add_episode(episode())
        monitor.advance(1000)
    assert lines(tmp_path / "monitor.csv")[1] == "1000,3,0,,0,,0,0,0,0,0"


def test_monitor_of_a_continued_run_follows_the_rows_of_the_first_part(tmp_path):
    for timestep in (1000, 2000):
        with MonitorCsv(tmp_path / "monitor.csv") as monitor:
            monitor.advance(timestep)
    assert lines(tmp_path / "monitor.csv") == [HEADER, EMPTY, EMPTY.replace("1000", "2000")]


def test_monitor_rows_survive_a_killed_process(tmp_path):
    script = """
        import os, signal, sys
        from pathlib import Path
        from intraday_rl.tracking.monitor_csv import MonitorCsv
        MonitorCsv(Path(sys.argv[1])).advance(1000)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "monitor.csv"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=False)
    assert done.returncode == -9
    assert lines(path) == [HEADER, EMPTY]
