"""The algorithm of a configuration: its parameters, and what they ask of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intraday_rl.app.planning.structs import build_struct
from intraday_rl.core.errors import ConfigError

ENGINE = "sb3"  # Stable-Baselines3's own learner


def plan_algorithm(node: Mapping[str, Any], rules: Any) -> Any:
    """Return the parameters of the algorithm.

    Args:
        node: `algo` of the configuration.
        rules: the environment's rules: what is done and seen in it.

    Raises:
        ConfigError: a value is not allowed, or the algorithm cannot act in this environment, or sees too little of it.
    """
    from intraday_rl.agents.parameters import BcParameters, PpoParameters, RecurrentPpoParameters, SacParameters
    from intraday_rl.env.actions import Continuous
    from intraday_rl.features import REGIMES

    if node["engine"] != ENGINE:
        raise ConfigError(f"algo.engine must be {ENGINE}, was {node['engine']!r}")
    parameters = build_struct(
        "algo.parameters", node["parameters"], PpoParameters, RecurrentPpoParameters, SacParameters, BcParameters
    )
    if isinstance(parameters, SacParameters) and not isinstance(rules.actions, Continuous):
        raise ConfigError(
            f"algo={node['name']} needs env/actions=continuous, was {type(rules.actions).__name__}; leave env/actions "
            "out"
        )
    heads = isinstance(parameters, PpoParameters) and parameters.regime_heads
    if heads and not set(REGIMES) <= set(rules.layout.market):
        raise ConfigError(
            "algo.parameters.regime_heads needs features=full51_regime, or other features with the columns "
            f"{', '.join(REGIMES)}"
        )
    return parameters
