"""Laws of the settings that belong to no struct: seed, name, when to evaluate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from intraday_rl.core import checks
from intraday_rl.core.errors import ConfigError

SEED_END = 2**32  # exclusive: the largest seed that every library takes is below it
NAME = re.compile(r"[\w.+-]+")


def check_settings(config: Mapping[str, Any], algorithms: Sequence[str]) -> None:
    """Refuse settings that no run can have.

    Args:
        config: the resolved configuration, keys and kinds already checked.
        algorithms: names that an algorithm may have.

    Raises:
        ConfigError: by the key.
        ParameterError: by the key.
    """
    if not 0 <= config["seed"] < SEED_END:
        raise ConfigError(f"seed must be in [0, {SEED_END}), was {config['seed']!r}")
    if not isinstance(config["name"], str) or not NAME.fullmatch(config["name"]):
        raise ConfigError(f"name must be of letters, digits and . _ + - (it names the folder), was {config['name']!r}")
    evaluation = config["evaluation"]
    checks.at_least("evaluation", "every_steps", evaluation["every_steps"], 1, "training steps")
    checks.non_negative("evaluation", "bootstrap_seed", evaluation["bootstrap_seed"])
    checks.positive("evaluation", "slippage_budget_multiple", evaluation["slippage_budget_multiple"])
    checks.one_of("algo", "name", config["algo"]["name"], algorithms)


def check_checkpoint(config: Mapping[str, Any]) -> None:
    """Refuse settings of checkpoints that no training can have; what judges a policy has none.

    Raises:
        ParameterError: by the key.
    """
    checks.non_negative("checkpoint", "every_seconds", config["checkpoint"]["every_seconds"], "seconds")
    checks.at_least("checkpoint", "keep", config["checkpoint"]["keep"], 1, "checkpoints")
