"""What the terminal and the page say about quality: numbers with their units, headlines, lists of sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intraday_rl.data.quality.assess import Quality
from intraday_rl.data.quality.limits import CHECK_NAMES, CHECKS, Check

SESSIONS_NAMED = 6


def with_unit(check: Check, value: float) -> str:
    """Return a check's number as text, such as '8.2 %' or '3 bars'."""
    if np.isnan(value):
        return "nothing to check"
    if check.name == "split_jump" and value < 2:
        return "none"
    if check.unit == "share":
        return f"{value * 100:.3g} %"
    return f"{value:g} {check.unit.removesuffix('s') if value == 1 else check.unit}"


def describe_symbol(quality: Quality) -> str:
    """Return symbol, number of sessions, days, bars and coverage in one line."""
    count = len(quality.date)
    days = f"{quality.date[0]}" if count == 1 else f"{quality.date[0]} to {quality.date[-1]}"
    return (
        f"{quality.symbol}: {plural(count, 'session')}, {days}, {int(quality.bars.sum()):,} bars, "
        f"{np.median(quality.coverage) * 100:.1f} % of the minutes in the median session"
    )


def headline(qualities: Sequence[Quality]) -> str:
    """Return how many of all sessions fail a check."""
    total = sum(len(quality.date) for quality in qualities)
    failing = sum(int(quality.failed(CHECK_NAMES).sum()) for quality in qualities)
    symbols = qualities[0].symbol if len(qualities) == 1 else plural(len(qualities), "symbol")
    if total == 0 or failing == 0:
        return f"No session of {total} fails a check ({symbols})"
    return f"{failing} of {plural(total, 'session')} {'fails' if failing == 1 else 'fail'} a check ({symbols})"


def plural(count: int, word: str) -> str:
    """Return '1 session' or '3 sessions'."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def name_sessions(quality: Quality, check: Check, most: int = SESSIONS_NAMED) -> str:
    """Return the sessions that fail a check with their numbers, the worst first, and how many are not named."""
    failing = np.flatnonzero(quality.fails[check.name])
    values = quality.values[check.name]
    worst = failing[np.argsort(-values[failing], kind="stable")]
    named = ", ".join(f"{quality.date[i]} ({with_unit(check, values[i])})" for i in worst[:most])
    return named + (f" and {len(worst) - most} more" if len(worst) > most else "")


def quiet_checks(quality: Quality) -> tuple[list[str], list[str]]:
    """Return the names of the checks that no session fails, and of those that have nothing to look at."""
    absent = [check.name for check in CHECKS if np.isnan(quality.values[check.name]).all()]
    fine = [check.name for check in CHECKS if check.name not in absent and not quality.fails[check.name].any()]
    return fine, absent
