"""A run at work: what its steps share."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from intraday_rl.app.build import Plan
from intraday_rl.app.market_data import MarketData

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run at work.

    Attributes:
        config: its configuration, plain values.
        plan: the same as objects.
        data: what it trades on.
        folder: where it writes.
        overrides: its command line.
        console: where it talks to the user.
        manifest: facts about its origin, as `tracking.collect_manifest` gives them.
        resumes: whether it was interrupted and goes on.
    """

    config: dict[str, Any]
    plan: Plan
    data: MarketData
    folder: Path
    overrides: list[str]
    console: Console
    manifest: dict[str, Any]
    resumes: bool

    def say(self, line: str) -> None:
        """Print a line for the user, and keep it in the run's log."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        LOG.info(line)
