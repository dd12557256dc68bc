"""Proximal policy optimisation by Stable-Baselines3."""

from __future__ import annotations

from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.parameters import PpoParameters, ProximalParameters
from intraday_rl.agents.policies.regime_heads import RegimeHeadsPolicy, regime_columns


def build_ppo(parameters: PpoParameters, env: VecEnv, seed: int) -> PPO:
    """Return an untrained PPO model on the environment.

    Args:
        parameters: hyper-parameters; `rollout_steps` is divided by the environment's N.
        env: N environments.
        seed: of the weights and of the sampled actions.
    """
    hyper, network = proximal_arguments(parameters), trunks(parameters)
    if not parameters.regime_heads:
        return PPO("MlpPolicy", env, policy_kwargs=network, seed=seed, **hyper)
    network["regime_columns"] = regime_columns(_columns(env))
    return PPO(RegimeHeadsPolicy, env, policy_kwargs=network, seed=seed, **hyper)


def _columns(env: VecEnv) -> tuple[str, ...]:
    """Return the names of an observation's columns."""
    trading: Any = env.unwrapped
    names: tuple[str, ...] = trading.batch.rules.layout.names
    return names


def trunks(parameters: ProximalParameters) -> dict[str, Any]:
    """Return the arguments of SB3's policy that make a policy trunk and a value trunk of the same widths."""
    layers = list(parameters.hidden_layers)
    return {"net_arch": {"pi": layers, "vf": list(layers)}}


def proximal_arguments(parameters: ProximalParameters) -> dict[str, Any]:
    """Return the hyper-parameters under SB3's names; PPO with and without memory have the same ones."""
    return {
        "learning_rate": parameters.learning_rate,
        "n_steps": parameters.rollout_steps // parameters.num_envs,
        "batch_size": parameters.batch_size,
        "n_epochs": parameters.num_epochs,
        "gamma": parameters.discount,
        "gae_lambda": parameters.gae_lambda,
        "clip_range": parameters.clip_range,
        "ent_coef": parameters.entropy_start,
        "vf_coef": parameters.value_coefficient,
        "max_grad_norm": parameters.max_gradient_norm,
        "target_kl": parameters.target_kl,
        "device": "cpu",
    }
