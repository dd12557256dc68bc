"""Proximal policy optimisation of networks that remember, by sb3-contrib."""

from __future__ import annotations

from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.algorithms.ppo import proximal_arguments, trunks
from intraday_rl.agents.parameters import RecurrentPpoParameters
from intraday_rl.agents.policies.recurrent import ACTIVATIONS


def build_recurrent_ppo(parameters: RecurrentPpoParameters, env: VecEnv, seed: int) -> RecurrentPPO:
    """Return an untrained RecurrentPPO model on the environment; policy and value network have an LSTM each.

    Args:
        parameters: hyper-parameters; `rollout_steps` is divided by the environment's N.
        env: N environments.
        seed: of the weights and of the sampled actions.
    """
    network = {
        **trunks(parameters),
        "lstm_hidden_size": parameters.lstm_size,
        "activation_fn": ACTIVATIONS[parameters.activation],
    }
    return RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=network, seed=seed, **proximal_arguments(parameters))
