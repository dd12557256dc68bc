"""The rules of an environment: everything but its bars, checked, and packed as compiled code takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from intraday_rl.core import checks, structs
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ConfigError
from intraday_rl.env.actions import target_position
from intraday_rl.env.episodes import ORDERS
from intraday_rl.env.observation import ObservationLayout
from intraday_rl.env.rewards import reward_term
from intraday_rl.env.risk import RiskManager
from intraday_rl.market.advance import Execution
from intraday_rl.market.costs import commission_usd
from intraday_rl.market.fills import filled_quantity
from intraday_rl.market.impact import temporary_impact
from intraday_rl.market.latency import delay_bars
from intraday_rl.market.rows import Contract
from intraday_rl.market.spreads import half_spread

MOST_TERMS = 62  # bits of a whole number in compiled code


class AccountUnit(NamedTuple):
    """What an account begins with, how its USD become reward, and where its rules' memories lie."""

    capital_usd: float  # NAV at a session's start
    reward_scale: float  # applied last, once, to rewards in basis points of the session-start NAV
    progress: float  # of the training, 0 to 1
    penalties: int  # bit k is set where term k is a penalty
    num_exits: int
    first_limit: int  # place of the limits' memories, behind those of the terms
    first_entry: int


@dataclass(frozen=True)
class TradingRules:
    """Everything of an environment but its bars: what may be done, seen and earned.

    Attributes:
        execution: how orders become fills.
        executions: the same for those symbols whose parameters differ, by symbol; the models are those of `execution`.
        risk: limits, entry rules, exits and layers.
        actions: the action map.
        terms: reward terms by name, at least one.
        reward_scale: applied last, to rewards in basis points of the session-start NAV.
        layout: the observation.
        initial_capital_usd: NAV at every session's start.
        episode_order: how training goes through symbols, one of `episodes.ORDERS`.
    """

    execution: Execution
    executions: Mapping[str, Execution]
    risk: RiskManager
    actions: Any
    terms: Mapping[str, Any]
    reward_scale: float
    layout: ObservationLayout
    initial_capital_usd: float
    episode_order: str

    def __post_init__(self) -> None:
        """Refuse rules that leave out a part, or hold one of another kind."""
        checks.positive("env", "initial_capital_usd", self.initial_capital_usd, "USD")
        checks.positive("reward", "scale", self.reward_scale)
        checks.one_of("env", "episode_order", self.episode_order, ORDERS)
        if not self.terms:
            raise ConfigError("reward.terms must name at least one rule, was empty")
        if len(self.terms) > MOST_TERMS:
            raise ConfigError(f"reward.terms must name at most {MOST_TERMS} terms, was {len(self.terms)}")
        self._check_kinds()

    def _check_kinds(self) -> None:
        """Refuse a struct in a place where its kind has no rule."""
        execution = self.execution
        if not isinstance(execution.contract, Contract):
            raise ConfigError(f"market.execution.contract must be a Contract, was {type(execution.contract).__name__}")
        for key, rule, step in self._placed():
            known = step.model.implementations
            if type(rule) not in known:
                names = ", ".join(sorted(kind.__name__ for kind in known))
                raise ConfigError(f"{key} must be one of {names}, was {type(rule).__name__}")
        for symbol, other in self.executions.items():
            for name, part, model in zip(execution._fields, other, execution, strict=True):
                if type(part) is not type(model):
                    raise ConfigError(
                        f"market.execution.{name} of {symbol} must be a {type(model).__name__} as for the other "
                        f"symbols, was {type(part).__name__}; parameters may differ, models may not"
                    )

    def _placed(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield each rule with its key and the model that it has to implement."""
        yield from self.risk.placed()
        yield from ((f"reward.terms.{name}", rule, reward_term) for name, rule in self.terms.items())
        yield "env.actions", self.actions, target_position
        steps = (delay_bars, half_spread, temporary_impact, filled_quantity, commission_usd)
        for name, part, step in zip(Execution._fields[1:], self.execution[1:], steps, strict=True):
            yield f"market.execution.{name}", part, step

    def execution_of(self, symbol: str) -> Execution:
        """Return how orders in the symbol become fills."""
        return self.executions.get(symbol, self.execution)

    @property
    def num_memories(self) -> int:
        """How many terms and rules an account keeps a memory for."""
        risk = self.risk.active()
        return len(self.terms) + len(risk.limits) + len(risk.entries)

    def pack(self, symbols: tuple[str, ...]) -> structs.Records:
        """Return all rules as the kernels take them: one record for each of the symbols, in order, (K,)."""
        risk, terms = self.risk.active(), len(self.terms)
        unit = AccountUnit(
            capital_usd=self.initial_capital_usd,
            reward_scale=self.reward_scale,
            progress=1.0,
            penalties=sum(1 << k for k, term in enumerate(self.terms.values()) if is_penalty(term)),
            num_exits=len(risk.exits),
            first_limit=terms,
            first_entry=terms + len(risk.limits),
        )
        groups = {
            "execution": self.execution.pack(),
            "limits": structs.nest("Limits", risk.limits),
            "entries": structs.nest("Entries", risk.entries),
            "exits": structs.nest("Exits", risk.exits),
            "layers": risk.layers,
            "actions": self.actions,
            "terms": structs.nest("Terms", self.terms),
            "unit": unit,
            "columns": self.layout.pack(risk.cooldown_bars),
        }
        packed = np.repeat(structs.nest("TradingRules", groups), len(symbols))
        for k, symbol in enumerate(symbols):
            packed["execution"][k] = self.execution_of(symbol).pack()[0]
        return packed

    def with_parameter(self, key: str, value: float) -> TradingRules:
        """Return the rules with one parameter of a term or risk rule changed.

        Args:
            key: dotted name below `reward` or `risk`, such as `terms.turnover.limit` or `layers.hard_drawdown`.
            value: its new value.

        Raises:
            ConfigError: there is no such parameter.
            ParameterError: the value breaks its law.
        """
        group, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if group == "layers" and not name:
            return replace(self, risk=replace(self.risk, layers=_changed(key, self.risk.layers, rest, value)))
        places = {name: getattr(self.risk, name) for name in ("limits", "entries", "exits")} | {"terms": self.terms}
        rules = places.get(group, {})
        if name not in rules:
            known = [f"{place}.{rule}.{f}" for place, members in places.items() for rule in members
                     for f in members[rule]._fields]  # fmt: skip
            raise ConfigError(f"{key} names no parameter of a reward term or risk rule{checks.nearest(key, known)}")
        changed: Any = {group: {**rules, name: _changed(key, rules[name], field, value)}}
        return replace(self, **changed) if group == "terms" else replace(self, risk=replace(self.risk, **changed))


def is_penalty(term: Any) -> bool:
    """Say whether a reward term counts as a penalty: its struct's name says so."""
    return type(term).__name__.endswith("Penalty")


def _changed(key: str, rule: Any, field: str, value: float) -> Any:
    if field not in rule._fields:
        raise ConfigError(f"{key}: {type(rule).__name__} has no parameter {field}{checks.nearest(field, rule._fields)}")
    return coerce(type(rule), rule._asdict() | {field: value})


def with_budget(rules: TradingRules, slippage_budget_bps: float) -> TradingRules:
    """Return the rules with the slippage budget in which the observation measures costs, bps."""
    return replace(rules, layout=replace(rules.layout, slippage_budget_bps=slippage_budget_bps))
