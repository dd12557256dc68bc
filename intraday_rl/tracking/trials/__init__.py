"""Everything that was ever judged on a window of sessions, counted for the deflated Sharpe ratio."""

from intraday_rl.tracking.trials.registry import CHECKPOINT, FILE, MODEL, Count, Trial, TrialRegistry

__all__ = ["CHECKPOINT", "FILE", "MODEL", "Count", "Trial", "TrialRegistry"]
