"""The parameters of the trials beside what came of them, and how much each of them mattered."""

from __future__ import annotations

import html
import math
import warnings
from collections import Counter
from typing import NamedTuple

import optuna

from intraday_rl.sweeps.definition import MAXIMIZE, Objective
from intraday_rl.sweeps.results.figures.parts import (
    HOVER,
    Figure,
    Group,
    groups,
    hover_text,
    label,
    number_text,
    parameter_text,
)
from intraday_rl.sweeps.results.records import TrialRecord
from intraday_rl.sweeps.results.summary import SweepResults

MIN_TRIALS = 10  # complete, below which an importance is a guess
BEST_SHARE = 0.2  # of the complete trials, whose parameters are compared with those of all
COLOURS = ("$line", "$short", "$baseline2", "$baseline1")
MAX_LEVELS = 8  # names of an axis that are written beside it
OPACITY = {"front": 1.0, "not told apart from the front": 0.8}


class Scale(NamedTuple):
    """An axis of the parallel coordinates: where its values stand between 0 and 1, and what is written there."""

    title: str
    places: dict[int, float]  # by trial number
    ticks: list[tuple[float, str]]


def parallel_figure(results: SweepResults) -> Figure | None:
    """Return a line for each trial over parameters and objectives; None without trials that have values."""
    found = groups(results)
    records = [record for group in found for record in group.records]
    if not records:
        return None
    scales = _scales(results, records)
    data = [_lines(group, scales, results) for group in found]
    empty = {"name": "", "showlegend": False, "hoverinfo": "skip", "line": {"color": "$text", "width": 3.5}}
    data.append({"type": "scatter", "mode": "lines", "x": [], "y": [], **empty})  # the page's script fills it
    shapes = [{"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "layer": "below",
               "line": {"color": "$muted", "width": 1}} for place in range(len(scales))]  # fmt: skip
    notes = [_note(place, height, text) for place, scale in enumerate(scales) for height, text in scale.ticks]
    titles = [html.escape(scale.title) for scale in scales]
    xaxis = {"tickvals": list(range(len(scales))), "ticktext": titles, "tickangle": -28 if len(scales) > 6 else 0,
             "range": [-0.15, len(scales) - 0.55], "showgrid": False, "zeroline": False,
             "ticklabeloverflow": "allow"}  # fmt: skip
    yaxis = {"visible": False, "range": [-0.07, 1.07]}
    layout = {
        "xaxis": xaxis,
        "yaxis": yaxis,
        "shapes": shapes,
        "annotations": notes,
        "height": 520,
        "margin": {"l": 80},
    }
    return {"data": data, "layout": layout}


def importance_figure(results: SweepResults) -> Figure | None:
    """Return the importance of each parameter for each objective; None with too few trials or parameters."""
    found = [importances(results.study, place, objective) for place, objective in enumerate(results.objectives)]
    shares = {key: sum(own.get(key, 0.0) for own in found) for key in sorted({key for own in found for key in own})}
    if not any(shares.values()):
        return None
    keys = sorted(shares, key=shares.__getitem__)
    names = [html.escape(name) for name in short_names(keys)]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label(objective.name),
            "y": names,
            "x": [own.get(key, 0.0) for key in keys],
            "marker": {"color": COLOURS[place % len(COLOURS)]},
            "hovertemplate": f"%{{y}}: %{{x:.0%}} of {label(objective.name)}<extra></extra>",
        }
        for place, (objective, own) in enumerate(zip(results.objectives, found, strict=True))
    ]
    xaxis = {"title": {"text": "share of the importance"}, "tickformat": ".0%", "rangemode": "tozero"}
    height = 130 + len(keys) * (14 + 14 * len(data))
    legend = {"traceorder": "normal"}
    return {"data": data, "layout": {"xaxis": xaxis, "yaxis": {"type": "category"}, "height": height, "legend": legend}}


def importances(study: optuna.Study, place: int, objective: Objective) -> dict[str, float]:
    """Return each parameter's share of the importance for one objective; empty with too few trials or no difference.

    Source: Watanabe, Bansal and Hutter (2023), "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
    Arbitrary Subspaces", IJCAI.
    """
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < MIN_TRIALS or not complete[0].params:
        return {}
    sign = -1.0 if objective.direction == MAXIMIZE else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that a target is taken as one to be made small: this one is
        shares = optuna.importance.get_param_importances(
            study,
            evaluator=optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE),
            target=lambda trial: sign * trial.values[place],
            normalize=False,
        )
    whole = sum(shares.values())
    return {key: share / whole for key, share in shares.items()} if whole > 0 else {}


