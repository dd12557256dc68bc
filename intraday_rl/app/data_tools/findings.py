"""What `check-data` finds: how bars are written, what is wrong with them, and how good they are.

Conventions: errors do not end a look; each becomes one line, and the other files and symbols are looked at as well.
Only what is shown is kept: a symbol's bars are let go before the next symbol's come.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from intraday_rl.core.errors import IntradayError
from intraday_rl.data import Bars, exchange_sessions
from intraday_rl.data.quality import Quality, QualityLimits, assess_bars

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SymbolFindings:
    """What was found in one symbol's bars.

    Attributes:
        symbol: its name.
        quality: of its sessions.
        sources: feature -> what it is computed from.
        counts: reason -> rows left out.
        absent: trading days of the calendar between the first and the last session that have no bar.
        mixed: optional columns that some sessions have and others do not.
    """

    symbol: str
    quality: Quality
    sources: dict[str, str]
    counts: dict[str, int]
    absent: int
    mixed: tuple[str, ...]


@dataclass
class Findings:
    """What was found at a path.

    Attributes:
        how: file or folder -> how it was read, one line for each aspect.
        problems: what is wrong, one line each.
        doubts: what seems to be stated wrongly, one line each.
        symbols: the symbols whose bars could be read.
        ready: whether training can read the path as it is.
        is_table: whether zone and stamp matter.
    """

    how: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    symbols: list[SymbolFindings] = field(default_factory=list)
    ready: bool = False
    is_table: bool = False


@dataclass(frozen=True)
class Yardstick:
    """What bars are measured with.

    Attributes:
        limits: of the quality.
        sources: bars -> for each feature what it is computed from.
    """

    limits: QualityLimits
    sources: Callable[[Bars], dict[str, str]]


def findings_of(bars: Bars, counts: Mapping[str, int], calendar: str, yardstick: Yardstick) -> SymbolFindings:
    """Return what was found in one symbol's bars.

    Args:
        bars: on their grid.
        counts: reason -> rows left out.
        calendar: name of the exchange calendar.
        yardstick: what to measure them with.
    """
    dates = bars.sessions.date
    between = exchange_sessions(calendar, str(dates[0]), str(dates[-1]))
    return SymbolFindings(
        symbol=bars.symbol,
        quality=assess_bars(bars, yardstick.limits),
        sources=yardstick.sources(bars),
        counts={reason: count for reason, count in counts.items() if count},
        absent=len(between) - len(dates),
        mixed=tuple(bars.mixed_columns()),
    )


@contextmanager
def noting(found: Findings) -> Iterator[None]:
    """Make an error that a user can cause one of the problems."""
    try:
        yield
    except IntradayError as error:
        found.problems.append(str(error))


def with_progress(items: Sequence[T], what: str) -> Iterable[T]:
    """Return the items; on a terminal a bar shows how many have been taken."""
    from rich.console import Console
    from rich.progress import track

    hidden = len(items) < 2 or not sys.stderr.isatty()
    return track(items, what, console=Console(stderr=True), transient=True, disable=hidden)
