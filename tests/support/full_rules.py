"""Rules with every limit, entry rule and exit and two reward terms, all neutral until a test tightens one.

Tests share this one shape of rules so that the step is compiled once for each action map.
"""

from __future__ import annotations

from typing import Any

from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.env.rewards import Profit, TurnoverPenalty
from intraday_rl.env.risk import (
    Cooldown,
    EventBlackout,
    FlatBeforeClose,
    HoldingLimit,
    HourlyTurnover,
    InverseVolatility,
    KellyFraction,
    MarketTimeLimit,
    MaxNotional,
    MaxRoundTrips,
    MaxUnits,
    RiskPerTrade,
    TradeStop,
    VolatilityBudget,
)
from intraday_rl.market.tape import Tape
from tests.support.tapes import make_batch

ENDLESS = 10**9
LIMITS = {
    "units": MaxUnits(units=100),
    "notional": MaxNotional(nav_multiple=1e6),
    "risk_per_trade": RiskPerTrade(nav_fraction=1.0, round_trip_cost=0.01),
}
ENTRIES = {
    "cooldown": Cooldown(bars=0),
    "round_trips": MaxRoundTrips(round_trips=ENDLESS),
    "hourly_turnover": HourlyTurnover(nav_multiple=1e6),
    "blackout": EventBlackout(),
    "volatility_budget": VolatilityBudget(annual_volatility=1.0),
    "inverse_volatility": InverseVolatility(least_units=ENDLESS, most_units=ENDLESS),
    "kelly": KellyFraction(max_fraction=1.0, equity_scaling=1e6, min_bars=ENDLESS),
}
EXITS = {
    "session_close": FlatBeforeClose(minutes=1),
    "stop": TradeStop(atr_multiple=1e9),
    "holding": HoldingLimit(minutes=ENDLESS),
    "market_time": MarketTimeLimit(minutes=ENDLESS),
}
TERMS = {
    "profit": Profit(weight=1.0),
    "turnover": TurnoverPenalty(weight=0.0, limit=0.02, linear_slope_mul=50.0),
}


def full_batch(
    tape: Tape,
    num_envs: int = 1,
    seed: int = 0,
    *,
    limits: dict[str, Any] | None = None,
    entries: dict[str, Any] | None = None,
    exits: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
    **changes: Any,
) -> BatchEnv:
    """Return a batch under the neutral rules; rules given by name take the place of the neutral ones."""
    groups = {
        "limits": LIMITS | (limits or {}),
        "entries": ENTRIES | (entries or {}),
        "exits": EXITS | (exits or {}),
        "terms": TERMS | (terms or {}),
    }
    return make_batch(tape, num_envs, seed, **groups, **changes)
