"""The page of a sweep, `pareto.html`: one file that loads nothing and works offline.

It opens with the plain result, a loss first. Every text that a user can choose (study name, keys, parameters, reasons,
commands) is escaped.
"""

from __future__ import annotations

import html
import json
import os
from pathlib import Path

from intraday_rl.core.webpage import fill_template
from intraday_rl.sweeps.definition import MAXIMIZE
from intraday_rl.sweeps.results import sections
from intraday_rl.sweeps.results.figures import fronts, parameters, uncertainty
from intraday_rl.sweeps.results.figures.parts import Figure, label, number_text
from intraday_rl.sweeps.results.summary import NET_RETURN, SweepResults

NO_VALUES = "No trial has values yet."
NOTHING_TO_SHOW = {
    "space": NO_VALUES,
    "history": NO_VALUES,
    "hypervolume": "The study has no trial.",
    "parallel": NO_VALUES,
    "importance": f"Fewer than {parameters.MIN_TRIALS} complete trials, no parameter, or none that made a difference.",
    "boxes": "There are no boxes.",
    "comparison": "No candidate has been judged on the test sessions yet.",
}


def write_page(results: SweepResults, path: Path) -> None:
    """Write the page, whole or not at all; an existing file is replaced."""
    new = path.with_name(path.name + ".new")
    new.write_text(page(results), encoding="utf-8")
    os.replace(new, path)


def page(results: SweepResults) -> str:
    """Return the whole page as text."""
    from plotly.offline import get_plotlyjs

    drawn = _drawn(results)
    first = sections.headline(results)
    slots = {
        "page_title": html.escape(f"{results.study_name}: {first}"),
        "tone": "loss" if _is_loss(results) else "none",
        "headline": html.escape(first),
        "subtitle": html.escape(f"{results.study_name} · {sections.counts(results)} · {_objectives(results)}"),
        "tiles": sections.tiles(results),
        "fronts": _fronts(results, drawn),
        "hypervolume": _hypervolume(results, drawn),
        "parallel": f"<div class='scroll'><div class='wide'>{_place('parallel', drawn)}</div></div>",
        "importance": _place("importance", drawn),
        "box_rule": sections.box_rule(results),
        "boxes": f"<div class='scroll'><div class='wide'>{_place('boxes', drawn)}</div></div>"
        if "boxes" in drawn
        else "",
        "comparison": sections.comparison(results),
        "comparison_figure": _place("comparison", drawn) if results.candidates else "",
        "bias": sections.selection_bias(results),
        "front_table": sections.front_table(results),
        "trials": sections.trial_table(results),
        "data": json.dumps(drawn, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "plotly": get_plotlyjs(),
    }
    return fill_template("intraday_rl.sweeps.results", slots)


def _drawn(results: SweepResults) -> dict[str, Figure]:
    made = {
        "space": fronts.space_figure(results),
        **fronts.pair_figures(results),
        "history": fronts.history_figure(results),
        "hypervolume": fronts.hypervolume_figure(results),
        "parallel": parameters.parallel_figure(results),
        "importance": parameters.importance_figure(results),
        "boxes": uncertainty.box_figure(results),
        "comparison": uncertainty.comparison_figure(results),
    }
    return {key: figure for key, figure in made.items() if figure is not None}


def _place(key: str, drawn: dict[str, Figure]) -> str:
    if key in drawn:
        return f"<div id='figure-{key}'></div>"
    return f"<p class='empty'>{NOTHING_TO_SHOW[key]}</p>"


def _fronts(results: SweepResults, drawn: dict[str, Figure]) -> str:
    if len(results.objectives) == 1:
        caption = "Each trial's value in the order of the trials, and the best feasible one so far."
        return _card("Optimisation history", caption, _place("history", drawn))
    pairs = "".join(f"<div id='figure-{key}'></div>" for key in drawn if key.startswith("pair_"))
    caption = (
        "The trials with values, two objectives at a time. The dotted line joins the best of these two alone."
        + (" Bars are the middle halves of the boxes below." if results.boxes.by_number else "")
        + (" Where a candidate, trained again with fresh seeds, is worse than its trial, the trial may have been lucky."
           if results.candidates else "")
    )  # fmt: skip
    flat = _card("Two objectives at a time", caption, _pairs(results, pairs))
    if len(results.objectives) != 3:
        return flat
    caption = "Every trial with values, on the validation sessions. Drag to turn, scroll to come closer."
    return _card("The three objectives", caption, _place("space", drawn)) + flat


def _hypervolume(results: SweepResults, drawn: dict[str, Figure]) -> str:
    if len(results.objectives) == 1:
        return ""
    reference = ", ".join(f"{label(o.name)} {number_text(o.name, o.reference)}" for o in results.objectives)
    caption = (
        "How much of the box before the reference the trials dominate, in the product of the objectives' units. "
        f"Points worse than the reference add nothing ({reference}). A curve that has gone flat found nothing new."
    )
    return _card("Hypervolume over the trials", caption, _place("hypervolume", drawn))


def _card(title: str, caption: str, body: str) -> str:
    return f"<section class='card'><h3>{title}</h3><p class='caption'>{caption}</p>{body}</section>"


def _pairs(results: SweepResults, pairs: str) -> str:
    if not pairs:
        return f"<p class='empty'>{NO_VALUES}</p>"
    return f"{sections.legend(results)}<div class='trio'>{pairs}</div>"


def _objectives(results: SweepResults) -> str:
    words = [f"{'more' if o.direction == MAXIMIZE else 'less'} {o.name.replace('_', ' ')}" for o in results.objectives]
    return "searched for " + ", ".join(words)


def _is_loss(results: SweepResults) -> bool:
    test = None if results.ensemble_test is None else results.ensemble_test.get(NET_RETURN)
    best = max(results.net_returns.values(), default=0.0)
    return best < 0 or (test is not None and test < 0)
