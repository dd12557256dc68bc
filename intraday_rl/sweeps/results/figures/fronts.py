"""The objectives against each other, and what the trials added one after another."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from intraday_rl.sweeps.definition import MAXIMIZE, Objective
from intraday_rl.sweeps.results.figures.parts import (
    HOVER,
    Figure,
    Group,
    axis,
    groups,
    hover_text,
    label,
    marker,
    number_text,
    plain,
)
from intraday_rl.sweeps.results.front import hypervolume_history, non_dominated, values_of
from intraday_rl.sweeps.results.records import FAILED, INFEASIBLE, STOPPED_EARLY, Candidate
from intraday_rl.sweeps.results.resampling import QUANTILES
from intraday_rl.sweeps.results.summary import SweepResults

AGAIN = {"symbol": "diamond-open", "color": "$short", "size": 10, "line": {"width": 2, "color": "$short"}}
MAX_TICKS = 10  # below it every trial number is written, since a library's own ticks would be fractions
LOWER, UPPER = QUANTILES.index(0.25), QUANTILES.index(0.75)
FLOOR_MARKS = {FAILED: ("x-thin", "$text"), STOPPED_EARLY: ("line-ns", "$short"), INFEASIBLE: ("square", "$loss")}


def space_figure(results: SweepResults) -> Figure | None:
    """Return the three objectives in space; None unless there are three, and trials with values."""
    found = groups(results)
    if len(results.objectives) != 3 or not found:
        return None
    data = [_points(group, results, (0, 1, 2)) for group in found]
    scene = {f"{name}axis": axis(objective) for name, objective in zip("xyz", results.objectives, strict=True)}
    for place in scene.values():
        place["title"]["text"] = place["title"]["text"].replace(" (", "<br>(")
    return {"data": data, "layout": {"scene": scene, "height": 560, "margin": {"l": 0, "r": 0, "b": 0}}}


def pair_figures(results: SweepResults) -> dict[str, Figure]:
    """Return a figure for each two of the objectives, by its key; none without trials that have values."""
    found = groups(results)
    pairs = combinations(range(len(results.objectives)), 2) if found else []
    return {f"pair_{first}_{second}": _pair(results, found, (first, second)) for first, second in pairs}


def history_figure(results: SweepResults) -> Figure | None:
    """Return the single objective and its best so far over the trials; None where there are several, or no trial."""
    found = groups(results)
    if len(results.objectives) != 1 or not found:
        return None
    objective = results.objectives[0]
    data = [_points(group, results, (0,)) for group in found]
    values = values_of(results.feasible, results.objectives)[:, 0]
    best = np.maximum.accumulate(values) if objective.direction == MAXIMIZE else np.minimum.accumulate(values)
    line = {
        "name": "best feasible so far",
        "line": {"color": "$line", "width": 1.5, "shape": "hv"},
        "hoverinfo": "skip",
    }
    x = [record.number for record in results.feasible]
    data.append({"type": "scatter", "mode": "lines", "x": x, "y": best.tolist(), **line})
    return {"data": data, "layout": {"xaxis": _number_axis(results), "yaxis": axis(objective), "height": 420}}


def hypervolume_figure(results: SweepResults) -> Figure | None:
    """Return the hypervolume over the trials, and which of them added nothing by their nature; None without trials."""
    if not results.records or len(results.objectives) == 1:
        return None
    history = hypervolume_history(values_of(results.feasible, results.objectives), results.objectives)
    numbers = [record.number for record in results.feasible]
    last = max(record.number for record in results.records)
    end = float(history[-1]) if len(history) else 0.0
    line = {"color": "$line", "width": 2, "shape": "hv"}
    data: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": numbers,
            "y": history.tolist(),
            "name": "feasible",
            "line": line,
            "marker": {"size": 5},
            "text": [hover_text(record, results.objectives) for record in results.feasible],
            "hovertemplate": "hypervolume %{y:.4~g}<br>%{text}<extra></extra>",
        },
        {"type": "scatter", "mode": "lines", "x": [*numbers[-1:], last], "y": [end] * (len(numbers[-1:]) + 1),
         "line": line, "showlegend": False, "hoverinfo": "skip"},
    ]  # fmt: skip
    for state, (symbol, colour) in FLOOR_MARKS.items():
        records = [record for record in results.records if record.state == state]
        if records:
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [record.number for record in records],
                    "y": [0.0] * len(records),
                    "name": state,
                    "cliponaxis": False,
                    "marker": {"symbol": symbol, "color": colour, "size": 8, "line": {"width": 1.6, "color": colour}},
                    "text": [hover_text(record, results.objectives) for record in records],
                    "hovertemplate": HOVER,
                }
            )
    yaxis = {"title": {"text": "hypervolume"}, "tickformat": ".3~g", "rangemode": "tozero"}
    return {"data": data, "layout": {"xaxis": _number_axis(results), "yaxis": yaxis}}


def _number_axis(results: SweepResults) -> Figure:
    few = {"dtick": 1} if max(record.number for record in results.records) < MAX_TICKS else {}
    return {"title": {"text": "trial"}, "tickformat": "d", "zeroline": False, **few}


def _points(group: Group, results: SweepResults, places: tuple[int, ...]) -> Figure:
    """Return a group's trials: by their number and an objective, in a plane or in space."""
    columns = [[plain((record.values or ())[place]) for record in group.records] for place in places]
    if len(columns) == 1:
        columns.insert(0, [float(record.number) for record in group.records])
    look = marker(group)
    if len(columns) == 3:
        look = {**look, "size": 0.6 * group.size}
    return {
        "type": "scatter3d" if len(columns) == 3 else "scatter",
        "mode": "markers",
        "name": group.name,
        "marker": look,
        "text": [hover_text(record, results.objectives) for record in group.records],
        "hovertemplate": HOVER,
        **dict(zip("xyz", columns, strict=False)),
    }


