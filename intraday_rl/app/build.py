"""Configuration to objects: every node with a `_target_` becomes a typed, checked struct; no `cfg` travels further.

What is refused here is refused before any data are read: an unknown or missing key, a wrong type, an impossible
value. The message starts with the configuration key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.app.planning.plugins import load_plugins
from intraday_rl.app.planning.structs import build_group, build_plain, build_struct, named, number
from intraday_rl.core import checks
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import ConfigError
from intraday_rl.data import Instrument, SessionSplit, split_dates

Config = Mapping[str, Any]

EVERY_COLUMN = ["all"]  # of features.stacked
PROJECT = Path(__file__).resolve().parents[2]


def resolve_path(path: str | Path) -> Path:
    """Return a path of the configuration as an absolute one: relative paths start at the project's root."""
    given = Path(path).expanduser()
    return given if given.is_absolute() else PROJECT / given


@dataclass(frozen=True, kw_only=True)
class SplitParameters:
    """How sessions are dealt out, in time order."""

    train_fraction: float
    validation_fraction: float
    embargo_sessions: int

    def check(self) -> None:
        """Refuse fractions that leave nothing for the test."""
        checks.fraction("split", "train_fraction", self.train_fraction)
        checks.fraction("split", "validation_fraction", self.validation_fraction)
        if self.train_fraction + self.validation_fraction >= 1:
            total = self.train_fraction + self.validation_fraction
            raise ConfigError(f"split: train_fraction + validation_fraction must be < 1, was {total:g}")
        checks.non_negative("split", "embargo_sessions", self.embargo_sessions, "sessions")

    def split(self, dates: npt.NDArray[np.datetime64]) -> SessionSplit:
        """Return the parts of sessions on these trading days, (S,), cut by day."""
        return split_dates(dates, self.train_fraction, self.validation_fraction, self.embargo_sessions)


@dataclass(frozen=True)
class MarketPlan:
    """What one symbol needs.

    Attributes:
        source: where its bars come from.
        instrument: its contract terms.
        pipeline: the features that agents see.
        scales: the features that execution needs (ATR, volatility).
        blackout: when to open no positions.
    """

    source: Any
    instrument: Instrument
    pipeline: Any
    scales: Any
    blackout: Any


@dataclass(frozen=True)
class Plan:
    """A checked configuration as objects; nothing is loaded yet.

    Attributes:
        markets: the symbols, one or more.
        references: what is loaded beside them.
        rules: the environment but for its bars; the slippage budget is not known yet.
        split: how sessions are dealt out.
        slippage_budget_multiple: of the median modelled cost on the training sessions.
        algorithm: name of the algorithm.
        parameters: its parameters.
        expert: what demonstrates, and trades beside the policy when it is judged.
        cloning: how a network learns from it.
        warm_start: what training starts from.
        alarms: limits of the training's alarms.
        gates: limits of gates and guards.
        criteria: of the run's phase, by name; empty where it has none.
        curriculum: stages of the rules' parameters; None = the rules stay as they are.
    """

    markets: tuple[MarketPlan, ...]
    references: Any
    rules: Any
    split: SplitParameters
    slippage_budget_multiple: float
    algorithm: str
    parameters: Any
    expert: Any
    cloning: Any
    warm_start: Any
    alarms: Any
    gates: Any
    criteria: Mapping[str, Any]
    curriculum: Any


