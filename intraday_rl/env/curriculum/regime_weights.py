"""How much a training session counts, by its regime: rare regimes and those in which the policy fares badly count more.

Conventions: regimes are numbered as in `features.REGIMES`, R of them; -1 is unknown. Weights are for training alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError
from intraday_rl.features import REGIMES

LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0  # of performance
LEAST_SCALE = 1.0  # Sharpe ratio: a mean near 0 must not make small differences large

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def regime_weights(num_sessions: npt.ArrayLike, sharpes: npt.ArrayLike) -> Floats:
    """Return the weight of a session of each regime, (R,), proportional to factor/sessions.

    The factor is clip(1 + (m - S)/max(abs(m), 1), 0.5, 2) of the regime's Sharpe ratio S, and 1 without one. m is the
    plain mean of the Sharpe ratios of the regimes that have sessions and a Sharpe ratio: 1/sessions gives all regimes
    the same say, so they have the same say in m.

    Weights are scaled so that their mean over the sessions, sum(sessions * weight)/sum(sessions), is 1: the amount of
    training stays as it was and only its division changes. A regime without sessions has the weight 1 and no part in
    either mean; a session of unknown regime is to be given 1 too, which leaves the mean at 1.

    Args:
        num_sessions: (R,) training sessions of each regime, >= 0.
        sharpes: (R,) annualised Sharpe ratio of the policy in each regime; NaN where there is none.

    Raises:
        ParameterError: the shapes differ, a number of sessions is negative, or a Sharpe ratio is infinite.
    """
    counts, ratios = np.asarray(num_sessions, dtype=np.float64), np.asarray(sharpes, dtype=np.float64)
    _check(counts, ratios)
    held = counts > 0.0
    known = held & ~np.isnan(ratios)
    factors, weights = np.ones(counts.shape), np.ones(counts.shape)
    if known.any():
        mean = float(ratios[known].mean())
        better = (mean - ratios[known]) / max(abs(mean), LEAST_SCALE)
        factors[known] = np.clip(1.0 + better, LEAST_FACTOR, MOST_FACTOR)
    if held.any():
        weights[held] = factors[held] / counts[held] * (counts[held].sum() / factors[held].sum())
    return weights


def session_regimes(codes: Integers, first: Integers, last: Integers) -> Integers:
    """Return the regime that most bars of each session have, (S,); of equally many the first; -1 where none is known.

    Args:
        codes: (T,) regime of each bar, -1 where unknown.
        first: (S,) first row of each session; -1 where the session has none to count.
        last: (S,) last row of each session.
    """
    running = np.zeros((len(codes) + 1, len(REGIMES)), dtype=np.int64)
    np.cumsum(codes[:, None] == np.arange(len(REGIMES)), axis=0, out=running[1:])
    counts = running[last + 1] - running[first]
    is_known = (counts > 0).any(axis=1) & (first >= 0)
    return np.where(is_known, counts.argmax(axis=1), -1)


def _check(counts: Floats, ratios: Floats) -> None:
    owner = "regime_weights"
    if counts.ndim != 1 or counts.shape != ratios.shape:
        raise ParameterError(
            f"{owner}.sharpes must have one number per regime {counts.shape}, had shape {ratios.shape}"
        )
    if not (counts >= 0.0).all():
        raise ParameterError(f"{owner}.num_sessions must be >= 0 (sessions), was {counts.min()}")
    if np.isinf(ratios).any():
        raise ParameterError(f"{owner}.sharpes must be finite or NaN, was {ratios.tolist()}")