def _pair(results: SweepResults, found: list[Group], places: tuple[int, int]) -> Figure:
    pair = [results.objectives[place] for place in places]
    data = []
    for group in found:
        points = _points(group, results, places)
        if group.name == "front":
            points |= _error_bars(group, results, places)
        data.append(points)
    if results.feasible:
        data.insert(0, _staircase(results, places, pair))
    if results.candidates:
        data.append(_trained_again(results.candidates, results.objectives, places))
    return {
        "data": data,
        "layout": {"xaxis": axis(pair[0]), "yaxis": axis(pair[1]), "showlegend": False, "height": 360},
    }


def _staircase(results: SweepResults, places: tuple[int, int], pair: list[Objective]) -> Figure:
    """Return the line between what these two objectives reached together and what they did not."""
    values = values_of(results.feasible, results.objectives)[:, places]
    edge = np.unique(values[non_dominated(values, pair)], axis=0)
    shape = "vh" if pair[0].direction == MAXIMIZE else "hv"
    look = {"color": "$line", "width": 1.2, "dash": "dot", "shape": shape}
    x, y = edge.T.tolist()
    line = {"x": x, "y": y, "name": "best of these two", "line": look, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", **line}


def _error_bars(group: Group, results: SweepResults, places: tuple[int, int]) -> Figure:
    """Return the middle halves of the boxes as bars; none where a trial has no box."""
    bars: Figure = {}
    for name, place in zip("xy", places, strict=True):
        up, down = [], []
        for record in group.records:
            box, value = results.boxes.by_number.get(record.number), (record.values or ())[place]
            low, high = (value, value) if box is None else box.quantiles[[LOWER, UPPER], place]
            up.append(plain(max(high - value, 0.0)))
            down.append(plain(max(value - low, 0.0)))
        look = {"color": "$line", "thickness": 0.9, "width": 3}
        bars[f"error_{name}"] = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, **look}
    return bars


def _trained_again(
    candidates: tuple[Candidate, ...], objectives: tuple[Objective, ...], places: tuple[int, int]
) -> Figure:
    x, y = ([plain(candidate.values[place]) for candidate in candidates] for place in places)
    texts = [
        f"<b>trial {candidate.number} trained again</b>, mean over fresh seeds<br>"
        + "<br>".join(
            f"{label(objective.name)}: {number_text(objective.name, value)}"
            for objective, value in zip(objectives, candidate.values, strict=True)
        )
        for candidate in candidates
    ]
    look = {"name": "candidates, fresh seeds", "marker": AGAIN, "text": texts, "hovertemplate": HOVER}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, **look}
