"""Every experiment of conf/ trains a little and is judged: a preset that cannot run is found here."""

import json

import pytest

from intraday_rl.app.command_line.groups import CONF
from intraday_rl.metrics import METRICS
from tests.support.runs import WRITTEN, files_of, judge_again, run_small

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
SMOKE = (
    "data.source.num_sessions=8",
    "evaluation.split.train_fraction=0.5",
    "evaluation.split.validation_fraction=0.25",
    "evaluation.split.embargo_sessions=0",
    "algo.parameters.total_timesteps=256",
    "algo.parameters.rollout_steps=256",
    "algo.parameters.batch_size=64",
    "tracking=none",
    "progress=false",
)


def test_there_are_experiments():
    assert {"ou_oracle", "martingale_oracle"} <= set(EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_trains_and_is_judged(name, tmp_path):
    run_small(tmp_path / "run", f"experiment={name}", small=SMOKE)
    optional = {"bundle/scaler.npz", "sb3/vecnormalize.pkl"}  # only where observations are normalised
    assert files_of(tmp_path / "run") >= WRITTEN - optional
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics) == list(METRICS)
    assert metrics["num_sessions"] == 2
    assert judge_again(f"run={tmp_path / 'run'}")[0] == metrics
