"""Stages of a curriculum, and when training moves from one to another: bookkeeping of finished training episodes.

Conventions: an episode is one session; its return is net P&L over session-start NAV. A Sharpe ratio is that of the
session returns of a window, pooled: mean/deviation (n - 1) times sqrt(252), not a mean of ratios. Windows hold episodes
that were finished in the present stage only, so a window is judged when it is full. Stages are counted from 0.

Over so few episodes the ratio is noise: its standard error is sqrt(252/n), 7.1 for five episodes. The rule schedules
training; it says nothing about whether a policy is good.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError
from intraday_rl.metrics import sharpe_ratio

MEMORY_EPISODES = 100  # finished episodes that are remembered


class Stage(NamedTuple):
    """One stage: the rules' parameters that hold in it, and what has to be shown to leave it upwards."""

    name: str
    min_episodes: int  # finished in the stage before it can be passed
    promote_above: float  # annualised Sharpe ratio of the promotion window
    parameters: Mapping[str, float]  # by dotted name of group, rule and parameter: `terms.turnover.limit`

    def check(self) -> None:
        """Refuse a name that cannot name a folder, and numbers that no stage can have."""
        if not self.name.isidentifier():
            raise ParameterError(f"Stage.name must be of letters, digits and _ (it names a folder), was {self.name!r}")
        checks.at_least("Stage", "min_episodes", self.min_episodes, 1, "episodes")
        checks.finite("Stage", "promote_above", self.promote_above, "annualised Sharpe ratio")
        if not self.parameters:
            raise ParameterError("Stage.parameters must set at least one parameter of a rule, was empty")


class SharpeGate(NamedTuple):
    """How many episodes are judged, and how far they may fall behind."""

    promotion_episodes: int  # the last so many decide on the way up
    demotion_episodes: int  # the last so many decide on the way down
    demotion_share: float  # of the threshold that was passed to get here; below it the stage is left downwards

    def check(self) -> None:
        """Refuse windows without a deviation or longer than what is remembered, and shares outside (0, 1]."""
        owner = "SharpeGate"
        for name in ("promotion_episodes", "demotion_episodes"):
            checks.within(owner, name, getattr(self, name), 2, MEMORY_EPISODES, "episodes")
        checks.fraction(owner, "demotion_share", self.demotion_share, "share of the threshold")


@dataclass(frozen=True)
class CurriculumPlan:
    """A curriculum that is not begun: its gate and its stages, the first of them where training starts."""

    gate: SharpeGate
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Refuse no stages, thresholds that do not rise, and stages that set different parameters.

        Raises:
            ParameterError: by the stages' names.
        """
        if not self.stages:
            raise ParameterError("curriculum.stages must name at least one stage, was empty")
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if not before.promote_above < after.promote_above:
                raise ParameterError(
                    f"curriculum.stages.{after.name}.promote_above must be > that of {before.name}, the stage before "
                    f"({before.promote_above:g}), was {after.promote_above:g}"
                )
            if before.parameters.keys() != after.parameters.keys():
                raise ParameterError(
                    f"curriculum.stages.{after.name}.parameters must be those of {before.name} "
                    f"({', '.join(before.parameters)}), was {', '.join(after.parameters)}; what a stage leaves out "
                    "would stay as the stage before has set it"
                )


class StageChange(NamedTuple):
    """A move to another stage: from which, to which, and the Sharpe ratio that decided."""

    former: int
    present: int
    sharpe: float


class SharpeGatedCurriculum:
    """The stage that training is in.

    Upwards: the Sharpe ratio of the last `promotion_episodes` is above the stage's threshold, and `min_episodes` are
    finished in it. Downwards: that of the last `demotion_episodes` is below `demotion_share` times the threshold of the
    stage below, which was passed to get here; the first stage is never left downwards. Upwards is asked first. A ratio
    that is not a number (all returns equal) moves nothing. The threshold of the last stage says when the curriculum is
    completed, which changes nothing and is said once.

    Attributes:
        plan: gate and stages.
        stage: place of the present one.
        episodes_in_stage: finished since it was entered.
        is_completed: whether the last stage's threshold has been passed.
    """

    def __init__(self, plan: CurriculumPlan) -> None:
        """Begin in the first stage."""
        self.plan = plan
        self.stage = 0
        self.episodes_in_stage = 0
        self.is_completed = False
        self._returns: deque[float] = deque(maxlen=MEMORY_EPISODES)

    @property
    def sharpe(self) -> float:
        """Annualised Sharpe ratio of the promotion window, NaN while the present stage has too few episodes."""
        return self._sharpe_of_last(self.plan.gate.promotion_episodes)

    def add(self, session_return: float) -> StageChange | None:
        """Take note of a finished episode; return the change of stage that it brings, None for none."""
        self._returns.append(session_return)
        self.episodes_in_stage += 1
        present = self.plan.stages[self.stage]
        sharpe = self.sharpe
        if self.episodes_in_stage >= present.min_episodes and sharpe > present.promote_above:
            if self.stage + 1 < len(self.plan.stages):
                return self._enter(self.stage + 1, sharpe)
            self.is_completed = True
            return None
        return self._demotion()

    def state(self) -> dict[str, Any]:
        """Return stage, counts and the remembered returns."""
        return {
            "stage": self.stage,
            "episodes_in_stage": self.episodes_in_stage,
            "is_completed": self.is_completed,
            "returns": np.array(self._returns),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the curriculum was when it gave that state."""
        self.stage, self.episodes_in_stage = state["stage"], state["episodes_in_stage"]
        self.is_completed = state["is_completed"]
        self._returns = deque(state["returns"].tolist(), maxlen=MEMORY_EPISODES)

    def _demotion(self) -> StageChange | None:
        if self.stage == 0:
            return None
        gate, passed = self.plan.gate, self.plan.stages[self.stage - 1].promote_above
        sharpe = self._sharpe_of_last(gate.demotion_episodes)
        return self._enter(self.stage - 1, sharpe) if sharpe < gate.demotion_share * passed else None

    def _enter(self, stage: int, sharpe: float) -> StageChange:
        change = StageChange(self.stage, stage, sharpe)
        self.stage, self.episodes_in_stage = stage, 0
        return change

    def _sharpe_of_last(self, episodes: int) -> float:
        if self.episodes_in_stage < episodes:
            return math.nan
        window = list(self._returns)[-episodes:]
        return sharpe_ratio(window) if all(map(math.isfinite, window)) else math.nan
