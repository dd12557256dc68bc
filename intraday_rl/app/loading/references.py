"""The bars of other symbols and the VIX that `features.smt` and `features.vix` ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ConfigError
from intraday_rl.data import Bars, read_daily_closes, to_grid
from intraday_rl.data.files import read_symbol, source_files
from intraday_rl.data.storage.prepared import prepared_bars
from intraday_rl.features import References
from intraday_rl.features.sources import SMT_FEATURES, VIX_FEATURES, VIX_MINUTE_FEATURES


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """`features.smt`: whether and where the minute bars of leader and follower are."""

    enabled: bool
    path: Path | None
    leader: str
    follower: str


@dataclass(frozen=True, kw_only=True)
class VolatilityIndex:
    """`features.vix`: whether and where the daily closes and, if any, the minute bars of the index are."""

    enabled: bool
    path: Path | None
    minutes: Path | None
    symbol: str


@dataclass(frozen=True)
class ReferencePlan:
    """What to load beside the traded symbols.

    Attributes:
        smt: the two symbols whose divergence is a feature.
        vix: the volatility index.
        calendar: exchange calendar of their minute bars.
    """

    smt: Divergence
    vix: VolatilityIndex
    calendar: str

    @property
    def names(self) -> tuple[str, ...]:
        """The features that are switched on."""
        minutes = VIX_MINUTE_FEATURES if self.vix.minutes is not None else ()
        vix = (*VIX_FEATURES, *minutes) if self.vix.enabled else ()
        return (*(SMT_FEATURES if self.smt.enabled else ()), *vix)

    def load(self) -> References:
        """Return the references, checked.

        Raises:
            DataError: a file is missing or wrong.
        """
        smt, vix = self.smt, self.vix
        return References(
            leader=self._bars(smt.path, smt.leader) if smt.enabled else None,
            follower=self._bars(smt.path, smt.follower) if smt.enabled else None,
            vix_daily=read_daily_closes(vix.path) if vix.enabled and vix.path is not None else None,
            vix_minutes=self._bars(vix.minutes, vix.symbol) if vix.enabled and vix.minutes is not None else None,
        )

    def _bars(self, path: Path | None, symbol: str) -> Bars:
        assert path is not None  # refused when the plan was made

        def read() -> tuple[Bars, Sequence[str]]:
            return to_grid(read_symbol(path, symbol), symbol, self.calendar, str(path)), ()

        return prepared_bars(source_files(path, symbol), [symbol, self.calendar, "reference"], read)[0]


def plan_references(smt_node: Mapping[str, Any], vix_node: Mapping[str, Any], calendar: str) -> ReferencePlan:
    """Return the plan that the nodes make; paths are absolute already.

    Raises:
        ConfigError: a feature is switched on and its path is not given.
    """
    smt, vix = coerce(Divergence, smt_node), coerce(VolatilityIndex, vix_node)
    for key, node, what in (
        ("features.smt", smt, f"a file or folder with minute bars of {smt.leader} and {smt.follower}"),
        ("features.vix", vix, "a file of daily closes"),
    ):
        if node.enabled and node.path is None:
            raise ConfigError(f"{key}.enabled needs {key}.path=…, {what}")
    return ReferencePlan(smt, vix, calendar)
