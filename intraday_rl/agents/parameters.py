"""Parameters of the algorithms. No learning library is imported here, so that a wrong value is refused at once."""

from __future__ import annotations

from dataclasses import dataclass

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError

ACTIVATIONS = ("tanh", "relu")


@dataclass(frozen=True, kw_only=True)
class NetworkParameters:
    """What every network has: widths of its layers, and whether and how its inputs are normalised."""

    hidden_layers: tuple[int, ...]
    normalize: bool
    normalize_clip: float

    @property
    def owner(self) -> str:
        """The name that messages begin with."""
        return type(self).__name__

    def check(self) -> None:
        """Refuse values that cannot train."""
        checks.positive(self.owner, "normalize_clip", self.normalize_clip)
        if not self.hidden_layers or min(self.hidden_layers) < 1:
            raise ParameterError(
                f"{self.owner}.hidden_layers must be one or more widths >= 1, was {self.hidden_layers}"
            )


@dataclass(frozen=True, kw_only=True)
class BcParameters(NetworkParameters):
    """Behaviour cloning: the network alone; how it is fitted is `agents.cloning`'s."""


@dataclass(frozen=True, kw_only=True)
class AlgorithmParameters(NetworkParameters):
    """What every algorithm has that learns from rewards: budget, environments, learning rate and discount."""

    total_timesteps: int
    num_envs: int
    batch_size: int
    learning_rate: float
    discount: float

    def check(self) -> None:
        """Refuse values that cannot train."""
        super().check()
        for name in ("total_timesteps", "num_envs"):
            checks.at_least(self.owner, name, getattr(self, name), 1)
        checks.at_least(self.owner, "batch_size", self.batch_size, 2, "steps")
        checks.positive(self.owner, "learning_rate", self.learning_rate)
        checks.fraction(self.owner, "discount", self.discount)


@dataclass(frozen=True, kw_only=True)
class ProximalParameters(AlgorithmParameters):
    """Proximal policy optimisation (Schulman et al. 2017), with the names of its paper where it has any.

    `rollout_steps` is over all environments together (SPEC B59); `entropy_*` is the coefficient of the entropy bonus,
    linear from start to end over the first `entropy_anneal_fraction` of the steps (B35).
    """

    rollout_steps: int
    num_epochs: int
    gae_lambda: float
    clip_range: float
    entropy_start: float
    entropy_end: float
    entropy_anneal_fraction: float
    value_coefficient: float
    max_gradient_norm: float
    target_kl: float | None

    def check(self) -> None:
        """Refuse values that cannot train."""
        super().check()
        checks.at_least(self.owner, "num_epochs", self.num_epochs, 1)
        checks.at_least(self.owner, "rollout_steps", self.rollout_steps, 2, "steps")
        for name in ("clip_range", "max_gradient_norm"):
            checks.positive(self.owner, name, getattr(self, name))
        for name in ("entropy_start", "entropy_end", "value_coefficient"):
            checks.non_negative(self.owner, name, getattr(self, name))
        for name in ("gae_lambda", "entropy_anneal_fraction"):
            checks.fraction(self.owner, name, getattr(self, name))
        if self.target_kl is not None:
            checks.positive(self.owner, "target_kl", self.target_kl)
        if self.rollout_steps % self.num_envs:
            raise ParameterError(
                f"{self.owner}.rollout_steps must be a multiple of num_envs ({self.num_envs}), was {self.rollout_steps}"
            )
        if self.batch_size > self.rollout_steps:
            raise ParameterError(
                f"{self.owner}.batch_size must be <= rollout_steps ({self.rollout_steps}), was {self.batch_size}"
            )


@dataclass(frozen=True, kw_only=True)
class PpoParameters(ProximalParameters):
    """PPO with a network without memory; `regime_heads` gives each market regime an action head of its own."""

    regime_heads: bool


@dataclass(frozen=True, kw_only=True)
class RecurrentPpoParameters(ProximalParameters):
    """PPO whose policy and value network each remember through an LSTM (Hochreiter, Schmidhuber 1997) of their own.

    `lstm_size` is the width of its hidden state; `hidden_layers` come after it, with this `activation`.
    """

    lstm_size: int
    activation: str

    def check(self) -> None:
        """Refuse values that cannot train."""
        super().check()
        checks.at_least(self.owner, "lstm_size", self.lstm_size, 1)
        checks.one_of(self.owner, "activation", self.activation, ACTIVATIONS)


@dataclass(frozen=True, kw_only=True)
class SacParameters(AlgorithmParameters):
    """Soft actor-critic (Haarnoja et al. 2018), with the names of its paper where it has any.

    Every environment makes `train_every` steps, then come `gradient_steps` updates, as soon as `learning_starts` steps
    of all environments together are done with random actions. `entropy_coefficient` None = tuned on the way, so that
    the policy's entropy comes to minus the number of its actions' dimensions.
    """

    tau: float
    buffer_size: int
    learning_starts: int
    train_every: int
    gradient_steps: int
    entropy_coefficient: float | None

    def check(self) -> None:
        """Refuse values that cannot train."""
        super().check()
        checks.fraction(self.owner, "tau", self.tau)
        for name in ("train_every", "gradient_steps"):
            checks.at_least(self.owner, name, getattr(self, name), 1)
        checks.non_negative(self.owner, "learning_starts", self.learning_starts, "steps")
        if self.buffer_size < self.batch_size:
            raise ParameterError(
                f"{self.owner}.buffer_size must be >= batch_size ({self.batch_size}), was {self.buffer_size}"
            )
        if self.learning_starts >= self.total_timesteps:
            raise ParameterError(
                f"{self.owner}.learning_starts must be < total_timesteps ({self.total_timesteps}), "
                f"was {self.learning_starts}"
            )
        if self.entropy_coefficient is not None:
            checks.non_negative(self.owner, "entropy_coefficient", self.entropy_coefficient)
