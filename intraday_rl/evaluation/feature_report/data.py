"""What the feature report is made from: a table of features per symbol, and the rows of its parts brought together.

Conventions: a part is a name for some of the sessions; the first part is the reference that the others are compared
with. Sessions that belong to no part (the embargo) count for the quality of the data, not for distributions. Shapes: T
rows of a symbol, S sessions of it, F features, N rows of all symbols that belong to a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import ParameterError

IntegerArray = npt.NDArray[np.int64]
FeatureArray = npt.NDArray[np.float32]  # (T, F)

MAX_ROWS = 120_000  # more are sampled for distributions and distances


@dataclass(frozen=True, kw_only=True, eq=False)
class SymbolFeatures:
    """The features of one symbol on the minute grid of its sessions.

    Attributes:
        symbol: name of the instrument.
        values: (T, F); NaN where a feature is not known.
        traded: (T,) False on minutes without a bar.
        session: (T,) index into `dates`, in time order.
        minute: (T,) 0-based minute of the session.
        dates: (S,) trading days.
        parts: name -> indices of its sessions.
        sources: feature -> what it is computed from.
    """

    symbol: str
    values: FeatureArray
    traded: npt.NDArray[np.bool_]
    session: IntegerArray
    minute: IntegerArray
    dates: npt.NDArray[np.datetime64]
    parts: Mapping[str, IntegerArray]
    sources: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureReportData:
    """All that the feature report shows.

    Attributes:
        title: names the data or the run.
        names: the F features.
        tables: one for each symbol, with the same parts in the same order.

    Raises:
        ParameterError: there is no table or no part, or a table's shapes or parts do not fit.
    """

    title: str
    names: tuple[str, ...]
    tables: Sequence[SymbolFeatures]

    def __post_init__(self) -> None:
        if not self.tables or not self.tables[0].parts:
            raise ParameterError("FeatureReportData.tables must be one or more, with one or more parts each")
        for table in self.tables:
            _check_table(table, (len(table.session), len(self.names)), self.parts)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols, in the order of the tables."""
        return tuple(table.symbol for table in self.tables)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, the reference first."""
        return tuple(self.tables[0].parts)


def _check_table(table: SymbolFeatures, shape: tuple[int, int], parts: tuple[str, ...]) -> None:
    owner = f"SymbolFeatures of {table.symbol}"
    if table.values.shape != shape:
        raise ParameterError(f"{owner}: values must have the shape {shape}, was {table.values.shape}")
    for name in ("traded", "minute"):
        if len(getattr(table, name)) != shape[0]:
            raise ParameterError(f"{owner}: {name} must have {shape[0]} rows, had {len(getattr(table, name))}")
    if tuple(table.parts) != parts:
        raise ParameterError(f"{owner}: parts must be {parts}, was {tuple(table.parts)}")


class PartRows(NamedTuple):
    """The rows of all symbols that belong to a part."""

    values: FeatureArray  # (N, F)
    part: IntegerArray  # (N,) index of the part
    day: IntegerArray  # (N,) trading day, days since 1970
    rows: int  # how many there were before sampling

    def of(self, part: int) -> FeatureArray:
        """Return the rows of one part."""
        chosen: FeatureArray = self.values[self.part == part]
        return chosen


def collect_rows(data: FeatureReportData, limit: int = MAX_ROWS) -> PartRows:
    """Return the rows of the parts; of more than `limit`, so many drawn without replacement, always the same ones."""
    values, parts, days = [], [], []
    for table in data.tables:
        part_of_session = np.full(len(table.dates), -1, dtype=np.int64)
        for place, sessions in enumerate(table.parts.values()):
            part_of_session[sessions] = place
        part = part_of_session[table.session]
        chosen = part >= 0
        values.append(table.values[chosen])
        parts.append(part[chosen])
        days.append(table.dates.astype("datetime64[D]").astype(np.int64)[table.session[chosen]])
    together = PartRows(np.concatenate(values), np.concatenate(parts), np.concatenate(days), sum(map(len, parts)))
    if together.rows <= limit:
        return together
    kept = np.sort(np.random.default_rng(0).choice(together.rows, limit, replace=False))
    return PartRows(together.values[kept], together.part[kept], together.day[kept], together.rows)
