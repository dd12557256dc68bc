"""`debug=smoke` lets every experiment and every algorithm train, be judged and be judged again, in seconds."""

import json

import pytest

from intraday_rl.app.command_line.groups import list_groups
from intraday_rl.metrics import METRICS
from tests.support.runs import WRITTEN, files_of, judge_again, run_small

QUIET = ("debug=smoke", "tracking=none", "progress=false")
CONFIGURATIONS = [
    *(f"experiment={name}" for name in list_groups()["experiment"]),
    *(f"algo={name}" for name in list_groups()["algo"]),
    "warm_start=bc",
    "algo=ppo env/actions=continuous",
    "experiment=ou_oracle algo=recurrent_ppo",
    "experiment=phase6 algo.parameters.regime_heads=true",
]
NORMALISED = {"bundle/scaler.npz", "sb3/vecnormalize.pkl"}  # where observations are
TRAINED = {"sb3/model.zip", "sb3/vecnormalize.pkl", "monitor.csv"}  # where something was learned from rewards


def test_every_experiment_is_smoked():
    assert {"experiment=ou_oracle", "experiment=martingale_oracle", "algo=ppo"} <= set(CONFIGURATIONS)


@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_configuration_trains_and_is_judged(configuration, tmp_path):
    run_small(tmp_path / "run", *configuration.split(), small=QUIET)
    optional = NORMALISED | (TRAINED if configuration == "algo=bc" else set())
    assert files_of(tmp_path / "run") >= WRITTEN - optional
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics) == list(METRICS)
    assert metrics["num_sessions"] > 5
    assert judge_again(f"run={tmp_path / 'run'}")[0] == metrics
