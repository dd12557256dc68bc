"""Boxes around the trials' objectives: how far other validation sessions of the same kind would have moved them.

Whole sessions (trading days) are drawn with replacement, as many as there are, and the objectives computed anew from
what the policy did in them. All trials are given the same draws, so that two of them are compared on the same sessions.
In each draw:

- the profit factor is that of the round trips of the drawn sessions;
- the maximum drawdown is that of the drawn sessions' equity, chained from the initial capital in the drawn order;
- the tail drawdown is computed as the trial's own, from blocks of the drawn sessions' bars, with fewer sessions put
  together than there. The drawn bars are cut, or repeated from the first, to as many as were observed.

Conventions: R draws, S sessions, K objectives. Values of several seeds are averaged, as the trials' own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core import seeding
from intraday_rl.metrics import stationary_bootstrap, tail_drawdown
from intraday_rl.metrics.summary import BLOCK_BARS, TAIL
from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.front import feasible, losses, non_dominated, values_of
from intraday_rl.sweeps.results.records import TrialRecord
from intraday_rl.sweeps.results.sessions import RunSessions, TrialReader

Floats = npt.NDArray[np.float64]
Draws = npt.NDArray[np.int64]  # (R, S) numbers of sessions

RESAMPLES = 500
TAIL_SESSIONS = 200  # put together in each draw; the trial's own tail drawdown rests on 10 000
DRAWS_AT_ONCE = 25  # few enough that their bars stay in the cache
MAX_TRIALS = 40  # with a box: the front, then those nearest to it
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NOISE_SHARE = 0.05  # of the draws in which a dominated trial must be free of the front not to be told apart from it
SEED = 20_260_101  # of the draws: a page written again shows the same boxes


class Box(NamedTuple):
    """The resampled objectives of a trial."""

    quantiles: Floats  # (5, K), of QUANTILES
    free_share: float | None  # of the draws in which no trial of the front dominates it; None for the front itself

    @property
    def is_noise(self) -> bool:
        """Whether the sessions do not tell the dominated trial apart from the front."""
        return self.free_share is not None and self.free_share >= NOISE_SHARE


class Boxes(NamedTuple):
    """The boxes of a sweep, by trial number, and what stood in the way of others ("" = nothing)."""

    by_number: dict[int, Box]
    num_sessions: int
    reason: str


def bootstrap_boxes(records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Boxes:
    """Return the boxes of the front's trials and of those nearest to it, at most `MAX_TRIALS`."""
    unknown = [objective.name for objective in objectives if objective.name not in MEASURES]
    if unknown:
        return Boxes({}, 0, f"{unknown[0]} cannot be computed anew from drawn sessions")
    trials = feasible(records)
    if not trials:
        return Boxes({}, 0, "no trial is complete and feasible")
    values = values_of(trials, objectives)
    on_front = non_dominated(values, objectives)
    chosen = np.argsort(_gaps(losses(values, objectives), on_front), kind="stable")[:MAX_TRIALS]
    reader = TrialReader([trials[place] for place in chosen])
    resampled = {}
    for number, runs in reader:
        draws = draw_sessions(len(runs[0].days), RESAMPLES, seeding.generator(SEED, "sessions"))
        resampled[number] = resample(runs, draws, objectives)
    members = {trials[place].number for place in np.flatnonzero(on_front)}
    return Boxes(_boxes(resampled, members, objectives), len(reader.days), reader.reason)


def draw_sessions(num_sessions: int, num_resamples: int, rng: np.random.Generator) -> Draws:
    """Return the numbers of the sessions of each draw, (R, S), with replacement."""
    return rng.integers(num_sessions, size=(num_resamples, num_sessions))


def resample(runs: Sequence[RunSessions], draws: Draws, objectives: Sequence[Objective]) -> Floats:
    """Return the objectives of each draw, means over the runs, (R, K)."""
    by_run = [
        np.column_stack([_counted(MEASURES[objective.name](run, draws), objective) for objective in objectives])
        for run in runs
    ]
    return np.asarray(np.mean(by_run, axis=0), dtype=np.float64)


def resampled_profit_factor(run: RunSessions, draws: Draws) -> Floats:
    """Return the profit factor of each draw, (R,): +inf with wins and no losses, NaN without either."""
    wins, paid = run.wins[draws].sum(axis=1), run.losses[draws].sum(axis=1)
    factors = np.where(wins > 0, math.inf, math.nan)
    np.divide(wins, paid, out=factors, where=paid > 0)
    return factors


def resampled_max_drawdown(run: RunSessions, draws: Draws) -> Floats:
    """Return the maximum drawdown of each draw, (R,), fractions of the high-water mark.

    Inside a session the mark only rises, and between two rises only the lowest P&L matters: each session is first
    reduced to its marks and the lowest P&L under each of them.
    """
    marks, lows = _marks_and_lows(run.paths)
    earned = run.net_pnl
    equity, mark, worst = (
        np.full(len(draws), run.capital_usd),
        np.full(len(draws), run.capital_usd),
        np.zeros(len(draws)),
    )
    for drawn in draws.T:
        tops = np.maximum(mark[:, None], equity[:, None] + marks[drawn])
        falls = (tops - (equity[:, None] + lows[drawn])) / tops
        worst = np.maximum(worst, falls.max(axis=1))
        mark, equity = tops[:, -1], equity + earned[drawn]
    return worst


