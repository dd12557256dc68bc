"""Parameters of the algorithms. No learning library is imported here, so that a wrong value is refused at once."""

from __future__ import annotations

from dataclasses import dataclass

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class PpoParameters:
    """Proximal policy optimisation (Schulman et al. 2017), with the names of its paper where it has any.

    `rollout_steps` is over all environments together (SPEC B59); `entropy_*` is the coefficient of the entropy bonus,
    linear from start to end over the first `entropy_anneal_fraction` of the steps (B35).
    """

    total_timesteps: int
    num_envs: int
    rollout_steps: int
    batch_size: int
    num_epochs: int
    learning_rate: float
    discount: float
    gae_lambda: float
    clip_range: float
    entropy_start: float
    entropy_end: float
    entropy_anneal_fraction: float
    value_coefficient: float
    max_gradient_norm: float
    target_kl: float | None
    hidden_layers: tuple[int, ...]
    normalize: bool
    normalize_clip: float

    def check(self) -> None:
        """Refuse values that cannot train."""
        owner = "PpoParameters"
        for name in ("total_timesteps", "num_envs", "num_epochs"):
            checks.at_least(owner, name, getattr(self, name), 1)
        for name in ("rollout_steps", "batch_size"):
            checks.at_least(owner, name, getattr(self, name), 2, "steps")
        for name in ("learning_rate", "clip_range", "max_gradient_norm", "normalize_clip"):
            checks.positive(owner, name, getattr(self, name))
        for name in ("entropy_start", "entropy_end", "value_coefficient"):
            checks.non_negative(owner, name, getattr(self, name))
        for name in ("discount", "gae_lambda", "entropy_anneal_fraction"):
            checks.fraction(owner, name, getattr(self, name))
        if self.target_kl is not None:
            checks.positive(owner, "target_kl", self.target_kl)
        if not self.hidden_layers or min(self.hidden_layers) < 1:
            raise ParameterError(f"{owner}.hidden_layers must be one or more widths >= 1, was {self.hidden_layers}")
        if self.rollout_steps % self.num_envs:
            raise ParameterError(
                f"{owner}.rollout_steps must be a multiple of num_envs ({self.num_envs}), was {self.rollout_steps}"
            )
        if self.batch_size > self.rollout_steps:
            raise ParameterError(
                f"{owner}.batch_size must be <= rollout_steps ({self.rollout_steps}), was {self.batch_size}"
            )
