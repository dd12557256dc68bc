"""Where a run's training starts from, as the configuration says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intraday_rl.core import checks
from intraday_rl.core.errors import ConfigError

ACTOR_CRITICS = ("ppo", "recurrent_ppo")  # with a value network that can learn alone
MOST_ENTROPY = 1.0  # nats; three equally likely actions have 1.0986
NONE, BC, RUN = "none", "bc", "run"


@dataclass(frozen=True)
class WarmStartPlan:
    """What to start from.

    Attributes:
        name: none = random weights, bc = a clone of the expert, run = the policy of another run.
        path: of that run or its bundle.
        value_warmup_steps: environment steps at first in which only the value network learns.
        entropy: mean that the clone's discrete action probabilities are softened to, nats.
    """

    name: str
    path: Path | None
    value_warmup_steps: int
    entropy: float


def plan_warm_start(node: Mapping[str, Any], algo: Mapping[str, Any], project: Path) -> WarmStartPlan:
    """Return the plan.

    Args:
        node: `warm_start` of the configuration.
        algo: `algo` of the configuration.
        project: where relative paths start.

    Raises:
        ConfigError: the algorithm cannot start like that.
        ParameterError: the number of steps is negative.
    """
    name, steps, algorithm = node["name"], node.get("value_warmup_steps", 0), algo["name"]
    checks.one_of("warm_start", "name", name, (NONE, BC, RUN))
    checks.non_negative("warm_start", "value_warmup_steps", steps, "steps")
    if name != NONE and algorithm == "bc":
        raise ConfigError(f"warm_start={name} needs an algorithm that trains further; algo=bc is a clone already")
    if name == BC and algorithm != "ppo":
        raise ConfigError(f"warm_start=bc clones into the network of PPO and needs algo=ppo, was {algorithm}")
    if name == BC and algo["parameters"]["regime_heads"]:
        raise ConfigError(
            "warm_start=bc clones into the plain network of PPO and needs algo.parameters.regime_heads=false, was true"
        )
    if steps and algorithm not in ACTOR_CRITICS:
        raise ConfigError(
            f"warm_start.value_warmup_steps must be 0 with algo={algorithm}, which has no value network of its own, "
            f"was {steps}"
        )
    if steps and steps >= algo["parameters"]["total_timesteps"]:
        raise ConfigError(
            f"warm_start.value_warmup_steps must be < algo.parameters.total_timesteps "
            f"({algo['parameters']['total_timesteps']}), was {steps}: the policy would never learn"
        )
    entropy, path = node.get("entropy", 0.0), node.get("path")
    checks.within("warm_start", "entropy", entropy, 0.0, MOST_ENTROPY, "nats")
    return WarmStartPlan(name, None if path is None else project / Path(path).expanduser(), int(steps), float(entropy))
