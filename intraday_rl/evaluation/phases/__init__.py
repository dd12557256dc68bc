"""Success criteria of the project's phases: what a run must show, judged with the uncertainty of what it did show."""

from intraday_rl.evaluation.phases.criteria import Band, Criterion, Limit
from intraday_rl.evaluation.phases.evidence import SessionEvidence, session_evidence
from intraday_rl.evaluation.phases.training_record import TrainingRecord
from intraday_rl.evaluation.phases.verdicts import (
    MET,
    NOT_DECIDABLE,
    NOT_MET,
    CriterionVerdict,
    PhaseVerdict,
    judge_phase,
)

__all__ = [
    "MET",
    "NOT_DECIDABLE",
    "NOT_MET",
    "Band",
    "Criterion",
    "CriterionVerdict",
    "Limit",
    "PhaseVerdict",
    "SessionEvidence",
    "TrainingRecord",
    "judge_phase",
    "session_evidence",
]
