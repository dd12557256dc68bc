"""Tapes and rules made by hand: small markets whose every number a test can work out with a pencil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from intraday_rl.core import structs
from intraday_rl.data import Instrument
from intraday_rl.env.actions import DiscreteTarget
from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.observation import ACCOUNT_FEATURES, ObservationLayout
from intraday_rl.env.rewards import Profit
from intraday_rl.env.risk import FlatBeforeClose, MaxUnits, RiskManager
from intraday_rl.env.risk.layers import OFF
from intraday_rl.env.rules import TradingRules
from intraday_rl.market.advance import Execution
from intraday_rl.market.costs import PerUnitCommission
from intraday_rl.market.fills import VolumeShareFill
from intraday_rl.market.impact import SquareRootImpact
from intraday_rl.market.latency import UniformLatency
from intraday_rl.market.rows import BarRow, Contract
from intraday_rl.market.spreads import QuotedSpread
from intraday_rl.market.tape import MINUTE_NS, Tape

SHARE = Instrument(name="share", tick_size=0.01, multiplier=1.0, calendar="XNYS")
SIX = ACCOUNT_FEATURES[:6]
FIRST_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC


def make_tape(sessions: Sequence[Sequence[dict[str, float]]], num_features: int = 2, width: int = 0) -> Tape:
    """Return a tape of hand-made bars; each bar is a dict of BarRow fields over quiet defaults around its close."""
    lengths = [len(session) for session in sessions]
    rows = structs.empty(BarRow, sum(lengths))
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    for s, session in enumerate(sessions):
        for i, bar in enumerate(session):
            row = _quiet_bar(bar)
            row["minutes_to_close"] = bar.get("minutes_to_close", len(session) - 1 - i)
            for name, value in row.items():
                rows[first[s] + i][name] = value
    count = int(first[-1])
    features = np.arange(count * num_features, dtype=np.float32).reshape(count, num_features) / 100.0
    return Tape(
        rows=rows,
        features=features,
        feature_names=tuple(f"feature{i}" for i in range(num_features)),
        first_row=first[:-1],
        last_row=first[1:] - 1,
        dates=np.datetime64("2024-01-02") + np.arange(len(sessions)),
        end_ns=FIRST_NS + MINUTE_NS * np.arange(1, count + 1, dtype=np.int64),
        symbols=("TEST",),
        instruments=(SHARE,),
        symbol_of=np.zeros(len(sessions), dtype=np.int64),
    )


def _quiet_bar(bar: dict[str, float]) -> dict[str, float]:
    close = bar["close"]
    opened = bar.get("open", close)
    quiet = {
        "open": opened,
        "high": max(opened, close),
        "low": min(opened, close),
        "close": close,
        "vwap": opened,
        "volume": 1e6,
        "mid": close,
        "quoted_spread": np.nan,
        "atr": 1.0,
        "volatility": 0.0,
        "typical_volume": 1e6,
        "widening": 1.0,
        "kyle_lambda": 0.0,
        "calm_volatility": 0.0,
        "blackout": 0,
        "traded": 1,
    }
    return quiet | bar


def random_tape(num_sessions: int = 6, minutes: int = 60, num_features: int = 41, seed: int = 0) -> Tape:
    """Return a noisy tape with every cost in play."""
    rng = np.random.default_rng(seed)
    sessions = []
    price = 100.0
    for _ in range(num_sessions):
        session = []
        for _ in range(minutes):
            opened = price
            price = max(1.0, price * float(np.exp(0.001 * rng.standard_normal())))
            low, high = min(opened, price) - 0.02, max(opened, price) + 0.02
            session.append(
                {
                    "open": opened,
                    "close": price,
                    "low": low,
                    "high": high,
                    "vwap": 0.5 * (low + high),
                    "volume": float(rng.integers(0, 5_000)),
                    "quoted_spread": 0.02 if rng.random() < 0.5 else np.nan,
                    "volatility": 0.05,
                    "typical_volume": 2_500.0,
                    "atr": 0.1,
                    "widening": 1.0 + float(rng.exponential(0.5)),
                    "kyle_lambda": float(rng.uniform(0.0, 1e-4)),
                    "calm_volatility": 0.03,
                    "blackout": int(rng.random() < 0.02),
                    "traded": int(rng.random() > 0.02),
                }
            )
        sessions.append(session)
    tape = make_tape(sessions, num_features)
    tape.features[:] = rng.standard_normal(tape.features.shape)
    return tape


def make_fill(**changes: Any) -> VolumeShareFill:
    """Return a fill model that takes a whole bar's volume, rejects nothing and lets urgent orders pay no more."""
    plain = {"max_volume_fraction": 1.0, "max_carried_bars": 2, "reject_multiple": 1e9, "urgent_spreads": 1.0}
    return VolumeShareFill(**(plain | changes))


def make_execution(**changes: Any) -> Execution:
    """Return a market without any cost, latency or impact, with the given parts replaced."""
    free = {
        "contract": Contract(multiplier=1.0),
        "latency": UniformLatency(low_ms=0.0, high_ms=0.0),
        "spread": QuotedSpread(base_spread=0.0, multiple=1.0),
        "impact": SquareRootImpact(coefficient=0.0),
        "fill": make_fill(),
        "commission": PerUnitCommission(per_unit_usd=0.0, order_minimum_usd=0.0, cap_fraction=1.0),
    }
    return Execution(**(free | changes))


COSTLY = {
    "latency": UniformLatency(low_ms=50.0, high_ms=150.0),
    "spread": QuotedSpread(base_spread=0.01, multiple=1.0),
    "impact": SquareRootImpact(coefficient=1.0),
    "fill": make_fill(max_volume_fraction=0.1),
    "commission": PerUnitCommission(per_unit_usd=0.005, order_minimum_usd=1.0, cap_fraction=0.01),
}


def make_layout(market: tuple[str, ...], **changes: Any) -> ObservationLayout:
    """Return the layout of these features and the account's first six, without history, given parts replaced."""
    plain = {
        "account": SIX,
        "stacked": (),
        "frames": 1,
        "daily_loss_unit": 0.006,
        "drawdown_unit": 0.006,
        "slippage_budget_bps": 2.0,
    }
    return ObservationLayout(market=market, **(plain | changes))


def make_rules(tape: Tape, **changes: Any) -> TradingRules:
    """Return rules for 100 units, target semantics, profit as reward, flat one minute before the close.

    What `RiskManager` takes may be given beside what `TradingRules` takes.
    """
    risk = {
        "limits": {"units": MaxUnits(units=100)},
        "entries": {},
        "exits": {"session_close": FlatBeforeClose(minutes=1)},
        "layers": OFF,
        "use_risk_wrapper": True,
    }
    risk |= {name: changes.pop(name) for name in risk if name in changes}
    parts = {
        "execution": make_execution(),
        "executions": {},
        "risk": RiskManager(**risk),
        "actions": DiscreteTarget(),
        "terms": {"profit": Profit(weight=1.0)},
        "reward_scale": 1.0,
        "layout": make_layout(tape.feature_names),
        "initial_capital_usd": 50_000.0,
        "episode_order": "mixed",
    }
    return TradingRules(**(parts | changes))


def make_batch(tape: Tape, num_envs: int = 1, seed: int = 0, **changes: Any) -> BatchEnv:
    """Return a batch over all sessions of the tape."""
    return BatchEnv(tape, make_rules(tape, **changes), np.arange(len(tape.dates)), num_envs, seed)


def of_symbol(tape: Tape, symbol: str) -> Tape:
    """Return the tape of one symbol under another name."""
    return replace(tape, symbols=(symbol,))
