"""Whoever listens to a training can be set aside with it."""

import importlib
import inspect
import pkgutil

import numpy as np

from intraday_rl import app
from intraday_rl.app.learning.checklist import Checklist
from intraday_rl.app.listeners import TrackerListener
from intraday_rl.core.protocols import Resumable
from intraday_rl.evaluation.phases.training_record import RecordWriter, read_record

METHODS = ("on_step", "on_episode", "on_metrics")


def listeners():
    """Return all classes of the package that listen to a training."""
    modules = [m.name for m in pkgutil.walk_packages(app.__path__, f"{app.__name__}.")]
    values = [value for name in modules for value in vars(importlib.import_module(name)).values()]
    return {v for v in values if inspect.isclass(v) and all(callable(getattr(v, m, None)) for m in METHODS)}


def test_every_listener_can_be_set_aside():
    kinds = [kind for kind in listeners() if not getattr(kind, "_is_protocol", False)]
    assert len(kinds) >= 6
    assert [kind.__name__ for kind in kinds if not issubclass(kind, Resumable)] == []


def test_record_is_cut_back_to_what_it_was(tmp_path):
    writer = RecordWriter(tmp_path / "training.csv")
    writer.add(8, "a", 1.0)
    state = writer.state()
    writer.add(16, "a", 2.0)
    writer.close()
    again = RecordWriter(tmp_path / "training.csv")
    again.restore(state)
    again.add(16, "a", 3.0)
    again.close()
    steps, values = read_record(tmp_path / "training.csv").series["a"]
    assert (steps.tolist(), values.tolist()) == ([8, 16], [1.0, 3.0])


def test_tracker_gets_what_the_store_did_not():
    class Tracker:
        def __init__(self):
            self.again = None

        def unwritten(self):
            return [("loss", 0.5, 1_000, 8)]

        def log_again(self, values):
            self.again = values

    state = TrackerListener(Tracker()).state()
    tracker = Tracker()
    TrackerListener(tracker).restore(state)
    assert tracker.again == [("loss", 0.5, 1_000, 8)]


def test_check_list_goes_on_counting():
    info = {"episode": {"r": 2.0, "l": 4}, "halted_by": "layers.hard_drawdown", "baseline_resets": 1}
    model = type("Model", (), {"observation_space": np.zeros(3), "action_space": "actions"})
    one, other = Checklist(), Checklist()
    for listener in (one, other):
        listener.on_episode(info)
        listener.on_metrics({"rollout/replaced": 1.0, "alarm/kl": 1.0}, 8)
    again = Checklist()
    again.restore(one.state())
    for listener in (again, other):
        listener.on_episode(info)
    assert again.rows(model)[:-1] == other.rows(model)[:-1]
    assert "kl" in str(again.rows(model))
