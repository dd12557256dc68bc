"""From bars to a table of features: what is fitted on earlier sessions, the pass, and the fingerprint.

Conventions: one row per grid minute. No value depends on a later bar: fits for a session see earlier sessions only, the
pass sees bars up to the row. Values are raw; scaling belongs to the learner. Shapes: T rows, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from intraday_rl.core import checks
from intraday_rl.core.errors import FeatureError, ParameterError
from intraday_rl.core.hashing import hash_json
from intraday_rl.data.bars import Bars
from intraday_rl.data.grid import to_grid
from intraday_rl.features.base import FeatureTable
from intraday_rl.features.engine import COLUMNS, Fits, Memory, Output, new_memory, run_pass
from intraday_rl.features.fitted.seasons import NextSession, fit_sessions
from intraday_rl.features.library import FAMILIES, Extra, Microstructure, Momentum, Regime, Volatility
from intraday_rl.features.library.regime import MINUTES_OF_DAY
from intraday_rl.features.presets import PRESETS
from intraday_rl.features.references import NO_REFERENCES, References
from intraday_rl.features.sources import has_order_flow, has_quotes, has_sides, has_sizes, source_of
from intraday_rl.features.trail import BarColumns

EQUITY_TICK = 0.01  # USD: base spread of `compute_features`, the tick of US equities
US_EQUITIES = "XNYS"
NORMAL_FLOW = Microstructure(degrees_of_freedom=0.0, corwin_schultz=False)
DEFAULT_FAMILIES = (NORMAL_FLOW, Momentum(), Volatility(), Regime(), Extra())  # of `compute_features`
OWN_PARAMETERS = ("known_state", "full51_regime")  # presets that need one family more, with parameters of its own


@dataclass(frozen=True, kw_only=True)
class FeaturePipeline:
    """The chosen features of bars.

    Attributes:
        families: parameter structs of the families to compute; each of `names` belongs to one of them.
        names: the F columns, in the order of the table.
        base_spread: spread of a calm minute for the modelled spread of records without quotes, price units.

    Raises:
        ParameterError: a family, a name or the base spread is impossible.
        FeatureError: a name is unknown, or its family is not among `families`.
    """

    families: tuple[Any, ...]
    names: tuple[str, ...]
    base_spread: float

    def __post_init__(self) -> None:
        checks.positive("FeaturePipeline", "base_spread", self.base_spread, "price units")
        known = {family.params: [spec.name for spec in family.specs] for family in FAMILIES}
        for params in self.families:
            checks.one_of("FeaturePipeline", "families", type(params), known)
            if hasattr(params, "check"):
                params.check()
        offered = [name for params in self.families for name in known[type(params)]]
        if not self.names or len(set(self.names)) != len(self.names):
            raise ParameterError(f"FeaturePipeline.names must be one or more names, each once, was {self.names!r}")
        for name in self.names:
            if name not in COLUMNS:
                raise FeatureError(f"unknown feature {name!r}{checks.nearest(name, COLUMNS)}")
            if name not in offered:
                raise FeatureError(f"feature {name!r} needs a family that is not chosen; add it to families")

    def compute(self, bars: Bars, references: References = NO_REFERENCES) -> FeatureTable:
        """Return the features of all grid minutes of the bars.

        The first session is warm-up: it fills the memories, and time-of-day medians exist from the second session on
        (of as many earlier sessions as there are, at most 20).

        Raises:
            FeatureError: a session is longer than a day, or a feature reads references that are not there.
            DataError: the references do not cover the sessions.
        """
        sources = self.sources(bars, references)
        references.check_cover(bars)
        output, _ = self.run(bars, self.fit(bars, None, references), references)
        return FeatureTable(self.names, output.values, output.valid, sources, self.fingerprint(sources))

    def fit(self, bars: Bars, next_session: NextSession | None = None, references: References = NO_REFERENCES) -> Fits:
        """Return what is fitted on earlier sessions, for each session, and for the next one after them if it is given.

        Raises:
            FeatureError: a session is longer than a day.
            DataError: the references' daily closes do not cover a session.
        """
        longest = max(0 if next_session is None else next_session.minutes, int(bars.sessions.minutes.max()))
        if longest > MINUTES_OF_DAY:
            raise FeatureError(f"{bars.symbol}: a session must be at most {MINUTES_OF_DAY} minutes long, was {longest}")
        return fit_sessions(bars, next_session, self.names, references)

    def run(self, bars: Bars, fits: Fits, references: References = NO_REFERENCES) -> tuple[Output, Memory]:
        """Run the pass over all bars with an empty memory; return its rows and the memory after the last bar."""
        memory = new_memory(self._settings(bars))
        output = self.new_output(len(bars))
        run_pass(columns_of(bars), references.columns(bars), fits, memory, output)
        return output, memory

    def new_output(self, rows: int) -> Output:
        """Return room for so many rows."""
        columns = np.array([COLUMNS.index(name) for name in self.names], dtype=np.uint64)
        values = np.empty((rows, len(self.names)), dtype=np.float32)
        return Output(columns, values, np.empty(rows, dtype=np.bool_))

    def sources(self, bars: Bars, references: References = NO_REFERENCES) -> dict[str, str]:
        """Return for each feature what it is computed from.

        ticks: what was measured on the record's trades and quotes; quotes: the record's closing quotes; bars: the bars,
        exactly as defined; proxy: bars in the place of ticks, quotes or trade counts; proxy_typical_price: the same,
        where also the vwap is absent and (h + l + c)/3 stands in. Of cross-asset features: which references.

        Raises:
            FeatureError: a feature reads references that are not there.
        """
        return {name: source_of(name, bars, references) for name in self.names}

    def fingerprint(self, sources: dict[str, str]) -> str:
        """Return the sha256 over names, parameters and sources."""
        families = {type(params).__name__: params._asdict() for params in self.families}
        return hash_json([list(self.names), families, self.base_spread, sources])

    def _settings(self, bars: Bars) -> dict[type, dict[str, float]]:
        settings = {type(params): dict(params._asdict()) for params in self.families}
        if Microstructure in settings:
            settings[Microstructure] |= {
                "base_spread": self.base_spread,
                "has_quotes": has_quotes(bars),
                "has_sizes": has_sizes(bars),
                "has_trades": bars.has("trade_count"),
                "has_order_flow": has_order_flow(bars),
                "has_sides": has_sides(bars),
            }
        return settings


def columns_of(bars: Bars) -> BarColumns:
    """Return the columns that the pass reads."""
    return BarColumns(*(np.ascontiguousarray(getattr(bars, name)) for name in BarColumns._fields))


def compute_features(bars: Bars | pd.DataFrame, preset: str) -> pd.DataFrame:
    """Return the preset's features of bars, one row per grid minute, indexed by the bar's start (UTC).

    A row is known one minute after its time stamp. Rows that are not valid (warm-up: the first session; minutes before
    a session's first bar) are NaN where a value is missing.

    Args:
        bars: bars on their grid, or a frame of one symbol with the columns of `read_bars`, taken as US equity sessions.
        preset: a name of `PRESETS`.

    Raises:
        FeatureError: the preset is unknown or needs parameters, or the frame holds more than one symbol.
        DataError: the frame breaks a law of bars.
    """
    if preset not in PRESETS:
        raise FeatureError(f"unknown preset {preset!r}{checks.nearest(preset, PRESETS)}; known: {', '.join(PRESETS)}")
    if preset in OWN_PARAMETERS:
        raise FeatureError(f"preset {preset!r} has parameters of its own; compute it with FeaturePipeline")
    if isinstance(bars, pd.DataFrame):
        bars = _only_symbol(bars)
    pipeline = FeaturePipeline(families=DEFAULT_FAMILIES, names=PRESETS[preset], base_spread=EQUITY_TICK)
    table = pipeline.compute(bars)
    index = pd.DatetimeIndex(bars.start_ns.astype("datetime64[ns]"), name="timestamp").tz_localize("UTC")
    return pd.DataFrame(table.values, index=index, columns=list(table.names))


def _only_symbol(frame: pd.DataFrame) -> Bars:
    symbols = sorted(map(str, frame["symbol"].unique())) if "symbol" in frame else []
    if len(symbols) != 1:
        raise FeatureError(f"compute_features.bars must hold one symbol, has {len(symbols)}; choose one")
    return to_grid(frame, symbols[0], US_EQUITIES)
