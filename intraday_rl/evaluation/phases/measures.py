"""The table of metrics that criteria may name, with label, number format and what their estimates are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from intraday_rl.evaluation.phases import session_measures as session
from intraday_rl.evaluation.phases import training_measures as training
from intraday_rl.evaluation.phases.evidence import SessionEvidence
from intraday_rl.evaluation.phases.intervals import BOOTSTRAP_MIN, Estimate
from intraday_rl.evaluation.phases.session_measures import Question
from intraday_rl.evaluation.phases.training_record import TrainingRecord

SessionFunction = Callable[[SessionEvidence, Question], Estimate]
TrainingFunction = Callable[[TrainingRecord, int | None], Estimate | None]


SHARPE = "sharpe"  # as 1 / sqrt(n); its standard error is known before any return is
MEAN = "mean"  # as 1 / sqrt(n)
SHARE = "share"  # a score interval
FIXED = "fixed"  # not at all: it is the spread of a kind of path, or there is none


class SessionMeasure(NamedTuple):
    """A metric of the judged sessions."""

    label: str
    format: str  # Python format specification
    estimate: SessionFunction
    kind: str  # how its interval depends on the number of sessions
    fewest: int  # sessions that an estimate with an interval takes
    lacks: Callable[[SessionEvidence], str]  # what it needs and does not find, in words; "" where nothing is missing


class TrainingMeasure(NamedTuple):
    """A metric of the training."""

    label: str
    format: str  # Python format specification
    estimate: TrainingFunction
    drift: int  # 1: more steps can only raise it, -1: only lower it, 0: neither


Measure = SessionMeasure | TrainingMeasure


def _nothing(e: SessionEvidence) -> str:
    return ""


def _market(e: SessionEvidence) -> str:
    return "" if e.benchmark is not None else "the market's returns are not in the data (SPY among data.symbols)"


def _penalty(e: SessionEvidence) -> str:
    return "" if e.penalty_at_limit_usd is not None else "the reward has no turnover penalty"


def _regimes(e: SessionEvidence) -> str:
    return "" if (e.regimes.minutes.sum(axis=0) > 0).sum() > 1 else "the sessions hold one market regime alone"


def _regimes_of_trades(e: SessionEvidence) -> str:
    return "" if (e.regimes.round_trips.sum(axis=0) > 0).sum() > 1 else "not traded in two market regimes"


def _mean(label: str, form: str, function: SessionFunction) -> SessionMeasure:
    return SessionMeasure(label, form, function, MEAN, 2, _nothing)


def _share(label: str, form: str, function: SessionFunction) -> SessionMeasure:
    return SessionMeasure(label, form, function, SHARE, 2, _nothing)


def _counted(label: str, form: str, function: SessionFunction) -> SessionMeasure:
    return SessionMeasure(label, form, function, FIXED, 1, _nothing)


def _resampled(label: str, form: str, function: SessionFunction, kind: str) -> SessionMeasure:
    return SessionMeasure(label, form, function, kind, BOOTSTRAP_MIN, _nothing)


MEASURES: dict[str, Measure] = {
    "sharpe_ratio": SessionMeasure("Sharpe ratio", ".2f", session.sharpe_ratio, SHARPE, 2, _nothing),
    "information_ratio": SessionMeasure("Information ratio", ".2f", session.information_ratio, SHARPE, 2, _market),
    "market_correlation": SessionMeasure(
        "Correlation with the market", ".2f", session.market_correlation, MEAN, 4, _market
    ),
    "session_return": _mean("Mean session return", ".3%", session.session_return),
    "turnover_per_session": _mean("Turnover per session", ".2f", session.turnover_per_session),
    "hit_rate": _share("Hit rate", ".1%", session.hit_rate),
    "completed_share": _share("Sessions completed", ".1%", session.completed_share),
    "shallow_session_share": _share("Sessions with a drawdown below {level:.1%}", ".1%", session.shallow_session_share),
    "sessions_not_flat": _counted("Sessions not flat at their end", ".0f", session.sessions_not_flat),
    "penalty_at_limit": SessionMeasure(
        "Turnover penalty at its pivot, USD", ".3f", session.penalty_at_limit, FIXED, 1, _penalty
    ),
    "num_symbols": _counted("Symbols", ".0f", session.num_symbols),
    "longest_deep_drawdown": _counted(
        "Longest drawdown beyond {level:.1%}, minutes", ".0f", session.longest_deep_drawdown
    ),
    "annualised_volatility": _resampled("Annualised volatility", ".1%", session.annualised_volatility, MEAN),
    "evaluation_variation": _resampled("Difference of the halves", ".1%", session.evaluation_variation, FIXED),
    "regime_return_degradation": SessionMeasure(
        "Worst regime's return, shortfall", ".1%", session.regime_return_degradation, MEAN, BOOTSTRAP_MIN, _regimes
    ),
    "regime_hit_rate_degradation": SessionMeasure(
        "Worst regime's hit rate, shortfall",
        ".1%",
        session.regime_hit_rate_degradation,
        MEAN,
        BOOTSTRAP_MIN,
        _regimes_of_trades,
    ),
    "max_drawdown": _resampled("Maximum drawdown", ".2%", session.max_drawdown, FIXED),
    "calmar_ratio": _resampled("Calmar ratio", ".2f", session.calmar_ratio, FIXED),
    "episode_reward": TrainingMeasure("Episode reward, last 20", ",.2f", training.episode_reward, 0),
    "step_reward": TrainingMeasure("Size of a step's reward, last 20 episodes", ".3f", training.step_reward, 0),
    "penalty_share": TrainingMeasure("Bars with a penalty, last 20 episodes", ".1%", training.penalty_share, 0),
    "explained_variance": TrainingMeasure("Explained variance, last 20 updates", ".2f", training.explained_variance, 0),
    "lowest_entropy": TrainingMeasure("Lowest entropy, nats", ".3f", training.lowest_entropy, -1),
    "lowest_entropy_loss": TrainingMeasure("Lowest entropy loss, nats", ".3f", training.lowest_entropy_loss, -1),
    "highest_stage": TrainingMeasure("Highest stage of the curriculum", ".0f", training.highest_stage, 1),
    "early_ends_in_a_row": TrainingMeasure(
        "Most episodes in a row ended early", ".0f", training.early_ends_in_a_row, 1
    ),
    "not_finite": TrainingMeasure("Numbers not finite", ".0f", training.not_finite, 1),
}

LEVELLED = ("shallow_session_share", "longest_deep_drawdown")  # they need a level
