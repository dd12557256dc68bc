"""The verdict of a run's phase: judged, written as `phase.json` and printed; nothing where it has no criteria."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from intraday_rl.app.judging import Judged, benchmark_returns
from intraday_rl.app.market_data import MarketData
from intraday_rl.evaluation.phases import (
    MET,
    NOT_DECIDABLE,
    NOT_MET,
    CriterionVerdict,
    PhaseVerdict,
    judge_phase,
    session_evidence,
)
from intraday_rl.evaluation.phases.training_record import FILE, read_record

PHASE_FILE = "phase.json"
STYLES = {MET: "green", NOT_MET: "red", NOT_DECIDABLE: "yellow"}
PROFILE = "profile_"  # how the names of the target profile begin
COLUMNS: dict[str, Literal["left", "right"]] = {
    "criterion": "left",
    "value": "right",
    "limit": "left",
    "95 % interval": "right",
    "verdict": "left",
    "needs": "right",  # sessions that would decide
}
WINDOWS = "windows, last"  # of 20 sessions: how many met it, and the value on the last
DECIDES = ("decides", "profile")  # roles that go without saying
TITLES = ("Criteria of the phase", "Target profile of the final system")


@dataclass(frozen=True)
class PhasePlaces:
    """Which sessions were judged, in words; where the record of the training is; where phase.json is written."""

    judged_on: str
    run_folder: Path
    folder: Path


def report_phase(
    console: Console, judged: Judged, data: MarketData, config: Mapping[str, Any], places: PhasePlaces
) -> PhaseVerdict | None:
    """Judge the criteria of the run's phase, write them and print them; None where the run has none.

    Args:
        console: where it is printed.
        judged: the judged policy.
        data: what it was judged on; its plan holds the criteria.
        config: the composed configuration of the run.
        places: which sessions were judged, where the record of the training is, where phase.json is written.

    Raises:
        DataError: the record of the training cannot be read.
    """
    if not data.plan.criteria:
        return None
    benchmark = benchmark_returns(data.tape, judged.portfolio[0])
    sessions = session_evidence(judged.ledger, judged.portfolio, data.tape, data.rules, benchmark)
    file = places.run_folder / FILE
    record = read_record(file) if file.is_file() else None
    verdict = judge_phase(data.plan.criteria, sessions, record, int(config["evaluation"]["bootstrap_seed"]))
    said = {**verdict.to_json(), "judged_on": places.judged_on}
    (places.folder / PHASE_FILE).write_text(json.dumps(said, indent=1) + "\n")
    print_phase(console, verdict)
    console.print(f"judged on {places.judged_on}", markup=False)
    return verdict


def print_phase(console: Console, verdict: PhaseVerdict) -> None:
    """Print the criteria, the target profile below them, and the phase's verdict in one line."""
    for title, in_profile in zip(TITLES, (False, True), strict=True):
        chosen = [criterion for criterion in verdict.criteria if criterion.name.startswith(PROFILE) == in_profile]
        if not chosen:
            continue
        console.print(criteria_table(f"{title}, {verdict.num_sessions} sessions", chosen))
        for criterion in chosen:
            if criterion.reason and criterion.sessions_needed is None:
                console.print(f"  {criterion.name.removeprefix(PROFILE)}: {criterion.reason}", markup=False)
    console.print(f"Phase: {verdict.explanation}", style=STYLES[verdict.verdict], markup=False)


def criteria_table(title: str, criteria: list[CriterionVerdict]) -> Table:
    """Return criteria with value, limit, interval, verdict, the sessions that would decide, and rolling windows."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for name, justify in COLUMNS.items():
        table.add_column(name, justify=justify, no_wrap=name in ("value", "verdict", "needs"))
    has_windows = any(verdict.rolling is not None for verdict in criteria)
    if has_windows:
        table.add_column(WINDOWS)
    for verdict in criteria:
        needed, role = verdict.sessions_needed, verdict.criterion.role
        table.add_row(
            verdict.name.removeprefix(PROFILE).replace("_", " ") + ("" if role in DECIDES else f" ({role})"),
            verdict.number(verdict.estimate.value),
            verdict.limit,
            _interval(verdict),
            f"[{STYLES[verdict.verdict]}]{verdict.verdict}[/]",
            "" if needed is None else f"{needed:,}",
            *([_rolling(verdict)] if has_windows else []),
        )
    return table


def _interval(verdict: CriterionVerdict) -> str:
    low, high = verdict.estimate.low, verdict.estimate.high
    if math.isnan(low) or math.isnan(high):
        return "none yet"
    return "exact" if low == high else f"{verdict.number(low)} to {verdict.number(high)}"


def _rolling(verdict: CriterionVerdict) -> str:
    rolling = verdict.rolling
    if rolling is None:
        return ""
    last = "undefined" if rolling.last is None else verdict.number(rolling.last)
    return f"{rolling.met}/{rolling.windows}, {last}"
