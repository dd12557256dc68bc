"""The network that a run trains, before anything is learnt."""

from __future__ import annotations

from typing import Any

import torch

from intraday_rl.agents.algorithms.build import build_model
from intraday_rl.agents.parameters import BcParameters
from intraday_rl.agents.policies.networks import build_policy
from intraday_rl.agents.trainer import make_training_env
from intraday_rl.app.learning.run import Run
from intraday_rl.app.learning.task import training_task
from intraday_rl.core import seeding


def untrained_network(run: Run) -> Any:
    """Return SB3's policy as the run's algorithm begins with it, weights and all.

    Behaviour cloning has the network of PPO.
    """
    seed, parameters = seeding.integer(run.config["seed"], "model"), run.plan.parameters
    if isinstance(parameters, BcParameters):
        torch.manual_seed(seed)
        description = {"network": "ActorCriticPolicy", "hidden_layers": list(parameters.hidden_layers)}
        rules = run.data.rules
        return build_policy(description, rules.layout.space(), rules.actions.space())
    return build_model(parameters, make_training_env(training_task(run, None)), seed).policy
