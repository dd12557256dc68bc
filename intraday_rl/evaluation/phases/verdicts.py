"""Verdicts on criteria and on a phase: met, not met, or not decidable, and how many sessions would decide.

Conventions: a criterion is met when its whole 95 % interval lies on the good side, not met when the whole interval
lies on the bad side, and not decidable otherwise. The phase is not met if one deciding criterion is not, not decidable
if one is not, and else met. A ratio that stays undefined although there are sessions (nothing was traded) is not met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intraday_rl.core import seeding
from intraday_rl.evaluation.phases.criteria import DECIDES, Band, Criterion, Region
from intraday_rl.evaluation.phases.evidence import SessionEvidence
from intraday_rl.evaluation.phases.intervals import NORMAL, Estimate
from intraday_rl.evaluation.phases.measures import FIXED, MEASURES, SHARE, SHARPE, SessionMeasure, TrainingMeasure
from intraday_rl.evaluation.phases.rolling import Rolling, roll_episodes, roll_sessions
from intraday_rl.evaluation.phases.session_measures import Question
from intraday_rl.evaluation.phases.training_record import TrainingRecord
from intraday_rl.metrics import SESSIONS_PER_YEAR

MET, NOT_MET, NOT_DECIDABLE = "met", "not met", "not decidable"


@dataclass(frozen=True)
class CriterionVerdict:
    """One criterion, judged.

    Attributes:
        name: of the criterion.
        criterion: the criterion.
        estimate: value and interval.
        verdict: met, not met or not decidable.
        reason: why it is not decidable, or undefined; else "".
        sessions_needed: sessions that would decide if the value stayed as it is; None where that cannot be said.
        rolling: the same read literally on windows of 20; None where there are fewer.
    """

    name: str
    criterion: Criterion
    estimate: Estimate
    verdict: str
    reason: str
    sessions_needed: int | None
    rolling: Rolling | None

    @property
    def label(self) -> str:
        """The metric in words."""
        return MEASURES[self.criterion.metric].label.format(level=self.criterion.level)

    def number(self, value: float) -> str:
        """Return a number of the metric as text."""
        return "undefined" if math.isnan(value) else format(value, MEASURES[self.criterion.metric].format)

    @property
    def limit(self) -> str:
        """The limit in words."""
        if isinstance(self.criterion, Band):
            return f"{self.number(self.criterion.low)} to {self.number(self.criterion.high)}"
        return f"{self.criterion.comparison} {self.number(self.criterion.limit)}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        numbers = {key: _plain(getattr(self.estimate, key)) for key in ("value", "low", "high")}
        return {
            "name": self.name,
            "metric": self.criterion.metric,
            "level": self.criterion.level,
            "limit": self.limit,
            "window": self.criterion.window,
            "role": self.criterion.role,
            **numbers,
            "observations": self.estimate.observations,
            "verdict": self.verdict,
            "reason": self.reason,
            "sessions_needed": self.sessions_needed,
            "rolling": None if self.rolling is None else self.rolling._asdict(),
        }


@dataclass(frozen=True)
class PhaseVerdict:
    """A phase, judged."""

    verdict: str
    explanation: str
    num_sessions: int
    criteria: tuple[CriterionVerdict, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, the content of phase.json."""
        return {
            "verdict": self.verdict,
            "explanation": self.explanation,
            "num_sessions": self.num_sessions,
            "criteria": [verdict.to_json() for verdict in self.criteria],
        }


def judge_phase(
    criteria: Mapping[str, Criterion], sessions: SessionEvidence, training: TrainingRecord | None, seed: int
) -> PhaseVerdict:
    """Return the verdict on every criterion, and the phase's.

    Args:
        criteria: by name.
        sessions: what the judged sessions showed.
        training: what the training recorded; None where that is not at hand.
        seed: of the resampled intervals.
    """
    verdicts = tuple(_judge(name, criterion, sessions, training, seed) for name, criterion in criteria.items())
    deciding = [verdict for verdict in verdicts if verdict.criterion.role == DECIDES]
    word = next((word for word in (NOT_MET, NOT_DECIDABLE) if any(v.verdict == word for v in deciding)), MET)
    word = word if deciding else NOT_DECIDABLE  # where nothing decides, nothing is met
    return PhaseVerdict(word, _explain(word, deciding, sessions.count), sessions.count, verdicts)


def _explain(word: str, deciding: list[CriterionVerdict], count: int) -> str:
    """Return one line: what decided, and on how many sessions."""
    window = f"on {count} sessions"
    if not deciding:
        return f"{word}: no criterion decides ({window})"
    if word == MET:
        return f"{MET}: all {len(deciding)} deciding criteria, {window}"
    parts = [_words(verdict) for verdict in deciding if verdict.verdict == word]
    undecided = sum(verdict.verdict == NOT_DECIDABLE for verdict in deciding)
    rest = f"; {undecided} more not decidable" if word == NOT_MET and undecided else ""
    return f"{word}: {'; '.join(parts)}{rest} ({window})"