def build_plan(config: Config) -> Plan:
    """Turn a resolved configuration into checked objects.

    Raises:
        ConfigError: something in it is not allowed.
    """
    from intraday_rl.agents.callbacks.guards.limits import AlarmLimits
    from intraday_rl.agents.cloning.parameters import CloningParameters
    from intraday_rl.agents.experts import Threshold, VwapReversion
    from intraday_rl.app.loading.session_regimes import check_order
    from intraday_rl.app.planning.algorithm import plan_algorithm
    from intraday_rl.app.planning.curriculum import plan_curriculum
    from intraday_rl.app.planning.warm_start import plan_warm_start
    from intraday_rl.env.rules import TradingRules
    from intraday_rl.evaluation.gates import GateLimits

    load_plugins(config["plugins"])
    check_symbols(config["data"])
    calendar = build_struct("market.instrument", config["market"]["instrument"], Instrument).calendar
    references = _references(config["features"], calendar)
    symbols = config["data"].get("symbols") or [None]
    markets = tuple(_market(config, symbol, references.names) for symbol in symbols)
    own = {s: _execution(market_of(config["market"], s)) for s in config["market"]["by_symbol"]}
    with named("env"):
        rules = TradingRules(
            execution=_execution(config["market"]),
            executions=own,
            risk=_risk(config["risk"]),
            actions=build_struct("env.actions", config["env"]["actions"]),
            terms=build_group("reward.terms", config["reward"]["terms"]),
            reward_scale=number("reward.scale", config["reward"]["scale"]),
            layout=_layout(markets[0].pipeline.names, config["features"], config["env"]["account"]),
            initial_capital_usd=number("env.initial_capital_usd", config["env"]["initial_capital_usd"]),
            episode_order=config["env"]["episode_order"],
        )
    _check_commission(config["risk"]["commission_share_max"], rules)
    check_flat_in_time(rules)
    check_order(rules.episode_order, markets[0].pipeline.names)
    return Plan(
        markets=markets,
        references=references,
        rules=rules,
        split=build_plain("evaluation.split", SplitParameters, config["evaluation"]["split"]),
        slippage_budget_multiple=number(
            "evaluation.slippage_budget_multiple", config["evaluation"]["slippage_budget_multiple"]
        ),
        algorithm=config["algo"]["name"],
        parameters=plan_algorithm(config["algo"], rules),
        expert=build_struct("expert", config["expert"], VwapReversion, Threshold),
        cloning=build_struct("cloning", config["cloning"], CloningParameters),
        warm_start=plan_warm_start(config["warm_start"], config["algo"], PROJECT),
        alarms=build_struct("evaluation.alarms", config["evaluation"]["alarms"], AlarmLimits),
        gates=build_struct("evaluation.gates", config["evaluation"]["gates"], GateLimits),
        criteria=_criteria(config["criteria"]),
        curriculum=plan_curriculum(config["curriculum"], rules, config["algo"]["name"]),
    )


def _risk(node: Config) -> Any:
    from intraday_rl.env.risk import RiskLayers, RiskManager

    wrapper = node["use_risk_wrapper"]
    if not isinstance(wrapper, bool):
        raise ConfigError(f"risk.use_risk_wrapper must be true or false, was {wrapper!r}")
    groups = {name: build_group(f"risk.{name}", node[name]) for name in ("limits", "entries", "exits")}
    layers = build_struct("risk.layers", node["layers"], RiskLayers)
    return RiskManager(**groups, layers=layers, use_risk_wrapper=wrapper)


def check_flat_in_time(rules: Any) -> None:
    """Refuse orders that may be under way for longer than the session's exit leaves them."""
    from intraday_rl.env.risk import FlatBeforeClose

    slowest = max(getattr(e.latency, "high_ms", 0.0) for e in (rules.execution, *rules.executions.values()))
    left = max(rule.minutes for rule in rules.risk.exits.values() if isinstance(rule, FlatBeforeClose))
    if left * 60_000.0 < slowest - 60_000.0:
        raise ConfigError(
            f"risk.exits: FlatBeforeClose.minutes must leave room for the slowest order (market.execution.latency, "
            f"{slowest:g} ms), was {left}; sessions end flat"
        )


def _check_commission(share_max: Any, rules: Any) -> None:
    """Refuse an account that is too small for its broker, where the configuration asks for it."""
    asked = None if share_max is None else number("risk.commission_share_max", share_max)
    commissions = [execution.commission for execution in (rules.execution, *rules.executions.values())]
    minimum = max(getattr(commission, "order_minimum_usd", 0.0) for commission in commissions)
    with named("risk"):
        rules.risk.check_commission(minimum, rules.initial_capital_usd, asked)


def _criteria(nodes: Config) -> dict[str, Any]:
    """Return the criteria of the run's phase; what they need is imported where there are any."""
    if not nodes:
        return {}
    from intraday_rl.evaluation.phases.criteria import Band, Limit

    return {name: build_struct(f"criteria.{name}", node, Limit, Band) for name, node in nodes.items()}


def check_symbols(data: Config) -> None:
    """Refuse what is no list of symbols, each once."""
    symbols = data.get("symbols")
    if "symbols" not in data:
        return
    if not isinstance(symbols, list) or not symbols or not all(isinstance(s, str) and s for s in symbols):
        raise ConfigError(f"data.symbols must be a list of symbols, such as [SPY] or [SPY,QQQ], was {symbols!r}")
    if len(set(symbols)) != len(symbols):
        raise ConfigError(f"data.symbols must name each symbol once, was {symbols!r}")


