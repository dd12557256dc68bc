"""Alarms: a training that deserves a look says so once, in its log, and is marked among its metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.callbacks.guards.limits import MARTINGALE, REAL, AlarmLimits
from intraday_rl.agents.callbacks.guards.policy_statistics import ENTROPY_LOSS, SHARES

LOG = logging.getLogger(__name__)
UPDATES, KL, EXPLAINED_VARIANCE = "train/n_updates", "train/approx_kl", "train/explained_variance"
SCORE, T_STATISTIC = "validation/net_return", "validation/t_statistic"
DO_NOTHING = 0.0  # net return of an account that never trades
COLLAPSE, LEAK = "collapse", "leak"

TEXTS = {  # by alarm; that of a leak by the kind of the bars
    "kl": "an update moved the policy by a KL divergence of {value:.3g} nats, more than {limit:g}; lower "
    "algo.parameters.learning_rate",
    "early_entropy": "the policy's entropy is {value:.3g} nats, below {limit:g} so early in the training; raise "
    "algo.parameters.entropy_start",
    "entropy": "the policy's entropy is {value:.3g} nats, below {limit:g}: it has stopped exploring",
    REAL: "the critic explains {value:.0%} of the variance of returns, more than {limit:.0%}; no market allows that: "
    "look for features that know the future",
    MARTINGALE: "the policy earns {value:.1f} standard errors in a market in which nothing can be earned, more than "
    "{limit:g}; look for features that know the future",
    COLLAPSE: "{value:.1%} of the actions drawn are one and the same, more than {limit:.0%}, and the last validation "
    "earned no more than doing nothing: the policy has collapsed",
}


class Alarm(NamedTuple):
    """An alarm that began."""

    name: str
    step: int
    value: float
    limit: float


class Reading(NamedTuple):
    """A number beside the limit of its alarm."""

    name: str
    value: float
    limit: float
    is_beyond: bool


class Alarms(BaseCallback):
    """Watch the numbers of the learner (SPEC B32-B34).

    `kl`, `early_entropy`, `entropy`, `leak` and `collapse`, as `AlarmLimits` describes them: each is a metric
    `alarm/<name>`, 1 while it lasts and 0 else, written with the numbers that it is about. What an algorithm does not
    log is not watched: SAC has the martingale's leak alarm alone. `update` is called at each evaluation, with its
    numbers in the logger.

    Attributes:
        alarms: those that began, in order; one that ends and begins again stands there twice.
    """

    def __init__(self, limits: AlarmLimits, data_kind: str, total_steps: int, is_discrete: bool) -> None:
        """Prepare the alarms.

        Args:
            limits: where they begin.
            data_kind: what the bars are: `limits.REAL`, `MARTINGALE` or `OTHER`.
            total_steps: of the training.
            is_discrete: whether actions are discrete.
        """
        super().__init__()
        self._limits, self._is_discrete = limits, is_discrete
        self._early_steps, self._data_kind = limits.early_fraction * total_steps, data_kind
        self._updates = 0  # of the learner, as of its numbers that were read last
        self._largest_share: float | None = None  # of one action in the last rollout
        self._score: float | None = None  # of the last evaluation
        self._lasting: set[str] = set()
        self.alarms: list[Alarm] = []

    @property
    def has_collapsed(self) -> bool:
        """Whether the policy has collapsed, as of the last rollout and evaluation."""
        return COLLAPSE in self._lasting

    def update(self) -> None:
        """Look at the numbers that wait in the logger."""
        numbers = self.logger.name_to_value
        if all(name in numbers for name in SHARES):
            self._largest_share = max(float(numbers[name]) for name in SHARES)
        if SCORE in numbers:
            self._score = float(numbers[SCORE])
        for reading in tuple(self._readings(numbers)):
            if not reading.is_beyond:
                self._lasting.discard(reading.name)
            elif reading.name not in self._lasting:
                self._lasting.add(reading.name)
                self._begin(reading)
            self.logger.record(f"alarm/{reading.name}", float(reading.is_beyond))

    def state(self) -> dict[str, Any]:
        """Return what changes during training, as JSON values."""
        return {
            "updates": self._updates,
            "largest_share": self._largest_share,
            "score": self._score,
            "lasting": sorted(self._lasting),
            "alarms": [list(alarm) for alarm in self.alarms],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._updates = state["updates"]
        self._largest_share, self._score = state["largest_share"], state["score"]
        self._lasting = set(state["lasting"])
        self.alarms = [Alarm(*alarm) for alarm in state["alarms"]]

    def _readings(self, numbers: Mapping[str, Any]) -> Iterator[Reading]:
        """Yield the readings of an update once, that of an evaluation, and that of the collapse once it is known."""
        if numbers.get(UPDATES, self._updates) != self._updates:
            self._updates = int(numbers[UPDATES])
            yield from self._update_readings(numbers)
        if self._data_kind == MARTINGALE and T_STATISTIC in numbers:
            errors, limit = float(numbers[T_STATISTIC]), self._limits.martingale_t_max
            yield Reading(LEAK, errors, limit, errors > limit)
        if self._largest_share is not None and self._score is not None:
            limit = self._limits.action_share_max
            is_beyond = self._largest_share > limit and self._score <= DO_NOTHING
            yield Reading(COLLAPSE, self._largest_share, limit, is_beyond)

    def _update_readings(self, numbers: Mapping[str, Any]) -> Iterator[Reading]:
        limits = self._limits
        if KL in numbers:
            kl = float(numbers[KL])
            yield Reading("kl", kl, limits.kl_max, kl > limits.kl_max)
        if self._is_discrete and ENTROPY_LOSS in numbers:
            entropy = -float(numbers[ENTROPY_LOSS])
            is_early = self.num_timesteps < self._early_steps
            is_low = entropy < limits.early_entropy_min
            yield Reading("early_entropy", entropy, limits.early_entropy_min, is_early and is_low)
            yield Reading("entropy", entropy, limits.entropy_min, entropy < limits.entropy_min)
        if self._data_kind == REAL and EXPLAINED_VARIANCE in numbers:
            explained = float(numbers[EXPLAINED_VARIANCE])
            yield Reading(LEAK, explained, limits.explained_variance_max, explained > limits.explained_variance_max)

    def _begin(self, reading: Reading) -> None:
        alarm = Alarm(reading.name, self.num_timesteps, reading.value, reading.limit)
        self.alarms.append(alarm)
        text = TEXTS[self._data_kind if alarm.name == LEAK else alarm.name].format(value=alarm.value, limit=alarm.limit)
        LOG.warning("alarm %s at step %s: %s", alarm.name, f"{alarm.step:,}", text)

    def _on_rollout_start(self) -> None:
        self.update()

    def _on_rollout_end(self) -> None:
        self.update()

    def _on_step(self) -> bool:
        return True
