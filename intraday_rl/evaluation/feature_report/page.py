"""The feature report as one page that loads nothing: `features.html`.

Conventions: the page describes, it chooses nothing: statistics and correlations are those of the reference (the
training sessions), later parts appear in distributions and distances only. Every text from outside is escaped.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from intraday_rl.core.webpage import fill_template
from intraday_rl.evaluation.feature_report.data import FeatureReportData, IntegerArray
from intraday_rl.evaluation.feature_report.drawing import CELL, LABELS, distributions, heat_map
from intraday_rl.evaluation.feature_report.findings import (
    ALIKE_LIMIT,
    DRIFT_LIMIT,
    FeatureFacts,
    Finding,
    find,
    gather_facts,
    headline,
    is_beyond,
    is_drifting,
)
from intraday_rl.evaluation.feature_report.statistics import clustered_order, known
from intraday_rl.features import FAMILIES

UNITS = {spec.name: re.sub(r"^1\b ?", "", spec.unit) for family in FAMILIES for spec in family.specs}
NAMES_SHOWN = 12  # of a finding; the rest is counted
PAIRS_SHOWN = 40
NO_BREAK = "\N{NO-BREAK SPACE}"
ROUNDING = 1e-9  # smaller numbers are shown as 0


def write_feature_report(data: FeatureReportData, path: Path) -> list[Finding]:
    """Write the page, replacing an existing file, and return what it found."""
    facts = gather_facts(data)
    path.write_text(page(data, facts), encoding="utf-8")
    return find(data, facts)


def page(data: FeatureReportData, facts: FeatureFacts) -> str:
    """Return the whole page as text."""
    order = clustered_order(facts.correlation)
    first = headline(data, facts)
    slots = {
        "page_title": html.escape(f"{data.title}: features"),
        "headline": html.escape(first),
        "subtitle": html.escape(_subtitle(data)),
        "tiles": _tiles(facts),
        "findings": "".join(map(_finding, find(data, facts))),
        "reference": html.escape(data.parts[0]),
        "drift_limit": f"{DRIFT_LIMIT}",
        "alike_limit": f"{ALIKE_LIMIT}",
        "sampled": _sampled(facts),
        "legend": _legend(data),
        "distributions": _distributions(data, facts),
        "drift": _drift(data, facts),
        "features": _features(data, facts),
        "heat": heat_map(facts.correlation, data.names, order),
        "pairs": _pairs(facts),
        "data": _payload(data, facts, order),
    }
    return fill_template("intraday_rl.evaluation.feature_report", slots)


def _subtitle(data: FeatureReportData) -> str:
    dates = [date for table in data.tables for date in (table.dates[0], table.dates[-1])]
    sizes = [f"{max(len(table.parts[part]) for table in data.tables)} {part}" for part in data.parts]
    return f"{data.title} · {min(dates)} to {max(dates)} · sessions: {', '.join(sizes)}"


def _tiles(facts: FeatureFacts) -> str:
    record = facts.record
    tiles = [
        (f"{record.sessions:,}", "sessions"),
        (f"{record.minutes:,}", "minutes"),
        (_percent(record.without_bar / record.minutes), "minutes without a bar"),
        (f"{record.warm_up:,}", "minutes of warm-up"),
        (f"{record.incomplete:,}", "minutes with a missing value after it"),
    ]
    return "".join(f"<div class='tile'><b>{value}</b><span>{label}</span></div>" for value, label in tiles)


def _finding(finding: Finding) -> str:
    shown = ", ".join(which.replace(" ", NO_BREAK) for which in finding.which[:NAMES_SHOWN])
    count = finding.number()
    if count > NAMES_SHOWN:
        shown += f" and {count - NAMES_SHOWN} more"
    style = "some" if count else "none"
    return (
        f"<tr><td class='number count {style}'>{count}</td><th scope='row'>{html.escape(finding.what)}</th>"
        f"<td class='why'>{html.escape(shown)}</td></tr>"
    )


def _sampled(facts: FeatureFacts) -> str:
    used = len(facts.rows.values)
    if used == facts.rows.rows:
        return ""
    return (
        f"Distributions and distances rest on {used:,} of {facts.rows.rows:,} minutes, drawn evenly and always the "
        "same; what is missing was counted on all."
    )


def _legend(data: FeatureReportData) -> str:
    keys = (f"<span class='key part{place}'>{html.escape(part)}</span>" for place, part in enumerate(data.parts))
    return f"<p class='legend'>{''.join(keys)}</p>"


def _distributions(data: FeatureReportData, facts: FeatureFacts) -> str:
    parts = [facts.rows.of(place) for place in range(len(data.parts))]
    flagged = {name for measured in facts.drift.values() for name in measured.index[is_drifting(measured)]}
    return "".join(
        _distribution(name, distributions([known(part, column) for part in parts]), name in flagged)
        for column, name in enumerate(data.names)
    )


def _distribution(name: str, drawn: tuple[str, float, float], is_flagged: bool) -> str:
    shape, low, high = drawn
    ends = f"<span>{_number(low)}</span><span>{_number(high)}</span>" if shape else "<span>never known</span>"
    style = "small drifting" if is_flagged else "small"
    title = f"<figcaption><b>{html.escape(name)}</b><i>{html.escape(UNITS.get(name, ''))}</i></figcaption>"
    return f"<figure class='{style}'>{title}{shape}<p class='ends'>{ends}</p></figure>"


def _drift(data: FeatureReportData, facts: FeatureFacts) -> str:
    """Return the table of distances, the largest first, by the first later part."""
    if not facts.drift:
        return "<p class='empty'>There is no later part to compare with.</p>"
    names = next(iter(facts.drift.values()))["psi"].sort_values(ascending=False, na_position="last").index
    groups = "".join(
        f"<th colspan='4' class='group'>{html.escape(f'{data.parts[0]} → {part}')}</th>" for part in facts.drift
    )
    columns = ("<th class='number first'>PSI</th><th class='number'>seen</th><th class='number'>KS</th>"
               "<th class='number'>shift, sd</th>") * len(facts.drift)  # fmt: skip
    marked = [(measured, _styles(measured)) for measured in facts.drift.values()]
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th>"
        + "".join(_distances(measured.loc[name], styles[name]) for measured, styles in marked)
        + "</tr>"
        for name in names
    )
    head = f"<tr><th></th>{groups}</tr><tr><th>Feature</th>{columns}</tr>"
    return f"<div class='scroll'><table class='dense'><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _styles(measured: pd.DataFrame) -> pd.Series:
    """Return the class of each feature's index."""
    words = np.where(is_beyond(measured), "verdict fail", "verdict open")
    return pd.Series(np.where(is_drifting(measured), words, ""), index=measured.index)


