"""What is kept of a training: episodes at their step, the learner's numbers, and what the environment replaced."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from intraday_rl.app.phases.recording import PhaseRecorder, phase_recorders
from intraday_rl.evaluation.phases.training_record import read_record
from tests.unit.evaluation.hand_sessions import hand_rules, hand_tape


@pytest.fixture
def data():
    tape = hand_tape()
    return SimpleNamespace(tape=tape, rules=hand_rules(tape), plan=SimpleNamespace(criteria={"any": None}))


def info(tape, session, steps, reward=3.0):
    return {
        "episode": {"r": reward, "l": steps},
        "symbol": tape.symbols[0],
        "session": str(tape.dates[session]),
        "penalty_frequency": 0.25,
    }


def test_record_holds_episodes_updates_and_replacements(tmp_path, data):
    with PhaseRecorder(tmp_path, data) as recorder:
        recorder.on_episode(info(data.tape, 0, 6))
        recorder.on_step(64)
        recorder.on_metrics({"train/entropy_loss": -1.0, "train/explained_variance": 0.5, "train/loss": 9.0}, 128)
        recorder.on_metrics({"curriculum/stage": 1.0}, 256)
        env = SimpleNamespace(get_attr=lambda name: [SimpleNamespace(replaced=2)] if name == "batch" else None)
        recorder.finish(SimpleNamespace(env=env), 256)
        found = read_record(tmp_path / "training.csv")  # whole before it is closed: it is judged then
    assert {name: (steps.tolist(), values.tolist()) for name, (steps, values) in found.series.items()} == {
        "episode.reward": ([64], [3.0]),
        "episode.step_reward": ([64], [0.5]),
        "episode.penalty_share": ([64], [0.25]),
        "episode.early_end": ([64], [0.0]),
        "train/entropy_loss": ([128], [-1.0]),
        "train/explained_variance": ([128], [0.5]),
        "curriculum/stage": ([256], [1.0]),
        "replaced": ([256], [2.0]),
    }


@pytest.mark.parametrize(("steps", "early"), [(3, 1.0), (4, 1.0), (5, 0.0), (6, 0.0), (7, 0.0)])
def test_an_episode_is_early_before_it_has_to_be_flat(tmp_path, data, steps, early):
    """Eight rows, flat one minute before the close, decided one earlier: row 5 is two minutes before it."""
    with PhaseRecorder(tmp_path, data) as recorder:
        recorder.on_episode(info(data.tape, 1, steps))
        recorder.on_step(1)
    assert read_record(tmp_path / "training.csv").values("episode.early_end", None).tolist() == [early]


def test_nothing_is_recorded_without_criteria(tmp_path, data):
    data.plan.criteria = {}
    with ExitStack() as stack:
        assert phase_recorders(stack, data, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
