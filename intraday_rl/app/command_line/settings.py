"""Laws of the settings that belong to no struct: seed, name, when to evaluate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from intraday_rl.core import checks
from intraday_rl.core.errors import ConfigError

SEED_END = 2**32  # exclusive: the largest seed that every library takes is below it
JUDGE_ON = ("test", "validation")  # parts of the sessions
NAME = re.compile(r"[\w.+-]+")
RUN_ID = re.compile(r"[0-9a-f]{32}")  # of MLflow's runs
OWN_TAGS = (  # what MLflow is told of every run
    "study",
    "phase",
    "algo",
    "data_source",
    "data_fingerprint",
    "train_window",
    "train_sessions",
    "validation_window",
    "validation_sessions",
    "test_window",
    "test_sessions",
    "judged_on",
    "git_commit",
    "run_folder",
    "verdict",
    "alarms",
    "host",
    "pid",
    "process_started",
)


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


def check_training(config: Mapping[str, Any]) -> None:
    """Refuse settings that no training can have: of its checkpoints, and of the sessions that it is judged on.

    What judges a saved policy needs none of them.

    Raises:
        ParameterError: by the key.
    """
    checks.non_negative("checkpoint", "every_seconds", config["checkpoint"]["every_seconds"], "seconds")
    checks.at_least("checkpoint", "keep", config["checkpoint"]["keep"], 1, "checkpoints")
    checks.one_of("evaluation", "judge_on", config["evaluation"]["judge_on"], JUDGE_ON)


def check_tracking(tracking: Mapping[str, Any]) -> None:
    """Refuse settings that no run in MLflow can have.

    Raises:
        ConfigError: by the key.
    """
    parent, name = tracking["parent"], tracking["run_name"]
    if parent is not None and not (isinstance(parent, str) and RUN_ID.fullmatch(parent)):
        raise ConfigError(
            f"tracking.parent must be the id of a run in MLflow, a text of 32 hexadecimal digits, was {parent!r}"
        )
    if isinstance(name, bool) or not isinstance(name, str | int | None) or name == "":
        raise ConfigError(f"tracking.run_name must be a text, was {name!r}")
    for tag in tracking["tags"]:
        if tag in OWN_TAGS:
            raise ConfigError(f"tracking.tags.{tag} is a tag that every run has already; choose another name")
