"""Progress of a download on standard error: one bar for all sessions and one for each symbol at work."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from intraday_rl.data.massive import SymbolReport
from intraday_rl.data.massive.download import OnProgress


@contextmanager
def download_progress(reports: Mapping[str, SymbolReport]) -> Iterator[OnProgress]:
    """Give what a download calls after each session; bars are drawn where standard error is a terminal.

    What the package logs meanwhile (that it waits, and for what) appears above the bars.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("sessions"))
    progress = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
    overall = progress.add_task("all symbols", total=sum(report.wanted for report in reports.values()))
    tasks = {name: progress.add_task(name, total=report.wanted, visible=False) for name, report in reports.items()}

    def on_progress(report: SymbolReport) -> None:
        progress.update(tasks[report.symbol], completed=report.done, visible=report.done < report.wanted)
        progress.update(overall, completed=sum(each.done for each in reports.values()))

    handler = RichHandler(console=console, show_time=False, show_path=False, show_level=False)
    logger = logging.getLogger("intraday_rl")
    logger.addHandler(handler)
    try:
        with progress:
            yield on_progress
    finally:
        logger.removeHandler(handler)
