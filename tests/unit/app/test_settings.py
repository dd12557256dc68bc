import copy

import pytest

from intraday_rl.app.command_line.settings import check_settings, check_tracking, check_training
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
def test_check_training_refuses(name: str, value: float, law: str):
    config = {"checkpoint": {"every_seconds": 0.0, "keep": 1}, "evaluation": {"judge_on": "test"}}
    check_training(config)
    config["checkpoint"][name] = value
    with pytest.raises(IntradayError) as refusal:
        check_training(config)
    assert str(refusal.value) == f"checkpoint.{name} must be {law}, was {value}"


@pytest.mark.parametrize("part", ["test", "validation", "train", "all", None])
def test_check_training_takes_the_test_or_the_validation_sessions(part: object):
    config = {"checkpoint": {"every_seconds": 0.0, "keep": 1}, "evaluation": {"judge_on": part}}
    if part in ("test", "validation"):
        check_training(config)
        return
    with pytest.raises(IntradayError) as refusal:
        check_training(config)
    assert str(refusal.value) == f"evaluation.judge_on must be one of test, validation, was {part!r}"


@pytest.mark.parametrize("parent", [None, "0123456789abcdef0123456789abcdef"])
@pytest.mark.parametrize("name", [None, "third", 3])
def test_check_tracking_lets_pass(parent: object, name: object):
    check_tracking({"parent": parent, "run_name": name, "tags": {"trial": 3}})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("parent", "abc", "tracking.parent must be the id of a run in MLflow, a text of 32 hexadecimal digits, was 'a"),
        ("parent", 10**31, "tracking.parent must be the id of a run in MLflow, a text of 32 hexadecimal digits, was 1"),
        ("run_name", "", "tracking.run_name must be a text, was ''"),
        ("run_name", True, "tracking.run_name must be a text, was True"),
        ("run_name", [3], "tracking.run_name must be a text, was [3]"),
        ("tags", {"algo": "x"}, "tracking.tags.algo is a tag that every run has already; choose another name"),
    ],
)
def test_check_tracking_refuses(key: str, value: object, message: str):
    with pytest.raises(IntradayError) as refusal:
        check_tracking({"parent": None, "run_name": None, "tags": {}} | {key: value})
    assert str(refusal.value).startswith(message)


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
