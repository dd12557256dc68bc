import copy

import pytest

from intraday_rl.app.command_line.settings import check_checkpoint, check_settings
from intraday_rl.core.errors import IntradayError

ALGORITHMS = ["ppo"]
GOOD = {
    "seed": 0,
    "name": "simulated_ppo-1.2+x",
    "algo": {"name": "ppo"},
    "evaluation": {"every_steps": 1, "bootstrap_seed": 0, "slippage_budget_multiple": 0.1},
}
REFUSED = [
    ("seed", -1, "seed must be in [0, 4294967296), was -1"),
    ("seed", 2**32, "seed must be in [0, 4294967296)"),
    ("name", "a/b", "it names the folder"),
    ("name", "", "it names the folder"),
    ("evaluation.every_steps", 0, "evaluation.every_steps must be >= 1 (training steps), was 0"),
    ("evaluation.bootstrap_seed", -1, "evaluation.bootstrap_seed must be >= 0, was -1"),
    ("evaluation.slippage_budget_multiple", 0.0, "evaluation.slippage_budget_multiple must be > 0, was 0.0"),
    ("evaluation.slippage_budget_multiple", float("nan"), "evaluation.slippage_budget_multiple must be > 0, was nan"),
    ("algo.name", "sac", "algo.name must be one of ppo"),
]


@pytest.mark.parametrize(
    ("name", "value", "law"), [("every_seconds", -0.1, ">= 0 (seconds)"), ("keep", 0, ">= 1 (checkpoints)")]
)
def test_check_checkpoint_refuses(name: str, value: float, law: str):
    config = {"checkpoint": {"every_seconds": 0.0, "keep": 1}}
    check_checkpoint(config)
    config["checkpoint"][name] = value
    with pytest.raises(IntradayError) as refusal:
        check_checkpoint(config)
    assert str(refusal.value) == f"checkpoint.{name} must be {law}, was {value}"


def test_check_settings_lets_good_ones_pass():
    check_settings(GOOD, ALGORITHMS)


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_check_settings_refuses(key: str, value: object, message: str):
    config = copy.deepcopy(GOOD)
    parent, _, name = key.rpartition(".")
    (config[parent] if parent else config)[name] = value
    with pytest.raises(IntradayError) as refusal:
        check_settings(config, ALGORITHMS)
    assert message in str(refusal.value)
