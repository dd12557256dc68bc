"""Experts: rules of thumb that demonstrate to a network, and that a trained one is held against."""

from intraday_rl.agents.experts.threshold import Threshold
from intraday_rl.agents.experts.vwap_reversion import VwapReversion

__all__ = ["Threshold", "VwapReversion"]
