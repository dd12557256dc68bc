"""Move training through the stages of a curriculum: finished episodes in, parameters of the rules out.

Weights, optimiser and running statistics go on as they are: only parameters of the rules change, in place, from the
next bar on, for all symbols. An episode belongs to the stage in which it ended. Of the episodes that end in one step
with a change, those after the one that brought it belong to neither stage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from stable_baselines3.common.callbacks import BaseCallback

from intraday_rl.agents.callbacks.finished_episodes import finished_episodes
from intraday_rl.agents.snapshot import PolicySnapshot, take_snapshot
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.curriculum.stages import CurriculumPlan, SharpeGatedCurriculum, Stage, StageChange
from intraday_rl.env.vec_env import TradingVecEnv

_logger = logging.getLogger(__name__)


def set_stage(batch: BatchEnv, stage: Stage) -> None:
    """Set the stage's parameters in the batch's rules."""
    for key, value in stage.parameters.items():
        batch.set_parameter(key, value)


def checkpoint_name(place: int, stage: Stage) -> str:
    """Return the name under which a policy is kept that leaves the stage, which is counted from 1 here."""
    return f"stage_{place + 1}_{stage.name}"


class Curriculum(BaseCallback):
    """Feed finished episodes to the curriculum; at a change keep the policy, set the rules and say so.

    `curriculum/stage` (from 0) and `curriculum/sharpe` (of the promotion window) are written at each change, where the
    Sharpe ratio is the one that decided, and with each evaluation. The policy is kept under `checkpoint_name`; a stage
    that is left again replaces what was kept.
    """

    def __init__(self, plan: CurriculumPlan, keep: Callable[[PolicySnapshot, str], None]) -> None:
        """Prepare the first stage, whose parameters the environment has.

        Args:
            plan: gate and stages.
            keep: stores a snapshot under a name.
        """
        super().__init__()
        self.curriculum = SharpeGatedCurriculum(plan)
        self._keep = keep

    def record(self) -> None:
        """Hand stage and Sharpe ratio to the logger, to be written with what else is measured now."""
        self._record(self.curriculum.stage, self.curriculum.sharpe)

    def state(self) -> dict[str, Any]:
        """Return the curriculum's state; the rules' parameters are the environment's."""
        return self.curriculum.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the callback was when it gave that state."""
        self.curriculum.restore(state)

    def _on_training_start(self) -> None:
        if self.num_timesteps:
            return  # a training that goes on
        self.record()
        self.logger.dump(self.num_timesteps)
        _logger.info("Stage %s - begun", self.curriculum.plan.stages[0].name)

    def _on_step(self) -> bool:
        was_completed = self.curriculum.is_completed
        for info in finished_episodes(self.locals):
            change = self.curriculum.add(info["session_return"])
            if change is not None:
                self._change(change)
                break
        if self.curriculum.is_completed and not was_completed:
            _log("Curriculum completed", self.num_timesteps, self.curriculum.sharpe)
        return True

    def _change(self, change: StageChange) -> None:
        stages = self.curriculum.plan.stages
        former, present = stages[change.former], stages[change.present]
        self._keep(take_snapshot(self.model), checkpoint_name(change.former, former))
        set_stage(cast("TradingVecEnv", self.training_env.unwrapped).batch, present)
        _log(describe_change(stages, change), self.num_timesteps, change.sharpe)
        self._record(change.present, change.sharpe)
        self.logger.dump(self.num_timesteps)

    def _record(self, stage: int, sharpe: float) -> None:
        self.logger.record("curriculum/stage", stage)
        self.logger.record("curriculum/sharpe", sharpe)


def describe_change(stages: tuple[Stage, ...], change: StageChange) -> str:
    """Return "Stage Downgrade - reverted <parameter> from 2 % to 1.5 %, professional to balanced", or the upgrade."""
    former, present = stages[change.former], stages[change.present]
    verb = "Stage Upgrade - set" if change.present > change.former else "Stage Downgrade - reverted"
    moved = [
        f"{key} from {_words(former.parameters[key], value)} to {_words(value, former.parameters[key])}"
        for key, value in present.parameters.items()
        if value != former.parameters[key]
    ]
    return f"{verb} {', '.join(moved) or 'nothing'}, {former.name} to {present.name}"


def _log(what: str, step: int, sharpe: float) -> None:
    _logger.info("%s, step %s, Sharpe ratio %.2f", what, f"{step:,}", sharpe)


def _words(value: float, other: float) -> str:
    """Return a number as text: in percent where both it and the other one can be shares."""
    return f"{100.0 * value:g} %" if max(abs(value), abs(other)) <= 1.0 else f"{value:g}"
