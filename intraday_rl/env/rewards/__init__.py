"""Reward terms: one file per family, `base` holds the contract. Importing this package registers them all."""

from intraday_rl.env.rewards.base import StepRow, reward_term, usd_of_bps
from intraday_rl.env.rewards.behaviour import ActionChangePenalty, BootstrapBonus, RepeatPenalty
from intraday_rl.env.rewards.drawdown import DrawdownPenalty, RecoveryBonus
from intraday_rl.env.rewards.profit import Profit, RoundTripBonus
from intraday_rl.env.rewards.risk_aversion import PositionRiskPenalty
from intraday_rl.env.rewards.shaping import DifferentialSharpe, DrawdownPotential
from intraday_rl.env.rewards.trading_cost import LiteralTurnoverPenalty, TurnoverPenalty
from intraday_rl.env.rewards.volatility import VolatilityPenalty

__all__ = [
    "ActionChangePenalty",
    "BootstrapBonus",
    "DifferentialSharpe",
    "DrawdownPenalty",
    "DrawdownPotential",
    "LiteralTurnoverPenalty",
    "PositionRiskPenalty",
    "Profit",
    "RecoveryBonus",
    "RepeatPenalty",
    "RoundTripBonus",
    "StepRow",
    "TurnoverPenalty",
    "VolatilityPenalty",
    "reward_term",
    "usd_of_bps",
]