def resampled_tail_drawdown(run: RunSessions, draws: Draws) -> Floats:
    """Return the tail (5 %) session drawdown of each draw, (R,), fractions; of several accounts the worst one's."""
    by_account = [_account_tail(days, draws) for days in run.bar_returns]
    return np.asarray(np.max(by_account, axis=0), dtype=np.float64)


MEASURES: dict[str, Callable[[RunSessions, Draws], Floats]] = {
    "profit_factor": resampled_profit_factor,
    "max_drawdown": resampled_max_drawdown,
    "tail_drawdown": resampled_tail_drawdown,
}


def _counted(values: Floats, objective: Objective) -> Floats:
    """Return the values as the sweep counts them: at most the cap, and the reference where there is none."""
    known = np.where(np.isnan(values), objective.reference, values)
    return known if objective.cap is None else np.minimum(known, objective.cap)


def _account_tail(days: Sequence[Floats], draws: Draws) -> Floats:
    lengths = np.array([len(day) for day in days])
    num_bars = int(np.median(lengths[lengths > 0]))
    rng = seeding.generator(SEED, "tail")
    tails = []
    for start in range(0, len(draws), DRAWS_AT_ONCE):
        returns = np.array([_bars_of(days, drawn, lengths.sum()) for drawn in draws[start : start + DRAWS_AT_ONCE]])
        tails += [tail_drawdown(found, TAIL) for found in _put_together(returns, num_bars, rng)]
    return np.array(tails)


def _bars_of(days: Sequence[Floats], drawn: npt.NDArray[np.int64], count: int) -> Floats:
    """Return the drawn sessions' bars, cut or repeated to `count`; zeros where none of the sessions has a bar."""
    return np.resize(np.concatenate([days[session] for session in drawn]), count)


def _put_together(returns: Floats, num_bars: int, rng: np.random.Generator) -> Floats:
    """Return the drawdowns of sessions put together from blocks of each row's bars, (rows, TAIL_SESSIONS).

    It is `metrics.bootstrap_session_drawdowns` for many short series at once, which saves most of its time.
    """
    rows, total = returns.shape
    offset = np.repeat(np.arange(rows) * total, TAIL_SESSIONS)
    flat = returns.ravel()
    equity, peak, worst = np.zeros(offset.size), np.zeros(offset.size), np.zeros(offset.size)
    for index in stationary_bootstrap(
        total, num_resamples=offset.size, length=num_bars, mean_block_length=BLOCK_BARS, rng=rng
    ):
        equity += flat[offset + index]
        np.maximum(peak, equity, out=peak)
        np.maximum(worst, peak - equity, out=worst)
    return worst.reshape(rows, TAIL_SESSIONS)


def _marks_and_lows(paths: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the successive highest P&L of each session, from 0, and the lowest P&L under each, both (S, M), USD.

    Sessions with fewer marks than M repeat the last one, without a fall.
    """
    reduced = []
    for path in paths:
        high = np.maximum.accumulate(np.maximum(path, 0.0))
        starts = np.flatnonzero(np.diff(high, prepend=-1.0))
        reduced.append((high[starts], np.minimum.reduceat(path, starts)))
    width = max(len(marks) for marks, _ in reduced)
    padded = [(np.pad(marks, (0, width - len(marks)), mode="edge"), lows) for marks, lows in reduced]
    return (
        np.array([marks for marks, _ in padded]),
        np.array([np.append(lows, marks[len(lows) :]) for marks, lows in padded]),
    )


def _gaps(rows: Floats, on_front: npt.NDArray[np.bool_]) -> Floats:
    """Return by which share of the objectives' ranges each trial must improve to be free of the front, (N,)."""
    spans = np.ptp(rows, axis=0)
    behind = (rows[:, None] - rows[None, on_front]) / np.where(spans > 0, spans, 1.0)
    gaps = behind.min(axis=2).max(axis=1)
    return np.where(on_front, -1.0, gaps)


def _boxes(resampled: dict[int, Floats], members: set[int], objectives: Sequence[Objective]) -> dict[int, Box]:
    front = [losses(values, objectives) for number, values in resampled.items() if number in members]
    boxes = {}
    for number, values in resampled.items():
        quantiles = np.quantile(values, QUANTILES, axis=0, method="inverted_cdf")
        share = None if number in members else _free_share(losses(values, objectives), front)
        boxes[number] = Box(quantiles, share)
    return boxes


def _free_share(rows: Floats, front: Sequence[Floats]) -> float:
    """Return the share of draws in which no trial of the front dominates this one."""
    dominated = np.zeros(len(rows), dtype=np.bool_)
    for other in front:
        dominated |= (other <= rows).all(axis=1) & (other < rows).any(axis=1)
    return float(1.0 - dominated.mean())
