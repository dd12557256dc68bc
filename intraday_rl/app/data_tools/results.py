"""What collecting has to show for itself: a table, where the bars are, and the command that trains on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from intraday_rl.app.command_line.messages import say
from intraday_rl.app.data_tools.commands import train_command
from intraday_rl.data.massive import SymbolReport
from intraday_rl.data.storage.store import BarStore, Written

SHOWN_DAYS = 3


@dataclass(frozen=True)
class Row:
    """What became of one symbol.

    Attributes:
        symbol: its name.
        sessions: of those that were asked for, how many the store has now.
        new_sessions: how many of them are new or have new bars.
        new_bars: bars of the new ones.
        notes: what was left out or replaced, by reason.
    """

    symbol: str
    sessions: int
    new_sessions: int
    new_bars: int
    notes: tuple[str, ...]


@dataclass
class Results:
    """The results so far.

    Attributes:
        data: the `data` node of the configuration.
        others: the overrides outside `data`.
        store: where the bars went.
        rows: symbol -> what became of it.
        problems: what was asked for and is not in the store, a line each.
        doubts: what the bars speak against, a line each.
    """

    data: Mapping[str, Any]
    others: Sequence[str]
    store: BarStore
    rows: dict[str, Row] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def show(self) -> int:
        """Print everything and return the exit status: 1 if there is a problem."""
        console = Console()
        if self.rows:
            console.print(self._table())
            console.print(f"store   {self.store.root}", soft_wrap=True, markup=False, highlight=False)
        collected = [row.symbol for row in self.rows.values() if row.sessions]
        if collected:
            command = train_command(self.data, collected, self.others)
            console.print(f"train   {command}", soft_wrap=True, markup=False, highlight=False)
        for doubt in self.doubts:
            say(f"warning: {doubt}, then collect again: these sessions are replaced")
        for problem in self.problems:
            say(f"error: {problem}")
        return int(bool(self.problems))

    def kept(self) -> str:
        """Return what the store has of what was asked for, in words."""
        kept = [f"{row.symbol} {row.sessions} sessions" for row in self.rows.values() if row.sessions]
        words = f"kept in {self.store.root}: {', '.join(kept)}" if kept else "no session was complete yet"
        return f"{words}; the same command goes on from there"

    def _table(self) -> Table:
        table = Table(title="Collected", title_justify="left")
        for name in ("symbol", "sessions", "new", "new bars", "left out or replaced"):
            table.add_column(name, justify="left" if name in ("symbol", "left out or replaced") else "right")
        for row in self.rows.values():
            numbers = (f"{number:,}" for number in (row.sessions, row.new_sessions, row.new_bars))
            table.add_row(row.symbol, *numbers, "\n".join(row.notes) or "nothing")
        return table


def row_of_import(symbol: str, written: Written, counts: Mapping[str, int]) -> Row:
    """Return the row of an imported symbol; `counts` are the rows that were left out or changed, by reason."""
    days = written.replaced
    replaced = f"{len(days)} sessions that the store had with other bars are replaced ({_shown(days)})"
    notes = (*_notes_of_counts(counts), *((replaced,) if days else ()))
    return Row(symbol, written.sessions + written.held, written.sessions, written.bars, notes)


def _shown(days: Sequence[str]) -> str:
    return ", ".join(days[:SHOWN_DAYS]) + (", …" if len(days) > SHOWN_DAYS else "")


def _notes_of_counts(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a note for each reason for which rows were left out or changed."""
    return tuple(f"{reason}: {count:,} rows" for reason, count in counts.items() if count)


def row_of_report(report: SymbolReport, not_over: int) -> Row:
    """Return the row of a downloaded symbol.

    Args:
        report: what became of its sessions.
        not_over: sessions of the days asked for that were left for later.
    """
    sessions = {
        f"sessions without bars ({_shown(report.empty)})": len(report.empty),
        "sessions that break a law": len(report.problems),
        "sessions not asked for": report.wanted - report.done,
        "sessions that are not over": not_over,
        "damaged files, collected again": report.damaged,
    }
    notes = [f"{count} {what}" for what, count in sessions.items() if count]
    return Row(
        report.symbol,
        sessions=report.held + report.written,
        new_sessions=report.written,
        new_bars=report.bars,
        notes=(*_notes_of_counts(report.counts), *notes),
    )
