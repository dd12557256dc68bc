"""Processes that this one starts, and stops with all that they started."""

from intraday_rl.core.processes.children import ONE_THREAD, start, stop, usable_cores

__all__ = ["ONE_THREAD", "start", "stop", "usable_cores"]
