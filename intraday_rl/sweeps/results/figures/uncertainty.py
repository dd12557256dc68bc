"""How sure the numbers are: the boxes of drawn sessions, and validation beside test."""

from __future__ import annotations

import html

from intraday_rl.sweeps.definition import Metrics, Objective
from intraday_rl.sweeps.results.figures.parts import Figure, groups, label, number_text, plain, tick_format
from intraday_rl.sweeps.results.records import TrialRecord
from intraday_rl.sweeps.results.summary import NET_RETURN, SweepResults, mean_and_range, objective_value

PANEL_HEIGHT = 210
FILLS = {"front": "$longfill"}
WORDS = ("5 %", "25 %", "median", "75 %", "95 %")


def box_figure(results: SweepResults) -> Figure | None:
    """Return the boxes of the front and of the trials near it, a panel for each objective; None without boxes."""
    boxes = results.boxes.by_number
    if not boxes:
        return None
    data: list[Figure] = []
    layout: Figure = {"boxmode": "overlay", "annotations": []}
    order: list[str] = []
    for group in reversed(groups(results)):
        records = [record for record in group.records if record.number in boxes]
        if not records:
            continue
        order += [f"#{record.number}" for record in records]
        for place, objective in enumerate(results.objectives):
            data += _panel(group.name, group.colour, records, results, place, objective)
    for place, objective in enumerate(results.objectives):
        panel(layout, place, len(results.objectives), objective.name)
    layout["xaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": order,
        "title": {"text": "trial"},
    }
    return {"data": data, "layout": layout}


def panel(layout: Figure, place: int, count: int, name: str) -> None:
    """Add one of `count` panels above each other to a layout, with the metric's name above it."""
    top, bottom = 1 - place / count, 1 - (place + 1) / count
    room = 0.2 / count
    suffix = "" if place == 0 else str(place + 1)
    last = "" if count == 1 else str(count)
    layout[f"yaxis{suffix}"] = {
        "domain": [bottom + 0.03 / count, top - room],
        "tickformat": tick_format(name),
        "nticks": 5,
    }
    title = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": top - room, "yanchor": "bottom"}
    layout["annotations"].append({**title, "text": label(name), "showarrow": False, "font": {"size": 12.5}})
    layout["xaxis"] = {"anchor": f"y{last}"}
    layout["height"] = 90 + PANEL_HEIGHT * count
    layout["legend"] = {"y": 1.0}


def comparison_figure(results: SweepResults) -> Figure | None:
    """Return each candidate's objectives and net return on validation beside test; None before there is a test."""
    if not any(candidate.test for candidate in results.candidates):
        return None
    measures = compared_measures(results)
    layout: Figure = {"annotations": []}
    data: list[Figure] = []
    names = [f"#{candidate.number}{' chosen' if candidate.chosen else ''}" for candidate in results.candidates]
    for place, name in enumerate(measures):
        panel(layout, place, len(measures), name)
        for part, colour, symbol in (("validation", "$short", "circle-open"), ("test", "$line", "circle")):
            triples = [
                mean_and_range([measured(metrics, name, results) for metrics in getattr(candidate, part)])
                for candidate in results.candidates
            ]
            bars = {"type": "data", "symmetric": False, "color": colour, "thickness": 1.2, "width": 4}
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": names,
                    "y": [plain(mean) for mean, _, _ in triples],
                    "yaxis": f"y{place + 1}" if place else "y",
                    "error_y": {
                        **bars,
                        "array": [plain(high - mean) for mean, _, high in triples],
                        "arrayminus": [plain(mean - low) for mean, low, _ in triples],
                    },
                    "name": f"{part} (mean and range)",
                    "legendgroup": part,
                    "showlegend": place == 0,
                    "marker": {"symbol": symbol, "color": colour, "size": 9, "line": {"width": 1.8, "color": colour}},
                    "hovertemplate": f"%{{x}} {part}: %{{y}}<extra></extra>",
                }
            )
    layout["xaxis"] |= {"type": "category", "title": {"text": "candidate (number of its trial)"}}
    return {"data": data, "layout": layout}


def compared_measures(results: SweepResults) -> list[str]:
    """Return the names of what is compared: the objectives, and the net return where the models have one."""
    names = [objective.name for objective in results.objectives]
    told = any(NET_RETURN in metrics for candidate in results.candidates for metrics in candidate.validation)
    return names + ([NET_RETURN] if told and NET_RETURN not in names else [])


def measured(metrics: Metrics, name: str, results: SweepResults) -> float:
    """Return a model's number: an objective as the sweep counts it, another metric as it is (NaN = undefined)."""
    for objective in results.objectives:
        if objective.name == name:
            return objective_value(metrics, objective)
    value = metrics.get(name)
    return float("nan") if value is None else float(value)


def _panel(
    name: str, colour: str, records: list[TrialRecord], results: SweepResults, place: int, objective: Objective
) -> list[Figure]:
    axis = f"y{place + 1}" if place else "y"
    x = [f"#{record.number}" for record in records]
    rows = [results.boxes.by_number[record.number] for record in records]
    columns = [[plain(row.quantiles[level, place]) for row in rows] for level in range(5)]
    keys = ("lowerfence", "q1", "median", "q3", "upperfence")
    common = {"x": x, "yaxis": axis, "legendgroup": name}
    look = {"name": name, "line": {"color": colour, "width": 1.4}, "fillcolor": FILLS.get(name, "rgba(0,0,0,0)")}
    box = {**dict(zip(keys, columns, strict=True)), "showlegend": place == 0, "hoverinfo": "skip", "width": 0.6}
    texts = []
    for record, row in zip(records, rows, strict=True):
        levels = ", ".join(
            f"{word} {number_text(objective.name, value)}"
            for word, value in zip(WORDS, row.quantiles[:, place].tolist(), strict=True)
        )
        share = "" if row.free_share is None else f"<br>free of the front in {row.free_share:.0%} of the draws"
        observed = number_text(objective.name, (record.values or ())[place])
        texts.append(f"<b>trial {record.number}</b>, {html.escape(name)}: {observed}<br>{levels}{share}")
    points = {
        "type": "scatter",
        "mode": "markers",
        "y": [plain((record.values or ())[place]) for record in records],
        "marker": {"symbol": "diamond", "size": 7, "color": colour},
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    return [{"type": "box", **common, **look, **box}, {**common, **points}]
