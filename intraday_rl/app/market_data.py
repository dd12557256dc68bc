"""Load what a plan trades on: bars of every symbol, features, one tape, and the sessions of each part.

What is fitted on the training sessions (moments of the features, slippage budget) is fitted here when a policy is to be
trained, and taken from its bundle when one is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.app.build import MarketPlan, Plan, check_flat_in_time
from intraday_rl.core.errors import DataError
from intraday_rl.core.hashing import hash_arrays, hash_json
from intraday_rl.data import Bars, SessionSplit
from intraday_rl.env.rules import TradingRules, with_budget
from intraday_rl.evaluation.budget import slippage_budget_bps
from intraday_rl.evaluation.report import DataDescription
from intraday_rl.features import FeatureTable, References
from intraday_rl.features.cache import cached_features
from intraday_rl.features.fitted.training import TrainingFit, fit_moments
from intraday_rl.features.references import NO_REFERENCES
from intraday_rl.market.rows import Stress
from intraday_rl.market.tape import Tape, build_tape, join_tapes

DIGEST_LENGTH = 16  # 64 bits: two of a million sessions are alike once in 10⁷ times


@dataclass(frozen=True)
class SymbolData:
    """One symbol made ready.

    Attributes:
        bars: the grid of all its sessions.
        table: its features, raw, as `features.pipeline` computes them.
        filled: feature -> in how many rows a gap was filled with the training mean.
    """

    bars: Bars
    table: FeatureTable
    filled: Mapping[str, int]


@dataclass(frozen=True)
class Frozen:
    """What was fitted on the training sessions and stays with a policy.

    Attributes:
        fit: moments of the features.
        slippage_budget_bps: what trading should cost by the model.
    """

    fit: TrainingFit
    slippage_budget_bps: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as a bundle's judging.json holds them."""
        return {"slippage_budget_bps": self.slippage_budget_bps, "training_fit": self.fit.to_json()}

    @classmethod
    def from_json(cls, judging: Mapping[str, Any]) -> Frozen:
        """Return what a bundle's judging.json, checked when it was read, holds."""
        return cls(TrainingFit.from_json(judging["training_fit"]), float(judging["slippage_budget_bps"]))


@dataclass(frozen=True)
class MarketData:
    """Symbols made ready.

    Attributes:
        plan: what they were made ready for.
        symbols: bars and features of each, in the order of the plan.
        references: bars of other symbols and the VIX that features read.
        tape: what the simulator runs on, all symbols in one.
        frozen: what was fitted on the training sessions.
        features: names, parameters and sources of the features, plain JSON values.
    """

    plan: Plan
    symbols: tuple[SymbolData, ...]
    references: References
    tape: Tape
    frozen: Frozen
    features: dict[str, Any]

    @cached_property
    def rules(self) -> TradingRules:
        """The plan's rules, with the slippage budget in which the observation measures costs."""
        return with_budget(self.plan.rules, self.frozen.slippage_budget_bps)

    def under(self, stress: Stress) -> MarketData:
        """Return the same data with an execution under stress; what was fitted stays."""
        own = self.plan.rules
        executions = {symbol: execution.stressed(stress) for symbol, execution in own.executions.items()}
        rules = replace(own, execution=own.execution.stressed(stress), executions=executions)
        for execution in (rules.execution, *executions.values()):
            for part in execution:
                part.check()
        check_flat_in_time(rules)
        return replace(self, plan=replace(self.plan, rules=rules))

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 over the bars of all symbols, and of the references where there are any."""
        prints = [symbol.bars.fingerprint for symbol in self.symbols]
        if self.references.fingerprint != NO_REFERENCES.fingerprint:
            prints.append(self.references.fingerprint)
        return prints[0] if len(prints) == 1 else hash_json(prints)

    @cached_property
    def split(self) -> SessionSplit:
        """The sessions of each part, indices on the tape.

        Raises:
            DataError: a part has no session in which a decision can be taken.
        """
        split = self.plan.split.split(self.tape.dates)
        for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test)):
            if len(self.tape.usable(part)) == 0:
                raise DataError(
                    f"{', '.join(self.tape.symbols)}: the {name} part has no usable session ({len(self.tape.dates)} "
                    "sessions in all, the first is the features' warm-up); give more sessions or change "
                    "evaluation.split"
                )
        return split

    def all_sessions(self) -> npt.NDArray[np.int64]:
        """Return the indices of all sessions."""
        return np.arange(len(self.tape.dates), dtype=np.int64)

    def session_digests(self, sessions: npt.NDArray[np.int64]) -> list[str]:
        """Return short digests of the sessions' minutes, prices and volumes, to recognise them in other data."""
        digests = []
        for first, last in zip(self.tape.session_starts[sessions], self.tape.last_row[sessions], strict=True):
            minutes = slice(first, last + 1)
            values = (self.tape.rows[name][minutes] for name in ("close", "volume"))
            digests.append(hash_arrays(self.tape.end_ns[minutes], *values)[:DIGEST_LENGTH])
        return digests

    def describe(self, cost_model: str, judged: str, parts: tuple[int, int, int]) -> DataDescription:
        """Return the facts about the data that reports show.

        Args:
            cost_model: the costs in words.
            judged: the judged sessions in words, such as "test sessions".
            parts: how many of these sessions the policy was trained on, validated on and is judged on.
        """
        return DataDescription(
            symbol=", ".join(self.tape.symbols),
            first_session=str(self.tape.dates[0]),
            last_session=str(self.tape.dates[-1]),
            train_sessions=parts[0],
            validation_sessions=parts[1],
            test_sessions=parts[2],
            judged=judged,
            cost_model=cost_model,
        )

    def part_sizes(self) -> tuple[int, int, int]:
        """Return how many usable sessions the training, validation and test parts have."""
        split = self.split
        train, validation, test = (len(self.tape.usable(p)) for p in (split.train, split.validation, split.test))
        return train, validation, test

    def gaps(self) -> dict[str, dict[str, int]]:
        """Return for each symbol how many rows of which feature were filled with the training mean."""
        return {symbol.bars.symbol: dict(symbol.filled) for symbol in self.symbols}