def market_of(market: Config, symbol: str) -> dict[str, Any]:
    """Return the market group with what `by_symbol` changes for the symbol."""
    changes = market["by_symbol"].get(symbol, {})
    return _merged({key: value for key, value in market.items() if key != "by_symbol"}, changes)


def _merged(node: Config, changes: Config) -> dict[str, Any]:
    merged = dict(node)
    for name, value in changes.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def _market(config: Config, symbol: str | None, reference_names: tuple[str, ...]) -> MarketPlan:
    """Return the plan of one symbol; None = the one of a source that makes its own."""
    from intraday_rl.features import PRESETS, FeaturePipeline
    from intraday_rl.features.library import Volatility
    from intraday_rl.market.blackout import Blackout

    preset = config["features"]["preset"]
    if preset not in PRESETS:
        raise ConfigError(f"features.preset must be one of {', '.join(PRESETS)}, was {preset!r}")
    market = config["market"] if symbol is None else market_of(config["market"], symbol)
    instrument = build_struct("market.instrument", market["instrument"], Instrument)
    spread = _execution(market).spread.base_spread
    families = tuple(build_group("features.families", config["features"]["families"]).values())
    names = (*PRESETS[preset], *reference_names)
    with named("features"):
        pipeline = FeaturePipeline(families=families, names=names, base_spread=spread)
        scales = FeaturePipeline(families=(Volatility(),), names=("atr_bps", "rv_60"), base_spread=spread)
    node = config["data"]["source"]
    if symbol is not None:
        node = {**node, "symbol": symbol, "calendar": instrument.calendar}
    blackout = build_struct("market.blackout", _with_paths(market["blackout"], "events"), Blackout)
    return MarketPlan(_source(node), instrument, pipeline, scales, blackout)


def _source(node: Config) -> Any:
    from intraday_rl.data.sources import HistoricalFiles, MartingaleMarket, OuMarket, SimulatedMarket

    given = _with_paths(node, "path")
    return build_struct("data.source", given, HistoricalFiles, SimulatedMarket, OuMarket, MartingaleMarket)


def _with_paths(node: Config, *names: str) -> dict[str, Any]:
    """Return the node with the paths of these names made absolute."""
    return {k: resolve_path(v) if k in names and isinstance(v, str) else v for k, v in node.items()}


def _references(features: Config, calendar: str) -> Any:
    from intraday_rl.app.loading.references import plan_references

    smt = _with_paths(features["smt"], "path")
    vix = _with_paths(features["vix"], "path", "minutes")
    with named("features"):
        return plan_references(smt, vix, calendar)


def _execution(market: Config) -> Any:
    from intraday_rl.market.advance import Execution
    from intraday_rl.market.rows import Contract, Stress

    parts = build_group("market.execution", market["execution"])
    multiplier = build_struct("market.instrument", market["instrument"], Instrument).multiplier
    with named("market.execution"):
        unknown = [name for name in parts if name not in Execution._fields]
        if unknown:
            raise ConfigError(
                f"market.execution has no part {unknown[0]}{checks.nearest(unknown[0], Execution._fields)}"
            )
        execution = Execution(contract=Contract(multiplier), **parts)
        stressed = execution.stressed(build_plain("market.stress", Stress, market["stress"]))
        for name, part in stressed._asdict().items():
            with named(f"market.execution.{name} under market.stress"):
                part.check()
        return stressed


def _layout(names: tuple[str, ...], features: Config, account: Config) -> Any:
    """Return the observation's layout; its slippage budget is measured on data, so it is not known yet."""
    from intraday_rl.env.observation import ObservationLayout

    current = [*names, *features["account"]]
    columns = {
        "market": names,
        "account": features["account"],
        "stacked": current if features["stacked"] == EVERY_COLUMN else features["stacked"],
        "frames": features["frames"],
        "slippage_budget_bps": math.nan,
    }
    with named("features"):
        layout = coerce(ObservationLayout, {**columns, "daily_loss_unit": 1.0, "drawdown_unit": 1.0})
    with named("env.account"):
        return replace(
            layout,
            daily_loss_unit=number("env.account.daily_loss_unit", account["daily_loss_unit"]),
            drawdown_unit=number("env.account.drawdown_unit", account["drawdown_unit"]),
        )