def short_names(keys: list[str]) -> list[str]:
    """Return the last part of each dotted key where that tells it from the others, and the whole key elsewhere."""
    last = Counter(key.rsplit(".", 1)[-1] for key in keys)
    return [key.rsplit(".", 1)[-1] if last[key.rsplit(".", 1)[-1]] == 1 else key for key in keys]


def _note(place: int, height: float, text: str) -> Figure:
    """Return a value beside its axis, above the upper end and below the lower one."""
    shift = {0.0: -9, 1.0: 9}.get(height, 0)
    look = {"showarrow": False, "font": {"size": 10.5, "color": "$soft"}, "xanchor": "left", "xshift": 4}
    return {"x": place, "y": height, "text": html.escape(text), "yshift": shift, **look}


def _scales(results: SweepResults, records: list[TrialRecord]) -> list[Scale]:
    keys = list(dict.fromkeys(key for record in records for key in record.params))
    logarithmic = {
        key
        for trial in results.study.get_trials(deepcopy=False)
        for key, distribution in trial.distributions.items()
        if getattr(distribution, "log", False)
    }
    scales = []
    for key, name in zip(keys, short_names(keys), strict=True):
        values = {record.number: record.params[key] for record in records if key in record.params}
        is_number = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values.values())
        scales.append(_number_scale(name, values, key in logarithmic) if is_number else _name_scale(name, values))
    for place, objective in enumerate(results.objectives):
        values = {record.number: (record.values or ())[place] for record in records}
        scales.append(_objective_scale(objective, values))
    return scales


def _number_scale(title: str, values: dict[int, float], is_logarithmic: bool) -> Scale:
    use_logarithm = is_logarithmic and min(values.values()) > 0
    shown = {number: math.log(value) if use_logarithm else float(value) for number, value in values.items()}
    ends = [(0.0, parameter_text(min(values.values()))), (1.0, parameter_text(max(values.values())))]
    return Scale(f"{title} (log)" if use_logarithm else title, _placed(shown), _distinct(ends))


def _name_scale(title: str, values: dict[int, object]) -> Scale:
    names = sorted({str(value) for value in values.values()})
    heights = {name: place / (len(names) - 1) if len(names) > 1 else 0.5 for place, name in enumerate(names)}
    ticks = [(heights[name], parameter_text(name)) for name in names]
    places = {number: heights[str(value)] for number, value in values.items()}
    return Scale(title, places, ticks if len(names) <= MAX_LEVELS else [])


def _objective_scale(objective: Objective, values: dict[int, float]) -> Scale:
    """Return the scale of an objective, the better end on top."""
    is_maximized = objective.direction == MAXIMIZE
    finite = {number: value for number, value in values.items() if math.isfinite(value)}
    places = _placed(finite if is_maximized else {number: -value for number, value in finite.items()})
    ends = (min(finite.values()), max(finite.values())) if finite else (math.nan, math.nan)
    worst, best = ends if is_maximized else ends[::-1]
    ticks = [(0.0, number_text(objective.name, worst)), (1.0, number_text(objective.name, best))]
    return Scale(f"{objective.name.replace('_', ' ')} (objective)", places, _distinct(ticks))


def _placed(values: dict[int, float]) -> dict[int, float]:
    low, high = (min(values.values()), max(values.values())) if values else (0.0, 0.0)
    return {number: (value - low) / (high - low) if high > low else 0.5 for number, value in values.items()}


def _distinct(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the ticks of both ends, or one in the middle where they say the same."""
    return ticks if ticks[0][1] != ticks[1][1] else [(0.5, ticks[0][1])]


def _lines(group: Group, scales: list[Scale], results: SweepResults) -> Figure:
    """Return the lines of a group as one trace with gaps; each point carries its trial's number for the script."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    texts: list[str] = []
    for record in group.records:
        text = hover_text(record, results.objectives)
        for place, scale in enumerate(scales):
            x.append(place)
            y.append(scale.places.get(record.number))
            numbers.append(record.number)
            texts.append(text)
        x.append(None)
        y.append(None)
        numbers.append(None)
        texts.append("")
    look = {"color": group.colour, "width": 2 if group.name == "front" else 1.1}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": group.name,
        "x": x,
        "y": y,
        "customdata": numbers,
        "text": texts,
        "hovertemplate": HOVER,
        "line": look,
        "marker": {"size": 4},
        "opacity": OPACITY.get(group.name, 0.45),
    }
