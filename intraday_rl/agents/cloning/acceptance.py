"""Whether a clone does what the expert does, on days that neither its weights nor its epoch was chosen by (SPEC B36).

A low cross-entropy says nothing where an expert mostly waits, so the loss is held against that of always saying how
often each action is, and the rare actions count as much as waiting does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from intraday_rl.agents.cloning.demonstrations import Demonstrations
from intraday_rl.agents.cloning.parameters import AcceptanceLimits
from intraday_rl.agents.policies.scaler import ObservationScaler, network_inputs

CODES, SIDES = ("SELL", "HOLD", "BUY"), ("short", "flat", "long")


@dataclass(frozen=True)
class Acceptance:
    """How well a clone does as the expert does, on days that are new to it.

    Attributes:
        loss: cross-entropy in nats, or mean squared error of sizes, actions as often as they are.
        prior_loss: the same of always saying how often each action is, or the mean size.
        recalls: action -> share of the expert's that the clone takes too; None where the expert never takes it.
        profit_factor: of the clone on these days, all costs paid; NaN without trades.
        decisions: how many were judged.
        limits: what is to be reached.
    """

    loss: float
    prior_loss: float
    recalls: Mapping[str, float | None]
    profit_factor: float
    decisions: int
    limits: AcceptanceLimits

    @property
    def skill(self) -> float:
        """1 - loss / prior_loss; NaN where the expert never does anything else."""
        return 1.0 - self.loss / self.prior_loss if self.prior_loss > 0.0 else math.nan

    @property
    def macro_recall(self) -> float:
        """Mean of the recalls that there are."""
        return float(np.mean([recall for recall in self.recalls.values() if recall is not None]))

    @property
    def measured(self) -> dict[str, float]:
        """What is held against the limits, by their names."""
        return {"skill": self.skill, "macro_recall": self.macro_recall, "profit_factor": self.profit_factor}

    @property
    def is_accepted(self) -> bool:
        """Whether every limit is reached; what is no number reaches none."""
        return all(self.measured[name] >= limit for name, limit in self.limits._asdict().items())

    def lines(self) -> list[str]:
        """Return a line for each limit with what was measured, and one for the actions that the expert never takes."""
        lines = []
        for name, limit in self.limits._asdict().items():
            value = self.measured[name]
            lines.append(f"{name} {value:.3f} >= {limit:g}: {'met' if value >= limit else 'not met'}")
        absent = [name for name, recall in self.recalls.items() if recall is None]
        if absent:
            lines.append(f"macro_recall leaves out {', '.join(absent)}: the expert never does it on these days")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; null = no number."""
        values = {**asdict(self), "recalls": dict(self.recalls), "limits": self.limits._asdict()}
        values |= {**self.measured, "is_accepted": self.is_accepted}
        return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}


def judge_clone(
    policy: ActorCriticPolicy,
    scaler: ObservationScaler | None,
    demonstrations: Demonstrations,
    limits: AcceptanceLimits,
    profit_factor: float,
) -> Acceptance:
    """Judge a fitted network on demonstrations that it has not seen.

    Args:
        policy: the network, with the clone's weights.
        scaler: of its observations.
        demonstrations: of the same expert on other days than those that it was fitted to.
        limits: what is to be reached.
        profit_factor: of the clone on these days, all costs paid.
    """
    inputs = torch.from_numpy(network_inputs(demonstrations.observations, scaler))
    with torch.no_grad():
        outputs = policy.action_net(policy.mlp_extractor.forward_actor(inputs)).double().numpy()
    actions = demonstrations.actions
    if isinstance(policy.action_space, gymnasium.spaces.Discrete):
        loss, prior = cross_entropy(outputs, actions), entropy(actions)
        recalls = recalls_of(actions, outputs.argmax(axis=1), CODES)
    else:
        loss, prior = float(np.mean((outputs[:, 0] - actions) ** 2)), float(np.var(actions))
        recalls = recalls_of(side_codes(actions), side_codes(outputs[:, 0]), SIDES)
    return Acceptance(loss, prior, recalls, profit_factor, len(actions), limits)


def cross_entropy(logits: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]) -> float:
    """Return the mean of -ln p(code), p = softmax of the logits (n, A), nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(codes)), codes]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen))


def entropy(codes: npt.NDArray[np.int64]) -> float:
    """Return the cross-entropy of always saying how often each code is, nats: the least that a constant can reach."""
    counts = np.bincount(codes)
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * np.log(shares)).sum())


def recalls_of(
    wanted: npt.NDArray[np.int64], done: npt.NDArray[np.int64], names: tuple[str, ...]
) -> dict[str, float | None]:
    """Return for each code the share of its decisions that were done alike; None where it is never wanted."""
    shares: dict[str, float | None] = {}
    for code, name in enumerate(names):
        own = wanted == code
        shares[name] = float(np.mean(done[own] == code)) if own.any() else None
    return shares


def side_codes(sizes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return 0, 1 or 2 for sizes nearest to short, flat or long at the full size."""
    return np.asarray(np.clip(np.rint(sizes), -1.0, 1.0) + 1.0, dtype=np.int64)
