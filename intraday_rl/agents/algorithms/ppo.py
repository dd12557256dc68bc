"""Proximal policy optimisation by Stable-Baselines3."""

from __future__ import annotations

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.parameters import PpoParameters


def build_ppo(parameters: PpoParameters, env: VecEnv, seed: int) -> PPO:
    """Return an untrained PPO model on the environment.

    Args:
        parameters: hyper-parameters; `rollout_steps` is divided by the environment's N.
        env: N environments.
        seed: of the weights and of the sampled actions.
    """
    layers = list(parameters.hidden_layers)
    return PPO(
        "MlpPolicy",
        env,
        learning_rate=parameters.learning_rate,
        n_steps=parameters.rollout_steps // parameters.num_envs,
        batch_size=parameters.batch_size,
        n_epochs=parameters.num_epochs,
        gamma=parameters.discount,
        gae_lambda=parameters.gae_lambda,
        clip_range=parameters.clip_range,
        ent_coef=parameters.entropy_start,
        vf_coef=parameters.value_coefficient,
        max_grad_norm=parameters.max_gradient_norm,
        target_kl=parameters.target_kl,
        policy_kwargs={"net_arch": {"pi": layers, "vf": list(layers)}},
        seed=seed,
        device="cpu",
    )
