"""When a trial is stopped before its end because it is hopeless.

Conventions: a trial is watched by one number that it writes from time to time, the larger the better: its curve, as
(step, value). Optuna offers no pruning for several objectives, so the rule for them is our own; a trial that it stops
is recorded as stopped early, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from intraday_rl.core import checks
from intraday_rl.sweeps.study import Curve

if TYPE_CHECKING:
    from optuna.trial import Trial


class Never(NamedTuple):
    """Every trial is trained to its end."""

    def pruner(self) -> Any:
        """Return Optuna's pruner: none."""
        return None

    def reason(self, trial: Trial, curve: Curve, finished: Sequence[Curve], last_step: float) -> str | None:
        """Return why the trial is to be stopped: it is not."""
        return None


class BelowQuantile(NamedTuple):
    """Stop a trial whose best so far is below a quantile of what ended trials had reached by the same step.

    Trials that were stopped count as long as they had come that far.
    """

    after_fraction: float  # of a trial's steps, before which it is let be
    quantile: float
    min_finished: int  # trials that came as far, which the quantile needs

    def check(self) -> None:
        """Refuse impossible numbers."""
        owner = "hparams.early_stop"
        checks.fraction(owner, "after_fraction", self.after_fraction)
        checks.within(owner, "quantile", self.quantile, 0.0, 1.0)
        checks.at_least(owner, "min_finished", self.min_finished, 2, "trials")

    def pruner(self) -> Any:
        """Return Optuna's pruner: none."""
        return None

    def reason(self, trial: Trial, curve: Curve, finished: Sequence[Curve], last_step: float) -> str | None:
        """Return why the trial is to be stopped, None if it goes on.

        Args:
            trial: the trial.
            curve: of the trial so far.
            finished: curves of the trials that came to their end or were stopped.
            last_step: at which a trial ends.
        """
        if not curve or curve[-1][0] < self.after_fraction * last_step:
            return None
        step, mine = curve[-1][0], best_until(curve, curve[-1][0])
        reached = [best_until(other, step) for other in finished if other[-1][0] >= step]
        others = [best for best in reached if best > -np.inf]
        if len(others) < self.min_finished:
            return None
        limit = float(np.quantile(np.array(others), self.quantile))
        if mine >= limit:
            return None
        return (
            f"best validation result {mine:.4g} at step {step:,.0f} is below the {self.quantile:.0%} quantile "
            f"{limit:.4g} of {len(others)} trials that came as far"
        )


class Median(NamedTuple):
    """Optuna's median pruning, of a single objective."""

    startup_trials: int  # finished trials before it prunes
    warmup_steps: int  # of a trial, before which it is let be

    def check(self) -> None:
        """Refuse impossible numbers."""
        checks.non_negative("hparams.early_stop", "startup_trials", self.startup_trials, "trials")
        checks.non_negative("hparams.early_stop", "warmup_steps", self.warmup_steps, "steps")

    def pruner(self) -> Any:
        """Return Optuna's pruner."""
        from optuna.pruners import MedianPruner

        return MedianPruner(n_startup_trials=self.startup_trials, n_warmup_steps=self.warmup_steps)

    def reason(self, trial: Trial, curve: Curve, finished: Sequence[Curve], last_step: float) -> str | None:
        """Return why the trial is to be stopped, None if it goes on; its curve is told to Optuna."""
        if not curve:
            return None
        sign = 1.0 if trial.study.direction.name == "MAXIMIZE" else -1.0
        for step, value in curve:
            if step not in trial.storage.get_trial(trial._trial_id).intermediate_values:
                trial.report(sign * value, int(step))
        return f"pruned by Optuna at step {curve[-1][0]:,.0f}: below the median" if trial.should_prune() else None


Stopping = Never | BelowQuantile | Median


def best_until(curve: Curve, step: float) -> float:
    """Return the largest value of the curve up to the step; minus infinity before its first."""
    return max((value for at, value in curve if at <= step), default=-np.inf)
