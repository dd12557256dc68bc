"""Soft actor-critic by Stable-Baselines3."""

from __future__ import annotations

from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import VecEnv

from intraday_rl.agents.parameters import SacParameters


def build_sac(parameters: SacParameters, env: VecEnv, seed: int) -> SAC:
    """Return an untrained SAC model on the environment.

    Its replay buffer keeps raw observations and rewards; they are normalised when they are drawn, with the moments of
    that moment.

    Args:
        parameters: hyper-parameters.
        env: N environments with actions in a Box.
        seed: of the weights and of the sampled actions.
    """
    alpha = parameters.entropy_coefficient
    return SAC(
        "MlpPolicy",
        env,
        learning_rate=parameters.learning_rate,
        buffer_size=parameters.buffer_size,
        learning_starts=parameters.learning_starts,
        batch_size=parameters.batch_size,
        tau=parameters.tau,
        gamma=parameters.discount,
        train_freq=(parameters.train_every, "step"),
        gradient_steps=parameters.gradient_steps,
        ent_coef="auto" if alpha is None else alpha,
        policy_kwargs={"net_arch": list(parameters.hidden_layers)},
        seed=seed,
        device="cpu",
    )
