"""The curve of evaluations: whole whenever it has changed, and as it was when a training is taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from intraday_rl.agents.callbacks.validation import EvaluationTimes, Validation
from intraday_rl.agents.trainer import train
from intraday_rl.evaluation.validation import write_curve
from tests.support.training import tiny_task

TIMES = EvaluationTimes(every_steps=256, total_steps=768, at_start=False)


def test_curve_is_told_whole_after_every_evaluation():
    told: list[list[dict[str, float]]] = []
    returns = iter([0.5, float("nan"), 0.25])

    def evaluate(policy: Any) -> dict[str, float]:
        assert len(told) == len(told[-1] if told else [])  # the rows so far, before this evaluation
        return {"net_return": next(returns)}

    task = tiny_task(parameters={"total_timesteps": 768})
    result = train(task, evaluate, lambda s, n: None, [], on_curve=lambda curve: told.append(list(curve)))
    assert [[row["step"] for row in rows] for rows in told] == [[256], [256, 512], [256, 512, 768]]
    assert [row["validation/net_return"] for row in told[-1]][::2] == [0.5, 0.25]
    assert told[-1] == result.curve


def test_curve_is_told_as_it_was_when_a_training_is_taken_up_again():
    told: list[Any] = []
    rows = [{"step": 256.0, "validation/net_return": 0.5}]
    state = {"next": 512, "best": None, "best_score": float("-inf"), "best_step": 0, "curve": rows}
    callback = Validation(lambda policy: {}, TIMES, lambda s, n: None, [], told.append)
    callback.restore(state)
    assert told == [rows]


def test_written_curve_replaces_the_former_one(tmp_path: Path):
    path = tmp_path / "validation.csv"
    rows = [{"step": 256.0, "validation/net_return": 0.5}, {"step": 512.0, "validation/net_return": float("nan")}]
    write_curve(rows, path)
    write_curve(rows[:1], path)
    assert path.read_text() == "step,validation/net_return\n256.0,0.5\n"
    write_curve(rows, path)
    pd.testing.assert_frame_equal(pd.read_csv(path), pd.DataFrame(rows))
    assert list(tmp_path.iterdir()) == [path]
