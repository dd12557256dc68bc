"""Training, validation and test sessions in time order, with an embargo between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intraday_rl.core import checks
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.sessions import IntegerArray


@dataclass(frozen=True, eq=False)
class SessionSplit:
    """Indices of the sessions of each part, in time order; all of training lies before validation before test."""

    train: IntegerArray
    validation: IntegerArray
    test: IntegerArray


def split_sessions(
    num_sessions: int, train_fraction: float, validation_fraction: float, embargo_sessions: int
) -> SessionSplit:
    """Cut the sessions into three parts; the rest of the fractions is the test part.

    The cuts lie at the rounded fractions of `num_sessions`. The first `embargo_sessions` sessions after each cut
    belong to no part, so that nothing measured over several days reaches from one part into the next.

    Raises:
        ParameterError: a fraction lies outside (0, 1], they leave nothing for the test, or the embargo is negative.
        DataError: there are too few sessions for three parts.
    """
    owner = "split_sessions"
    checks.fraction(owner, "train_fraction", train_fraction, "fraction of the sessions")
    checks.fraction(owner, "validation_fraction", validation_fraction, "fraction of the sessions")
    checks.at_least(owner, "embargo_sessions", embargo_sessions, 0, "sessions")
    total = train_fraction + validation_fraction
    if total >= 1:
        raise ParameterError(f"{owner}: train_fraction + validation_fraction must be < 1, was {total:g}")
    first_cut, second_cut = round(num_sessions * train_fraction), round(num_sessions * total)
    parts = SessionSplit(
        train=np.arange(first_cut, dtype=np.int64),
        validation=np.arange(first_cut + embargo_sessions, second_cut, dtype=np.int64),
        test=np.arange(second_cut + embargo_sessions, num_sessions, dtype=np.int64),
    )
    sizes = {name: len(part) for name, part in vars(parts).items()}
    if min(sizes.values()) == 0:
        counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise DataError(f"{num_sessions} sessions must give each part at least one, gave {counts}; load more sessions")
    return parts


def split_dates(
    dates: npt.NDArray[np.datetime64], train_fraction: float, validation_fraction: float, embargo_sessions: int
) -> SessionSplit:
    """Cut sessions of one or more symbols into three parts by date.

    The trading days of all symbols together are cut as `split_sessions` cuts sessions, and each session goes where its
    day goes: no day on which one symbol was trained on is a day of another symbol's test.

    Args:
        dates: trading day of each session, (S,); a day comes once for each symbol that has it.
        train_fraction: of the trading days.
        validation_fraction: of the trading days.
        embargo_sessions: trading days after each cut that belong to no part.

    Raises:
        ParameterError: as `split_sessions`.
        DataError: there are too few trading days for three parts.
    """
    days, day_of = np.unique(dates, return_inverse=True)
    by_day = split_sessions(len(days), train_fraction, validation_fraction, embargo_sessions)
    train, validation, test = (
        np.flatnonzero(np.isin(day_of, part)).astype(np.int64)
        for part in (by_day.train, by_day.validation, by_day.test)
    )
    return SessionSplit(train, validation, test)
