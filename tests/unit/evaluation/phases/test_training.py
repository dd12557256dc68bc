"""The record of a training, and what criteria measure on it."""

import math

import numpy as np
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.evaluation.phases import training_measures as measures
from intraday_rl.evaluation.phases.training_record import RecordWriter, TrainingRecord, read_record


def record(**series):
    """Return a record with one number every 100 steps."""
    pairs = {name: (100.0 * np.arange(1, len(v) + 1), np.array(v, dtype=float)) for name, v in series.items()}
    return TrainingRecord(pairs, 100 * max((len(v) for v in series.values()), default=0))


def test_record_comes_back_as_it_was_written(tmp_path):
    writer = RecordWriter(tmp_path / "training.csv")
    for step, metric, value in [(10, "a", 1.5), (10, "b", math.nan), (20, "a", -math.inf), (30, "a", 1 / 3)]:
        writer.add(step, metric, value)
    writer.close()
    found = read_record(tmp_path / "training.csv")
    assert found.last_step == 30
    assert found.values("a", None).tolist() == [1.5, -math.inf, pytest.approx(1 / 3)]
    assert found.values("a", 20).tolist() == [1.5, -math.inf]
    assert np.isnan(found.values("b", None)).tolist() == [True]
    assert found.values("c", None) is None


@pytest.mark.parametrize("text", ["", "step,metric\n", "step,metric,value\n1,a,b\n", "step,metric,value\n1,a\n"])
def test_what_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "training.csv").write_text(text)
    with pytest.raises(DataError, match="must be a record of step, metric and value"):
        read_record(tmp_path / "training.csv")


def test_empty_record_holds_nothing(tmp_path):
    RecordWriter(tmp_path / "training.csv").close()
    assert read_record(tmp_path / "training.csv") == TrainingRecord({}, 0)


def test_means_are_of_the_last_twenty_in_the_window():
    rewards = record(**{"episode.reward": [100.0] * 5 + [1.0, 3.0] * 10 + [50.0]})
    assert measures.episode_reward(rewards, 2500).value == 2.0
    assert measures.episode_reward(rewards, None).value == pytest.approx((2.0 * 20 - 1.0 + 50.0) / 20)


def test_step_reward_is_a_size():
    assert measures.step_reward(record(**{"episode.step_reward": [-2.0, 4.0]}), None).value == 3.0


def test_entropy_is_minus_the_loss():
    losses = record(**{"train/entropy_loss": [-1.0986, -0.5, -0.25, -0.7]})
    assert measures.lowest_entropy(losses, None).value == 0.25
    assert measures.lowest_entropy(losses, 200).value == 0.5
    assert measures.lowest_entropy_loss(losses, None).value == -1.0986


def test_critic_that_has_seen_nothing_yet_is_left_out():
    critic = record(**{"train/explained_variance": [math.nan, 0.2, 0.4]})
    assert measures.explained_variance(critic, None).value == pytest.approx(0.3)
    assert measures.not_finite(critic, None).value == 0.0


def test_numbers_that_are_not_finite_are_counted():
    faulty = record(**{"episode.reward": [1.0, math.nan, math.inf], "replaced": [4.0]})
    assert measures.not_finite(faulty, None).value == 6.0
    assert measures.not_finite(faulty, 200).value == 5.0


def test_early_ends_count_in_a_row():
    assert measures.early_ends_in_a_row(record(**{"episode.early_end": [1, 1, 0, 1, 1, 1, 0]}), None).value == 3.0
    assert measures.early_ends_in_a_row(record(**{"episode.early_end": [0, 0]}), None).value == 0.0


def test_highest_stage_stays_reached():
    assert measures.highest_stage(record(**{"curriculum/stage": [0, 1, 2, 1]}), None).value == 2.0
    assert measures.highest_stage(record(**{"curriculum/stage": [0, 1, 2, 1]}), 200).value == 1.0


def test_what_was_not_recorded_is_none():
    assert [
        measure(record(), None)
        for measure in (measures.episode_reward, measures.step_reward, measures.penalty_share, measures.highest_stage)
    ] == [None] * 4
