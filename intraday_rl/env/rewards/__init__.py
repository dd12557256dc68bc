"""Reward terms: one file per family, `base` holds the contract. Importing this package registers them all."""

from intraday_rl.env.rewards.base import StepRow, TermMemory, reward_term
from intraday_rl.env.rewards.profit import Profit
from intraday_rl.env.rewards.trading_cost import TurnoverPenalty

__all__ = ["Profit", "StepRow", "TermMemory", "TurnoverPenalty", "reward_term"]