def _words(verdict: CriterionVerdict) -> str:
    estimate = verdict.estimate
    if math.isnan(estimate.value):
        return f"{verdict.name}: {verdict.reason}"
    text = f"{verdict.name} is {verdict.number(estimate.value)}, limit {verdict.limit}"
    if estimate.low < estimate.high:
        text += f", 95 % {verdict.number(estimate.low)} to {verdict.number(estimate.high)}"
    return f"{text}, {verdict.reason}" if verdict.reason else text


def _judge(
    name: str, criterion: Criterion, sessions: SessionEvidence, training: TrainingRecord | None, seed: int
) -> CriterionVerdict:
    measure = MEASURES[criterion.metric]
    if isinstance(measure, SessionMeasure):
        question = Question(
            criterion.level, criterion.window or sessions.count, seeding.generator(seed, "phases", name)
        )
        estimate = measure.estimate(sessions, question)
        outcome = _judge_sessions(criterion, measure, estimate, sessions)
        return CriterionVerdict(name, criterion, estimate, *outcome, roll_sessions(criterion, measure, sessions))
    found = None if training is None else measure.estimate(training, criterion.window)
    if training is None or found is None:
        reason = "no record of the training is at hand" if training is None else "the training did not record it"
        unknown = Estimate(math.nan, math.nan, math.nan, 0)
        return CriterionVerdict(name, criterion, unknown, NOT_DECIDABLE, reason, None, None)
    outcome = _judge_training(criterion, measure, found, training)
    return CriterionVerdict(name, criterion, found, *outcome, roll_episodes(criterion, training))


def _judge_sessions(
    criterion: Criterion, measure: SessionMeasure, estimate: Estimate, sessions: SessionEvidence
) -> tuple[str, str, int | None]:
    """Return verdict, reason and the sessions that would decide."""
    count, fewest = sessions.count, max(measure.fewest, criterion.window or 0)
    if missing := measure.lacks(sessions):
        return NOT_DECIDABLE, missing, None
    if math.isnan(estimate.value) and count >= measure.fewest:
        return NOT_MET, "undefined: nothing was traded, or all results are equal", None
    verdict = _side(criterion.region, estimate)
    if verdict == MET and count < fewest:
        return NOT_DECIDABLE, f"needs {fewest} sessions", fewest
    if verdict != NOT_DECIDABLE:
        return verdict, "", None
    needed = _sessions_needed(criterion, measure.kind, estimate, count)
    if needed is None and count < fewest:
        needed = fewest
    if needed is None:
        return NOT_DECIDABLE, "the interval holds the limit", None
    return NOT_DECIDABLE, f"about {max(needed, fewest):,} sessions would decide", max(needed, fewest)


def _judge_training(
    criterion: Criterion, measure: TrainingMeasure, estimate: Estimate, training: TrainingRecord
) -> tuple[str, str, int | None]:
    """Return verdict, reason and None: a training is not judged on sessions."""
    verdict = _side(criterion.region, estimate)
    rising_decides = NOT_MET if math.isinf(criterion.region.low) else MET
    final = {1: rising_decides, -1: MET if rising_decides == NOT_MET else NOT_MET, 0: NOT_DECIDABLE}[measure.drift]
    if criterion.window is not None and training.last_step < criterion.window and verdict != final:
        return NOT_DECIDABLE, f"trained for {training.last_step:,} of {criterion.window:,} steps", None
    return verdict, "the interval holds the limit" if verdict == NOT_DECIDABLE else "", None


def _side(region: Region, estimate: Estimate) -> str:
    """Return on which side of the limits the whole interval lies."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return NOT_DECIDABLE
    if region.holds(estimate.low) and region.holds(estimate.high):
        return MET
    return NOT_MET if region.below(estimate.high) or region.above(estimate.low) else NOT_DECIDABLE


def _sessions_needed(criterion: Criterion, kind: str, estimate: Estimate, count: int) -> int | None:
    """Return how many sessions would bring the interval to one side of the limits, if the value stayed as it is.

    An interval shrinks as 1 / sqrt(n); a share p leaves the limit L behind at n = (1.96 / (p - L))^2 L (1 - L). Of a
    Sharpe ratio without an interval the standard error sqrt(252 / n) is known (SPEC B21): so many sessions tell the
    limit from 0.
    """
    region, value = criterion.region, estimate.value
    if math.isnan(estimate.low):
        limit = region.low if math.isfinite(region.low) else region.high
        return math.ceil(SESSIONS_PER_YEAR * (NORMAL / limit) ** 2) if kind == SHARPE and limit else None
    if kind == FIXED:
        return None
    low, high = (region.low, value - estimate.low), (region.high, estimate.high - value)
    if region.below(value):
        crossings = [(region.low, estimate.high - value)]
    elif region.above(value):
        crossings = [(region.high, value - estimate.low)]
    else:
        crossings = [low, high]
    ratios = []
    for end, half in (crossing for crossing in crossings if math.isfinite(crossing[0])):
        score = NORMAL * math.sqrt(max(0.0, end * (1.0 - end)) / estimate.observations) if kind == SHARE else half
        ratios.append(score / abs(value - end) if value != end else math.inf)
    worst = max(ratios)
    return math.ceil(count * worst**2) if math.isfinite(worst) else None


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
