"""Parameters of behaviour cloning. No learning library is imported here, so that a wrong value is refused at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from intraday_rl.core import checks

FP32, BF16, AUTO = "fp32", "bf16", "auto"


class AcceptanceLimits(NamedTuple):
    """What a clone must reach on days that it was not fitted to, to be accepted (SPEC B36, R151)."""

    skill: float  # 1 - loss / loss of always saying how often each action is
    macro_recall: float  # mean over the actions of the share of theirs that the clone takes too
    profit_factor: float

    def check(self) -> None:
        """Refuse limits that everything or nothing reaches."""
        for name in ("skill", "macro_recall"):
            checks.fraction("AcceptanceLimits", name, getattr(self, name))
        checks.positive("AcceptanceLimits", "profit_factor", self.profit_factor)


@dataclass(frozen=True, kw_only=True)
class CloningParameters:
    """How a network is fitted to demonstrations.

    Adam's learning rate falls linearly to 0 over `num_epochs`; it ends early after `patience` epochs without a better
    validation loss. Actions count by their inverse frequency to the power of `class_balance`; the network's
    probabilities are those of the demonstrations all the same. `precision` is that of the products of the hidden
    layers: fp32, bf16, or auto = bf16 where the processor computes in it.
    """

    num_epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    validation_fraction: float
    embargo_sessions: int
    class_balance: float
    precision: str
    acceptance: AcceptanceLimits

    def check(self) -> None:
        """Refuse values that cannot be fitted with."""
        owner = "CloningParameters"
        for name in ("num_epochs", "batch_size", "patience"):
            checks.at_least(owner, name, getattr(self, name), 1)
        checks.positive(owner, "learning_rate", self.learning_rate)
        checks.within(owner, "validation_fraction", self.validation_fraction, 0.01, 0.5, "fraction of the days")
        checks.at_least(owner, "embargo_sessions", self.embargo_sessions, 0, "days")
        checks.within(owner, "class_balance", self.class_balance, 0.0, 1.0)
        checks.one_of(owner, "precision", self.precision, (FP32, BF16, AUTO))
