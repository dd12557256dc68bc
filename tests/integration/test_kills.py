"""Runs as processes of their own, killed at random moments and resumed: nothing shows it in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kills import compare, draw_moments, run_alone, run_with_kills, tracked
from tests.support.runs import SMALL

pytestmark = pytest.mark.slow

STEPS, KILLS = 12_288, 4
DATA = [override for override in SMALL if override.startswith(("data", "evaluation.split"))]
PROXIMAL = [o for o in SMALL if o.startswith("algo") and "total_timesteps" not in o]
SAC = [
    "num_envs=4",
    "batch_size=32",
    "gradient_steps=1",
    "hidden_layers=[8,8]",
    "buffer_size=4000",
]  # a ring gone round
CHOICES = {
    "experiment=phase4": PROXIMAL,
    "algo=recurrent_ppo": PROXIMAL,
    "algo=sac": [f"algo.parameters.{override}" for override in SAC],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_run_killed_at_random_moments_ends_like_one_that_was_left_alone(tmp_path: Path, choice: str):
    overrides = [
        choice,
        *DATA,
        *CHOICES[choice],
        f"algo.parameters.total_timesteps={STEPS}",
        "evaluation.every_steps=1500",
        "checkpoint.every_seconds=0.2",
        f"tracking.store={tmp_path}/mlflow",
    ]
    run_alone(overrides, tmp_path / "whole")
    moments = draw_moments(KILLS, STEPS, seed=3)
    assert {moment.kind for moment in moments} == {"start", "step", "judging"}
    assert run_with_kills(overrides, tmp_path / "parts", moments) == KILLS
    assert compare(tmp_path / "whole", tmp_path / "parts") == []
    stored = tracked(tmp_path / "mlflow")
    assert stored["whole"] == stored["parts"]
    assert len(stored["whole"]) > 100
