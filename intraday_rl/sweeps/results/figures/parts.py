"""What the figures share: groups of trials with their marks, names and numbers as text, what the mouse shows.

Conventions: a colour is a token such as "$gain", which the page replaces by its light or dark shade. A figure that has
nothing to show is None and the page says why. Text from outside is escaped: plotly reads tags in it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from intraday_rl.metrics import METRICS
from intraday_rl.sweeps.definition import MAXIMIZE, Objective
from intraday_rl.sweeps.results.records import INFEASIBLE, TrialRecord
from intraday_rl.sweeps.results.summary import SweepResults

Figure = dict[str, Any]

MAX_PARAMETER_CHARACTERS = 60
HOVER = "%{text}<extra></extra>"


class Group(NamedTuple):
    """Trials that are drawn alike."""

    name: str
    records: list[TrialRecord]
    symbol: str
    colour: str
    size: int


def groups(results: SweepResults) -> list[Group]:
    """Return the trials that have values in groups, the front last so that it is drawn on top; no group is empty."""
    front = {record.number for record in results.front}
    noise = {number for number, box in results.boxes.by_number.items() if box.is_noise}
    behind = [record for record in results.feasible if record.number not in front]
    found = [
        Group("infeasible", [r for r in results.records if r.state == INFEASIBLE and r.values], "square", "$loss", 7),
        Group("dominated", [r for r in behind if r.number not in noise], "circle", "$muted", 7),
        Group(
            "not told apart from the front", [r for r in behind if r.number in noise], "circle-open", "$baseline2", 9
        ),
        Group("front", results.front, "circle", "$line", 11),
    ]
    return [group for group in found if group.records]


def marker(group: Group) -> Figure:
    """Return the mark of a group."""
    return {
        "symbol": group.symbol,
        "color": group.colour,
        "size": group.size,
        "line": {"width": 1.6, "color": group.colour},
    }


def label(name: str) -> str:
    """Return a metric's or an objective's name as words, escaped."""
    return html.escape(name.replace("_", " "))


def is_percent(name: str) -> bool:
    """Return whether a fraction is shown as per cent."""
    return name in METRICS and METRICS[name].unit == "%"


def tick_format(name: str) -> str:
    """Return the format of an axis, as d3 writes it."""
    return ".2~%" if is_percent(name) else ".4~g"


def number_text(name: str, value: float | None) -> str:
    """Return a value as text: per cent where the metric is a fraction, 'n/a' where it is not defined."""
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{value:.2%}" if is_percent(name) else f"{value:,.4g}"


def better(objective: Objective) -> str:
    """Return which direction is better, in words."""
    return "more is better" if objective.direction == MAXIMIZE else "less is better"


def axis(objective: Objective) -> Figure:
    """Return the axis of an objective."""
    title = f"{label(objective.name)} ({better(objective)})"
    return {"title": {"text": title}, "tickformat": tick_format(objective.name)}


def parameter_text(value: object) -> str:
    """Return a parameter's value as short text, not escaped."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_PARAMETER_CHARACTERS else f"{text[:MAX_PARAMETER_CHARACTERS]}..."


def hover_text(record: TrialRecord, objectives: Sequence[Objective]) -> str:
    """Return what the mouse shows of a trial: number, state, objectives and parameters."""
    values = zip(objectives, record.values or (), strict=False)
    lines = [f"<b>trial {record.number}</b>, {html.escape(record.state)}"]
    lines += [f"{label(objective.name)}: {number_text(objective.name, value)}" for objective, value in values]
    lines += [f"{html.escape(str(key))} = {html.escape(parameter_text(value))}" for key, value in record.params.items()]
    return "<br>".join(lines)


def plain(value: float) -> float | None:
    """Return the number for JSON, None where it is not finite."""
    return float(value) if math.isfinite(value) else None
