"""The quality of bars: what is wrong in which session, as a table and as a page."""

from intraday_rl.data.quality.assess import Quality, assess_bars
from intraday_rl.data.quality.limits import CHECK_NAMES, CHECKS, Check, QualityLimits

__all__ = ["CHECKS", "CHECK_NAMES", "Check", "Quality", "QualityLimits", "assess_bars"]
