"""Judge the policy on the validation sessions every so many steps, and keep the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.checkpoints.snapshot_state import snapshot_from, snapshot_state
from intraday_rl.agents.snapshot import PolicySnapshot, take_snapshot
from intraday_rl.core.protocols import Policy

Evaluator = Callable[[Policy], Mapping[str, float]]
Curve = list[dict[str, float]]
SCORE = "net_return"


class EvaluationTimes(NamedTuple):
    """When a policy in training is judged."""

    every_steps: int
    total_steps: int  # of the training; the last evaluation waits for the last update
    at_start: bool  # whether it is judged before its first step


class Validation(BaseCallback):
    """Evaluate at every multiple of `every_steps` and at the end; the best net return so far is kept.

    A policy that did not start from random weights is judged before its first step too.

    Attributes:
        best: the best policy so far, None before the first evaluation.
        best_score: its net return on the validation sessions.
        best_step: when it was seen.
        curve: one row per evaluation, `step` and the evaluator's numbers under `validation/`.
    """

    def __init__(
        self,
        evaluate: Evaluator,
        times: EvaluationTimes,
        keep: Callable[[PolicySnapshot, str], None],
        companions: Sequence[Callable[[], None]],
        on_curve: Callable[[Curve], None],
    ) -> None:
        """Prepare the evaluations.

        Args:
            evaluate: judges a policy; its numbers hold `net_return`.
            times: when it does.
            keep: stores a snapshot under a name ("best" or "last").
            companions: called at each evaluation, before its numbers are written.
            on_curve: given the whole curve whenever it has changed.
        """
        super().__init__()
        self._evaluate, self._times, self._keep = evaluate, times, keep
        self._companions, self._on_curve = companions, on_curve
        self._next = times.every_steps
        self.best: PolicySnapshot | None = None
        self.best_score = float("-inf")
        self.best_step = 0
        self.curve: Curve = []

    def state(self) -> dict[str, Any]:
        """Return when it is next, the best policy so far, and the curve."""
        return {
            "next": self._next,
            "best": None if self.best is None else snapshot_state(self.best),
            "best_score": self.best_score,
            "best_step": self.best_step,
            "curve": self.curve,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the callback was when it gave that state; it has its model already.

        The best policy is kept again: what was kept meanwhile may be a later one, which the training does not know.
        """
        self._next, self.best_score, self.best_step = state["next"], state["best_score"], state["best_step"]
        self.best = None if state["best"] is None else snapshot_from(state["best"], self.model)
        self.curve = list(state["curve"])
        self._on_curve(self.curve)
        if self.best is not None:
            self._keep(self.best, "best")

    def _on_training_start(self) -> None:
        if self._times.at_start and self.num_timesteps == 0:
            self._judge()

    def _on_step(self) -> bool:
        if self._next <= self.num_timesteps < self._times.total_steps:
            self._next += self._times.every_steps
            self._judge()
        return True

    def _on_training_end(self) -> None:
        self._judge()  # after the last update, which follows the last step

    def _judge(self) -> None:
        snapshot = take_snapshot(self.model)
        numbers: dict[str, Any] = {f"validation/{k}": v for k, v in self._evaluate(snapshot.live_policy).items()}
        self.curve.append({"step": float(self.num_timesteps), **numbers})
        self._on_curve(self.curve)
        score = numbers[f"validation/{SCORE}"]
        if score > self.best_score:
            self.best, self.best_score, self.best_step = snapshot, score, self.num_timesteps
            self._keep(snapshot, "best")
        self._keep(snapshot, "last")
        for key, value in numbers.items():
            self.logger.record(key, value)
        for companion in self._companions:
            companion()
        self.logger.dump(self.num_timesteps)
