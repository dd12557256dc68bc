"""Scalars are read back from the event files with TensorBoard's own reader."""

from __future__ import annotations

import math

import pytest

from intraday_rl.tracking.tensorboard import TensorboardScalars


def read_back(folder) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_scalars_in_a_folder_come_back_without_those_that_are_not_finite(tmp_path):
    scalars = TensorboardScalars.in_folder(tmp_path)
    scalars.log({"market/hit_rate": 0.5, "market/sharpe": math.nan}, 1000)
    scalars.log({"market/hit_rate": 0.25, "market/sharpe": 1.5, "market/profit_factor": math.inf}, 2000)
    scalars.close()
    assert read_back(tmp_path) == {"market/hit_rate": [(1000, 0.5), (2000, 0.25)], "market/sharpe": [(2000, 1.5)]}


def test_scalars_without_values_open_no_file(tmp_path):
    scalars = TensorboardScalars.in_folder(tmp_path / "board")
    scalars.close()
    assert not (tmp_path / "board").exists()


def test_scalars_share_one_event_file_with_stable_baselines3(tmp_path):
    sb3_logger = pytest.importorskip("stable_baselines3.common.logger")
    output = sb3_logger.TensorBoardOutputFormat(str(tmp_path))
    sb3 = sb3_logger.Logger(str(tmp_path), [output])
    ours = TensorboardScalars.beside(output.writer)
    sb3.record("train/loss", 0.5)
    sb3.dump(8)
    ours.log({"market/sharpe": 1.5}, 8)
    ours.close()
    sb3.record("train/loss", 0.25)
    sb3.dump(16)
    sb3.close()
    assert len(list(tmp_path.iterdir())) == 1
    assert read_back(tmp_path) == {"train/loss": [(8, 0.5), (16, 0.25)], "market/sharpe": [(8, 1.5)]}
