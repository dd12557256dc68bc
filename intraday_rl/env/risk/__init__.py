"""Risk rules: limits and exits, `base` holds the contracts. Importing this package registers them all."""

from intraday_rl.env.risk.base import EXIT_REASONS, exit_reason, position_limit
from intraday_rl.env.risk.exits import DailyLoss, FlatBeforeClose
from intraday_rl.env.risk.limits import MaxNotional, MaxUnits, RiskPerTrade

__all__ = [
    "EXIT_REASONS",
    "DailyLoss",
    "FlatBeforeClose",
    "MaxNotional",
    "MaxUnits",
    "RiskPerTrade",
    "exit_reason",
    "position_limit",
]
