"""Listeners: what reaches the monitor file and the tracker, and what is said where there is no terminal."""

import io

import pytest
from rich.console import Console

from intraday_rl.app.listeners import CurriculumListener, MonitorListener, ProgressListener, TrackerListener

INFO = {
    "episode": {"r": -3.5, "l": 384},
    "session": "2024-11-04",
    "session_return": -0.0007,
    "max_drawdown": 0.002,
    "turnover": 4.5,
    "round_trips": 3,
    "symbol": "SPY",
    "turnover_ratio": 0.0117,
    "penalty": -0.25,
    "penalty_frequency": 0.1,
    "pattern_frequency": 0.02,
}


class Noted:
    """Stands for the monitor file and for the tracker: keeps what it is given."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def test_monitor_takes_in_an_episode():
    monitor = Noted()
    MonitorListener(monitor).on_episode(INFO)
    ((name, episode),) = monitor.calls
    assert name == "add_episode"
    assert episode == (-3.5, -0.0007, 0.002, 4.5, 0.0117, -0.25, 0.1, 0.02)
    assert episode._fields[:4] == ("reward", "session_return", "session_drawdown", "turnover")
    assert episode._fields[4:] == ("turnover_ratio", "penalty", "penalty_frequency", "pattern_frequency")


def test_monitor_takes_in_steps_and_the_entropy_with_its_sign():
    monitor = Noted()
    listener = MonitorListener(monitor)
    listener.on_step(1000)
    listener.on_metrics({"train/entropy_loss": -1.0986}, 1000)  # SB3 logs minus the entropy (SPEC B32)
    listener.on_metrics({"validation/net_return": 0.1}, 1000)
    assert monitor.calls == [("advance", 1000), ("set_entropy", 1.0986)]


def test_curriculum_rows_have_their_step_and_the_stage_in_which_they_ended(page):
    rows = Noted()
    listener = CurriculumListener(rows, ["low", "high"], Console(file=page, width=200, force_terminal=False))
    listener.on_metrics({"curriculum/stage": 0, "curriculum/sharpe": float("nan")}, 0)
    listener.on_step(8)
    listener.on_episode(INFO)
    listener.on_episode(INFO)
    listener.on_step(16)
    listener.on_metrics({"curriculum/stage": 1, "curriculum/sharpe": 2.0}, 16)
    listener.on_metrics({"train/loss": 0.5}, 16)
    listener.on_episode(INFO)
    listener.on_step(24)
    listener.on_metrics({"curriculum/stage": 0, "curriculum/sharpe": -2.0}, 24)
    assert [call[1:3] for call in rows.calls if call[0] == "add"] == [(16, "low"), (16, "low"), (24, "high")]
    assert page.getvalue().splitlines() == [
        "step 16: Stage Upgrade, low to high",
        "step 24: Stage Downgrade, high to low",
    ]


def test_tracker_gets_every_number_with_its_step():
    tracker = Noted()
    listener = TrackerListener(tracker)
    listener.on_step(8)
    listener.on_episode(INFO)
    listener.on_metrics({"train/loss": 0.5}, 2048)
    assert tracker.calls == [("log_metrics", {"train/loss": 0.5}, 2048)]


@pytest.fixture
def page():
    return io.StringIO()


def listen(page, *metrics):
    with ProgressListener(Console(file=page, width=200, force_terminal=False), 100_000) as listener:
        for step in range(0, 5_000, 8):
            listener.on_step(step)
        listener.on_episode(INFO)
        for numbers in metrics:
            listener.on_metrics(numbers, 10_000)
    return page.getvalue()


def test_progress_says_a_line_for_each_evaluation_where_there_is_no_terminal(page):
    said = listen(page, {"validation/net_return": -0.0123, "validation/profit_factor": 0.87})
    assert "step 10,000" in said
    assert "-1.23%" in said
    assert "0.87" in said
    assert len(said.strip().splitlines()) == 1


def test_progress_says_nothing_of_other_numbers(page):
    assert listen(page, {"train/loss": 0.5}).strip() == ""


def test_progress_of_a_policy_without_trades_is_said_in_words(page):
    said = listen(page, {"validation/net_return": 0.0, "validation/profit_factor": float("nan")})
    assert "nan" not in said.lower().replace("finance", "")


def test_progress_may_go_beyond_its_total(page):
    with ProgressListener(Console(file=page, force_terminal=True), 1_000) as listener:
        listener.on_step(2_048)  # the last rollout is finished even when it passes the total
