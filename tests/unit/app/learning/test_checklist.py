"""The check-list counts what a training told, by hand."""

import io
from types import SimpleNamespace

import pytest
from gymnasium import spaces
from rich.console import Console

from intraday_rl.app.learning.checklist import Checklist, checklist_table

MODEL = SimpleNamespace(observation_space=spaces.Box(-1.0, 1.0, (5,)), action_space=spaces.Discrete(3))


def episode(reward, length, halted_by="", resets=0):
    return {"episode": {"r": reward, "l": length}, "halted_by": halted_by, "baseline_resets": resets}


def listed(checklist):
    return {row.what: (row.value, row.verdict) for row in checklist.rows(MODEL)}


@pytest.fixture
def clean():
    checklist = Checklist()
    checklist.on_episode(episode(30.0, 300))
    checklist.on_episode(episode(-10.0, 100, "layers.daily_loss"))
    checklist.on_metrics({"rollout/replaced": 0.0, "train/entropy": 1.05, "alarm/kl": 0.0}, 100)
    checklist.on_metrics({"train/entropy": 0.965, "train/clip_fraction": 0.098}, 200)
    return checklist


def test_list_of_a_clean_training(clean):
    rows = listed(clean)
    assert rows["observation"] == ("(5,), as the network takes it", "ok")
    assert rows["actions"] == ("Discrete(3)", "ok")
    assert rows["numbers not finite"] == ("0", "ok")
    assert rows["finished sessions"] == ("2", "ok")
    assert rows["reward of a session, of a step"] == ("10, 0.05", "")  # 20 / 2 and 20 / 400
    assert rows["entropy of the policy, nats"] == ("0.965", "")  # the last
    assert rows["share of clipped policy ratios"] == ("0.098", "")
    assert rows["alarms"] == ("none", "ok")
    assert rows["sessions ended by the hard drawdown"] == ("0", "ok")
    assert rows["sessions ended by another layer"] == ("1", "")
    assert rows["drawdown baselines set anew"] == ("0", "ok")
    assert "loss of the actor" not in rows  # the learner did not tell


def test_list_points_at_what_deserves_a_look(clean):
    clean.on_episode(episode(-50.0, 20, "layers.hard_drawdown", resets=3))
    clean.on_metrics({"rollout/replaced": 2.0, "alarm/kl": 1.0, "alarm/entropy": 0.0}, 300)
    clean.on_metrics({"alarm/kl": 0.0, "alarm/leak": 1.0}, 400)
    rows = listed(clean)
    assert rows["numbers not finite"] == ("2", "look")
    assert rows["alarms"] == ("kl, leak", "look")
    assert rows["sessions ended by the hard drawdown"] == ("1", "look")
    assert rows["drawdown baselines set anew"] == ("3", "look")


def test_training_in_which_no_session_ended_deserves_a_look():
    rows = listed(Checklist())
    assert rows["finished sessions"] == ("0", "look")
    assert "reward of a session, of a step" not in rows
    assert rows["steps per second, with evaluations"] == ("0", "")


def test_speed_is_between_the_first_and_the_last_step(monkeypatch):
    times = iter([10.0, 11.0, 14.0])
    monkeypatch.setattr("intraday_rl.app.learning.checklist.time.perf_counter", lambda: next(times))
    checklist = Checklist()
    for step in (8, 100, 1_208):
        checklist.on_step(step)
    assert checklist.steps_per_second == 300.0  # 1,200 steps in 4 seconds


def test_table_shows_every_row(clean):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(checklist_table(clean.rows(MODEL)))
    text = console.export_text()
    assert all(row.what in text for row in clean.rows(MODEL))
