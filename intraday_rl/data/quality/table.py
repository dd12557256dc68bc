"""The quality of one symbol as a table for the terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from intraday_rl.data.quality.assess import Quality
from intraday_rl.data.quality.limits import CHECKS
from intraday_rl.data.quality.wording import describe_symbol, name_sessions, quiet_checks, with_unit


def quality_table(quality: Quality) -> Group:
    """Return the symbol's line, a row for each check that a session fails, and the names of the others."""
    parts: list[Text | Table] = [Text(describe_symbol(quality), style="bold")]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("check", "sessions", "limit", "the worst of them"):
        table.add_column(column, justify="right" if column in ("sessions", "limit") else "left", overflow="fold")
    for check in CHECKS:
        count = int(np.sum(quality.fails[check.name]))
        if count:
            limit = with_unit(check, getattr(quality.limits, check.limit))
            table.add_row(Text(check.name, style="yellow"), f"{count}", limit, name_sessions(quality, check))
    fine, absent = quiet_checks(quality)
    if table.row_count:
        parts.append(table)
    if fine:
        parts.append(Text(f"no session fails: {', '.join(fine)}", style="green"))
    if absent:
        parts.append(Text(f"nothing to check: {', '.join(absent)}", style="dim"))
    return Group(*parts)
