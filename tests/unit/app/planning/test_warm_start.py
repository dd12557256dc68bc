"""Where training starts from: what each algorithm can start with."""

from __future__ import annotations

from pathlib import Path

import pytest

from intraday_rl.app.planning.warm_start import WarmStartPlan, plan_warm_start
from intraday_rl.core.errors import ConfigError, ParameterError

ROOT = Path("project")


def algo(name: str, regime_heads: bool = False) -> dict[str, object]:
    return {"name": name, "parameters": {"regime_heads": regime_heads, "total_timesteps": 200}}


CLONE = {"name": "bc", "value_warmup_steps": 100, "entropy": 0.3}


def test_plans() -> None:
    assert plan_warm_start({"name": "none"}, algo("sac"), ROOT) == WarmStartPlan("none", None, 0, 0.0)
    assert plan_warm_start(CLONE, algo("ppo"), ROOT) == WarmStartPlan("bc", None, 100, 0.3)
    other = {"name": "run", "path": "runs/x", "value_warmup_steps": 0}
    assert plan_warm_start(other, algo("sac"), ROOT) == WarmStartPlan("run", ROOT / "runs/x", 0, 0.0)


@pytest.mark.parametrize(
    ("node", "algorithm", "message"),
    [
        (CLONE, "sac", "warm_start=bc clones into the network of PPO and needs algo=ppo, was sac"),
        (CLONE, "recurrent_ppo", "needs algo=ppo, was recurrent_ppo"),
        (CLONE, "bc", "warm_start=bc needs an algorithm that trains further; algo=bc is a clone already"),
        ({"name": "run", "path": "x", "value_warmup_steps": 5}, "sac", "must be 0 with algo=sac"),
    ],
)
def test_refusals(node: dict[str, object], algorithm: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_warm_start(node, algo(algorithm), ROOT)


def test_negative_steps_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"warm_start\.value_warmup_steps must be >= 0"):
        plan_warm_start({"name": "bc", "value_warmup_steps": -1}, algo("ppo"), ROOT)


def test_the_clone_has_one_head() -> None:
    with pytest.raises(ConfigError, match=r"needs algo\.parameters\.regime_heads=false, was true"):
        plan_warm_start(CLONE, algo("ppo", regime_heads=True), ROOT)


def test_a_warm_up_leaves_steps_to_learn_in() -> None:
    with pytest.raises(ConfigError, match=r"must be < algo\.parameters\.total_timesteps \(200\), was 200"):
        plan_warm_start(CLONE | {"value_warmup_steps": 200}, algo("ppo"), ROOT)