def _distances(row: pd.Series, style: str) -> str:
    shown = f"<span class='{style}'>{_fixed(row['psi'], 3)}</span>"
    return (
        f"<td class='number first'>{shown}</td><td class='number soft'>{_fixed(row['seen_psi'], 3)}</td>"
        f"<td class='number'>{_fixed(row['ks'], 3)}</td><td class='number'>{_fixed(row['mean_shift'], 2, '+')}</td>"
    )


def _features(data: FeatureReportData, facts: FeatureFacts) -> str:
    titles = ("mean", "sd", "1 %", "median", "99 %", "missing", "carried")
    heads = "".join(f"<th class='number'>{title}</th>" for title in titles)
    table = facts.quality.join(facts.distribution)
    rows = "".join(_feature(str(name), row) for name, row in table.iterrows())
    head = f"<tr><th>Feature</th><th>From</th>{heads}<th>First known</th></tr>"
    return f"<div class='scroll'><table class='dense'><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _feature(name: str, row: pd.Series) -> str:
    unit = html.escape(UNITS.get(name, ""))
    numbers = [_number(row[column]) for column in ("mean", "sd", "q01", "q50", "q99")]
    shares = [_percent(row[column]) for column in ("missing", "carried")]
    cells = "".join(f"<td class='number'>{html.escape(text)}</td>" for text in numbers + shares)
    constant = " <span class='verdict fail'>constant</span>" if row["is_constant"] else ""
    return (
        f"<tr><th scope='row'>{html.escape(name)} <span class='unit'>{unit}</span>{constant}</th>"
        f"<td class='soft'>{html.escape(str(row['source']).replace('_', ' '))}</td>{cells}"
        f"<td class='soft nowrap'>{html.escape(str(row['first_known']))}</td></tr>"
    )


def _pairs(facts: FeatureFacts) -> str:
    if not facts.alike:
        return f"<p class='empty'>No pair has a correlation above {ALIKE_LIMIT} in size.</p>"
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(first)}</th><td>{html.escape(second)}</td>"
        f"<td class='number'>{value:+.3f}</td></tr>"
        for first, second, value in facts.alike[:PAIRS_SHOWN]
    )
    more = len(facts.alike) - PAIRS_SHOWN
    note = f"<p class='caption'>and {more} more</p>" if more > 0 else ""
    return f"<table class='dense pairs'><tbody>{rows}</tbody></table>{note}"


def _payload(data: FeatureReportData, facts: FeatureFacts, order: IntegerArray) -> str:
    """Return what the heat map tells about a cell under the pointer: names and correlations in percent, as drawn."""
    table = np.round(100 * facts.correlation[np.ix_(order, order)])
    rows = [[None if np.isnan(value) else int(value) for value in row] for row in table]
    payload = {"names": [data.names[place] for place in order], "percent": rows, "labels": LABELS, "cell": CELL}
    return json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else "0" if abs(value) < ROUNDING else f"{value:.3g}"


def _fixed(value: float, digits: int, sign: str = "") -> str:
    return "n/a" if np.isnan(value) else f"{value:{sign}z.{digits}f}"


def _percent(share: float) -> str:
    return "0" if share == 0 else f"{100 * share:.2f} %" if share >= 5e-5 else "< 0.01 %"
