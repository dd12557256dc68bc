"""The front of a sweep, and how much of the objectives' box each of its points holds alone.

Conventions: values are (N, K), one row for each trial and one column for each objective, in the objectives' order. A
loss is a value that is to be made small: maximized objectives change their sign. The hypervolume is that of the box
between the points and the reference of the objectives; nothing is normalised, so its unit is the product of the
objectives' units. With a profit factor up to its cap of 10 and two drawdowns up to 0.05 the whole box is
10 x 0.05 x 0.05 = 0.025. A point that is worse than the reference in any objective holds nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from optuna._hypervolume import compute_hypervolume  # private: the only place that imports it

from intraday_rl.sweeps.definition import MAXIMIZE, Objective
from intraday_rl.sweeps.results.records import COMPLETE, TrialRecord

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def losses(values: npt.ArrayLike, objectives: Sequence[Objective]) -> Floats:
    """Return the values with the sign of the maximized objectives changed, (N, K)."""
    rows = np.asarray(values, dtype=np.float64).reshape(-1, len(objectives))
    return rows * _signs(objectives)


def non_dominated(values: npt.ArrayLike, objectives: Sequence[Objective]) -> Mask:
    """Return which points no other point dominates, (N,): equal points stand together, one with a NaN never does."""
    rows = losses(values, objectives)
    known = ~np.isnan(rows).any(axis=1)
    return np.array([_is_free(row, rows) for row in rows], dtype=np.bool_) & known


def hypervolume(values: npt.ArrayLike, objectives: Sequence[Objective]) -> float:
    """Return the hypervolume between the points and the reference, in the product of the objectives' units.

    Source: While, Bradstreet and Barone (2012), "A Fast Way of Calculating Exact Hypervolumes", IEEE Transactions on
    Evolutionary Computation 16(1).
    """
    rows, limit = losses(values, objectives), _reference(objectives)
    return float(compute_hypervolume(rows[_inside(rows, limit)], limit))


def hypervolume_history(values: npt.ArrayLike, objectives: Sequence[Objective]) -> Floats:
    """Return the hypervolume of the first 1, 2, ... N points, (N,)."""
    rows, limit = losses(values, objectives), _reference(objectives)
    history = np.zeros(len(rows))
    front, reached = rows[:0], 0.0
    for number, (row, counts) in enumerate(zip(rows, _inside(rows, limit), strict=True)):
        if counts and _is_free(row, front):
            front = np.vstack([front[(front < row).any(axis=1)], row])
            reached = float(compute_hypervolume(front, limit))
        history[number] = reached
    return history


def contributions(values: npt.ArrayLike, objectives: Sequence[Objective]) -> Floats:
    """Return the hypervolume that each point of the front holds and no other point of the front, (N,).

    Dominated points hold none, and take none from the front. Equal points count once: the first of them has the
    contribution, the others have none.
    """
    rows, limit = losses(values, objectives), _reference(objectives)
    exclusive = np.zeros(len(rows))
    inside = np.flatnonzero(_inside(rows, limit))
    if not len(inside):
        return exclusive
    _, first = np.unique(rows[inside], axis=0, return_index=True)
    members = inside[np.sort(first)]
    members = members[[_is_free(rows[member], rows[members]) for member in members]]
    whole = compute_hypervolume(rows[members], limit)
    for member in members:
        exclusive[member] = whole - compute_hypervolume(rows[members[members != member]], limit)
    return np.maximum(exclusive, 0.0)  # a difference of two equal volumes may round below zero


def best_by_contribution(records: Sequence[TrialRecord], objectives: Sequence[Objective], count: int) -> list[int]:
    """Return the numbers of at most `count` feasible complete trials, best first, in the order of `rank`."""
    trials = feasible(records)
    return [trials[place].number for place in rank(values_of(trials, objectives), objectives, count)]


def rank(values: npt.ArrayLike, objectives: Sequence[Objective], count: int) -> list[int]:
    """Return the places of at most `count` points: by contribution those of the front, then those of the next front.

    The next front is that of the points which are left when a front is taken away, and so on. The first of equal points
    alone is taken, and none that holds no hypervolume. Of a single objective they are the best different values.
    """
    rows = np.asarray(values, dtype=np.float64).reshape(-1, len(objectives))
    left, places = np.arange(len(rows)), list[int]()
    while len(left) and len(places) < count:
        held = contributions(rows[left], objectives)
        taken = left[np.argsort(-held, kind="stable")][: int((held > 0).sum())]
        if not len(taken):
            break
        places += taken.tolist()
        equal = (rows[left][:, None, :] == rows[taken][None, :, :]).all(axis=2).any(axis=1)
        left = left[~equal]
    return places[:count]


def feasible(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the complete trials that keep every constraint, in the order of their numbers."""
    return sorted((record for record in records if record.state == COMPLETE), key=lambda record: record.number)


def values_of(records: Sequence[TrialRecord], objectives: Sequence[Objective]) -> Floats:
    """Return the values of complete trials, (N, K)."""
    return np.array([record.values for record in records], dtype=np.float64).reshape(-1, len(objectives))


def _signs(objectives: Sequence[Objective]) -> Floats:
    return np.array([-1.0 if objective.direction == MAXIMIZE else 1.0 for objective in objectives])


def _reference(objectives: Sequence[Objective]) -> Floats:
    return np.array([objective.reference for objective in objectives]) * _signs(objectives)


def _inside(rows: Floats, limit: Floats) -> Mask:
    """Return which points are better than the reference in every objective; a NaN or an infinity is not, (N,)."""
    return np.asarray((rows < limit).all(axis=1) & np.isfinite(rows).all(axis=1))


def _is_free(row: Floats, others: Floats) -> bool:
    """Return whether none of the others is at least as good in every objective and better in one."""
    return not bool(((others <= row).all(axis=1) & (others < row).any(axis=1)).any())
