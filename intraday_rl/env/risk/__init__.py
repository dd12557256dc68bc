"""Risk rules: limits, entry rules, exits and layers; `base` holds the contracts. Importing this registers them all."""

from intraday_rl.env.risk.base import EXIT_REASONS, exit_reason, position_limit
from intraday_rl.env.risk.entries import Cooldown, EventBlackout, HourlyTurnover, MaxRoundTrips
from intraday_rl.env.risk.exits import FlatBeforeClose, HoldingLimit, MarketTimeLimit, TradeStop
from intraday_rl.env.risk.layers import RiskLayers
from intraday_rl.env.risk.limits import MaxNotional, MaxUnits, RiskPerTrade
from intraday_rl.env.risk.manager import RiskManager
from intraday_rl.env.risk.sizing import InverseVolatility, KellyFraction, LiteralKelly, VolatilityBudget

__all__ = [
    "EXIT_REASONS",
    "Cooldown",
    "EventBlackout",
    "FlatBeforeClose",
    "HoldingLimit",
    "HourlyTurnover",
    "InverseVolatility",
    "KellyFraction",
    "LiteralKelly",
    "MarketTimeLimit",
    "MaxNotional",
    "MaxRoundTrips",
    "MaxUnits",
    "RiskLayers",
    "RiskManager",
    "RiskPerTrade",
    "TradeStop",
    "VolatilityBudget",
    "exit_reason",
    "position_limit",
]