def load_market_data(plan: Plan, frozen: Frozen | None = None) -> MarketData:
    """Load and check.

    Args:
        plan: what to load.
        frozen: what a bundle was fitted with; None = fit on the training sessions.

    Raises:
        DataError: bars are missing, wrong or too few for the features.
        FeatureError: the fit does not know a symbol.
    """
    references = plan.references.load()
    loaded = [_load(market, references) for market in plan.markets]
    fit = _fit(plan, loaded) if frozen is None else frozen.fit
    symbols, tapes = [], []
    for bars, table, tape in loaded:
        values, filled = fit.apply(bars.symbol, table, _decisions(tape))
        symbols.append(SymbolData(bars, table, filled))
        tapes.append(replace(tape, features=values))
    tape = join_tapes(tapes)
    tape.check()
    if frozen is None:
        training = plan.split.split(tape.dates).train
        frozen = Frozen(fit, slippage_budget_bps(tape, plan.rules, training, plan.slippage_budget_multiple))
    return MarketData(plan, tuple(symbols), references, tape, frozen, _describe_features(plan, symbols, fit.is_scaled))


Loaded = tuple[Bars, FeatureTable, Tape]


def _fit(plan: Plan, loaded: list[Loaded]) -> TrainingFit:
    """Return the moments of each symbol's decisions on the training days."""
    dates = np.concatenate([tape.dates for _, _, tape in loaded])
    days = np.unique(dates[plan.split.split(dates).train])
    moments = {}
    for bars, table, tape in loaded:
        rows = _decisions(tape) & np.isin(bars.sessions.date, days)[bars.session]
        moments[bars.symbol] = fit_moments(table, rows, bars.symbol)
    return TrainingFit(plan.markets[0].pipeline.names, moments)


def _load(market: MarketPlan, references: References) -> Loaded:
    bars = market.source.load()
    table = cached_features(market.pipeline, bars, references)
    has_scales = set(market.scales.names) <= set(table.names)
    scales = table if has_scales else cached_features(market.scales, bars)
    return bars, table, build_tape(bars, table, scales, market.instrument, market.blackout)


def _decisions(tape: Tape) -> npt.NDArray[np.bool_]:
    """Return the rows (T,) from each session's first decision on."""
    starts = np.where(tape.first_row < 0, tape.last_row + 1, tape.first_row)
    rows = np.zeros(len(tape.rows) + 1, dtype=np.int64)
    np.add.at(rows, starts, 1)
    np.add.at(rows, tape.last_row + 1, -1)
    return np.asarray(np.cumsum(rows)[:-1] > 0)


def _describe_features(plan: Plan, symbols: list[SymbolData], scaled_by_symbol: bool) -> dict[str, Any]:
    """Return what a policy is tied to; sources that differ between symbols are told for each.

    Raises:
        DataError: a feature has another source for one symbol than for another.
    """
    first = symbols[0]
    for other in symbols[1:]:
        for name, source in other.table.sources.items():
            if source != first.table.sources[name]:
                raise DataError(
                    f"{name} comes from {first.table.sources[name]} for {first.bars.symbol} and from {source} for "
                    f"{other.bars.symbol}; train on symbols whose files have the same columns"
                )
    pipeline = plan.markets[0].pipeline
    return {
        "names": list(pipeline.names),
        "families": {type(family).__name__: family._asdict() for family in pipeline.families},
        "base_spread": plan.rules.execution.spread.base_spread,
        "sources": dict(first.table.sources),
        "scaled_by_symbol": scaled_by_symbol,
    }
