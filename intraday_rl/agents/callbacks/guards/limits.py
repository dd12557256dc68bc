"""Limits of a training's alarms (SPEC B32-B34). No learning library is imported here."""

from __future__ import annotations

from dataclasses import dataclass

from intraday_rl.core import checks

REAL, MARTINGALE, OTHER = "real", "martingale", "other"  # what the bars of a training are


@dataclass(frozen=True, kw_only=True)
class AlarmLimits:
    """Where alarms begin: beyond a limit, not at it.

    Attributes:
        kl_max: approximate KL divergence of an update, nats.
        early_entropy_min: mean entropy of the policy during the first `early_fraction` of the steps, nats; entropies
            are watched where actions are discrete: those of densities may be negative.
        early_fraction: of the steps.
        entropy_min: mean entropy of the policy at any time, nats.
        explained_variance_max: share of the returns' variance that the critic explains, on real bars.
        martingale_t_max: mean result of the validation sessions of a martingale, in its standard errors.
        action_share_max: share of one discrete action in a rollout; an alarm if the last validation earned nothing too.
    """

    kl_max: float
    early_entropy_min: float
    early_fraction: float
    entropy_min: float
    explained_variance_max: float
    martingale_t_max: float
    action_share_max: float

    def check(self) -> None:
        """Refuse limits that every training or none can break."""
        owner = "AlarmLimits"
        checks.positive(owner, "kl_max", self.kl_max, "nats")
        for name in ("early_entropy_min", "entropy_min"):
            checks.non_negative(owner, name, getattr(self, name), "nats")
        for name in ("early_fraction", "action_share_max"):
            checks.fraction(owner, name, getattr(self, name))
        checks.fraction(owner, "explained_variance_max", self.explained_variance_max, "share of the variance")
        checks.positive(owner, "martingale_t_max", self.martingale_t_max, "standard errors")
